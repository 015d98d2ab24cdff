package jsonl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// CheckFolder refuses a folder that cannot be made, or written to.
func CheckFolder(dir string) error {
	there, err := Existing(dir)
	if err != nil {
		return err
	}
	info, err := os.Stat(there)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no folder: choose another --out", there)
	case unix.Access(there, unix.W_OK|unix.X_OK) != nil:
		return fmt.Errorf("%s cannot be written by this user: choose another --out", there)
	}
	return nil
}

// Existing is the first that is there of dir and the folders that lead to it.
func Existing(dir string) (string, error) {
	at, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		_, err := os.Stat(at)
		if err == nil || at == filepath.Dir(at) {
			return at, nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) {
			return "", err
		}
		at = filepath.Dir(at)
	}
}
