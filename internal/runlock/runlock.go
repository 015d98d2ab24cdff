// Package runlock keeps two processes from writing one run.
package runlock

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// Name is the file of a run's folder that a process holds while it writes the run.
const Name = ".lock"

// patience is how long a lock is waited for. A process that was killed while it started a
// program of the user's leaves a child that holds all its files until that program begins.
const patience = 2 * time.Second

// Lock keeps other processes from writing the run in dir until release is called. It is an
// error that another process writes it.
func Lock(dir string) (release func() error, err error) {
	release, locked, err := Take(filepath.Join(dir, Name))
	if err == nil && !locked {
		err = fmt.Errorf("%s is being written by another process", dir)
	}
	return release, err
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
