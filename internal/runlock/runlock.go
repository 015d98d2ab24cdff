// Package runlock keeps two processes, and two jobs, from writing one run.
package runlock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// Name is the file of a run's folder that a process holds while it writes the run.
const Name = ".lock"

const (
	// patience is how long a lock is waited for. A process that was killed while it started a
	// program of the user's leaves a child that holds all its files until that program begins.
	patience = 2 * time.Second
	// touched is how often a holder touches the file: not all file systems of several machines pass locks on.
	touched = 15 * time.Second
)

// For so long after it touched the file a holder on another machine counts as alive, and so often it is looked whether
// it does. Tests take less.
var (
	alive = time.Minute
	looks = time.Second
)

// Guard watches over what is done with files until done is called, as many bytes of them: their file system may hang.
type Guard func(what string, bytes int64) (done func())

// Lock keeps other processes from writing the run in dir until release is called. It is an error that another process
// writes it, on this machine or another. Whether one on another machine still does shows within a minute, which is
// waited for, as where a job was killed and is started again elsewhere; say, which may be nil, gets a line about that.
// The guard, which may be nil, does not watch over that minute.
func Lock(ctx context.Context, dir string, say io.Writer, guard Guard) (release func() error, err error) {
	if guard == nil {
		guard = func(string, int64) func() { return func() {} }
	}
	path := filepath.Join(dir, Name)
	done := guard("locking "+path, 0)
	unlock, locked, err := Take(path)
	if err != nil {
		done()
		return nil, err
	}
	holder := holderOf(path)
	done()
	if !locked {
		return nil, holder.refuse(dir)
	}
	own, err := os.Hostname()
	if err != nil {
		own = "localhost"
	}
	if holder.host != "" && holder.host != own {
		if err := holder.outlast(ctx, dir, say); err != nil {
			return nil, errors.Join(err, unlock())
		}
	}
	note := fmt.Sprintf("process %d on %s, since %s\n", os.Getpid(), own, time.Now().Format(time.DateTime))
	done = guard("writing "+path, 0)
	_ = os.WriteFile(path, []byte(note), 0o644) // a full disk is met by what is written next
	done()
	ended := make(chan struct{})
	go func() {
		tick := time.NewTicker(touched)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				_ = os.Chtimes(path, now, now)
			case <-ended:
				return
			}
		}
	}()
	return sync.OnceValue(func() error {
		close(ended)
		defer guard("unlocking "+path, 0)()
		_ = os.Truncate(path, 0) // the folder may be gone
		return unlock()
	}), nil
}

// holder is what a lock's file says of who holds it; empty where it says nothing.
type holder struct {
	path, line, host string
	touched          time.Time // by the clock of who keeps the file
}

func holderOf(path string) (h holder) {
	file, err := os.Open(path) // which has a file system that several machines share look for what is new
	if err != nil {
		return h
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil || len(text) == 0 {
		return h
	}
	info, err := file.Stat()
	if err != nil {
		return h
	}
	h.path, h.touched = path, info.ModTime()
	h.line, _, _ = strings.Cut(string(text), "\n")
	if _, rest, found := strings.Cut(h.line, " on "); found {
		h.host, _, _ = strings.Cut(rest, ",")
	}
	return h
}

func (h holder) refuse(dir string) error {
	by := ""
	if h.line != "" {
		by = " (" + h.line + ")"
	}
	return fmt.Errorf("%s is being written by another process%s", dir, by)
}

// outlast waits until the holder, which is on another machine, counts as gone. It is an error that it touches its file.
// Clocks of machines may differ, so that only times of the file are compared with each other, and no wait is longer.
func (h holder) outlast(ctx context.Context, dir string, say io.Writer) error {
	left := min(alive-time.Since(h.touched), alive)
	if left <= 0 {
		return nil
	}
	if say != nil {
		fmt.Fprintf(say, "%s was being written a moment ago (%s): waiting for up to %v to see whether it still is\n",
			dir, h.line, max(left.Round(time.Second), time.Second))
	}
	tick, end := time.NewTicker(looks), time.After(left)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		case <-end:
			ended = true
		}
		switch now := holderOf(h.path); {
		case now.line == "": // it has let go
			return nil
		case now.line != h.line || !now.touched.Equal(h.touched):
			return now.refuse(dir)
		}
	}
	return nil
}

// Take locks the file at path until release is called. locked is false where another process
// holds it.
func Take(path string) (release func() error, locked bool, err error) {
	lock := flock.New(path)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	locked, err = lock.TryLockContext(ctx, 10*time.Millisecond)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	return lock.Close, locked, err
}
