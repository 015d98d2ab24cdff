// Package runlock keeps two processes from writing one run.
package runlock

import (
	"fmt"
	"path/filepath"

	"github.com/gofrs/flock"
)

// Name is the file of a run's folder that a process holds while it writes the run.
const Name = ".lock"

// Lock keeps other processes from writing the run in dir until release is called. It is an
// error that another process writes it.
func Lock(dir string) (release func() error, err error) {
	lock := flock.New(filepath.Join(dir, Name))
	locked, err := lock.TryLock()
	if err == nil && !locked {
		err = fmt.Errorf("%s is being written by another process", dir)
	}
	return lock.Close, err
}
