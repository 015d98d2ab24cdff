// Package runlock keeps two processes, and two jobs, from writing one run.
package runlock

import (
	"context"
	"errors"
	"fmt"
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
	// A holder touches the file every so often, and one on another machine counts as alive for so long after that:
	// file systems that several machines share do not all pass locks on.
	touched = 15 * time.Second
	alive   = time.Minute
)

// Lock keeps other processes from writing the run in dir until release is called. It is an
// error that another process writes it, on this machine or another.
func Lock(dir string) (release func() error, err error) {
	path := filepath.Join(dir, Name)
	unlock, locked, err := Take(path)
	if err != nil {
		return nil, err
	}
	holder, host, ago := holderOf(path)
	if !locked {
		return nil, fmt.Errorf("%s is being written by another process%s", dir, holder)
	}
	own, err := os.Hostname()
	if err != nil {
		own = "localhost"
	}
	if host != "" && host != own && ago < alive {
		return nil, errors.Join(unlock(), fmt.Errorf("%s is being written by another process%s, or was %v ago: where "+
			"it was killed, try again in %v", dir, holder, ago.Round(time.Second),
			(alive-ago).Round(time.Second)+time.Second))
	}
	note := fmt.Sprintf("process %d on %s, since %s\n", os.Getpid(), own, time.Now().Format(time.DateTime))
	_ = os.WriteFile(path, []byte(note), 0o644) // a full disk is met by what is written next
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
		_ = os.Truncate(path, 0) // the folder may be gone
		return unlock()
	}), nil
}

// holderOf is what a lock's file says of who holds it: in brackets for a message, its machine, and how long ago it said
// so. All are empty where it says nothing.
func holderOf(path string) (message, host string, ago time.Duration) {
	text, err := os.ReadFile(path)
	if err != nil || len(text) == 0 {
		return "", "", 0
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", "", 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if _, rest, found := strings.Cut(line, " on "); found {
		host, _, _ = strings.Cut(rest, ",")
	}
	return " (" + line + ")", host, time.Since(info.ModTime())
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
