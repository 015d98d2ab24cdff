package eval

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/runlock"
)

// partialFiles matches the names of files that are still written (see jsonl.Create).
const partialFiles = ".*.partial-*"

// lockFolder makes dir the folder of the run m, or finds that it is already, and keeps
// other processes out until release is called. What a killed process left half
// written is removed.
func lockFolder(ctx context.Context, dir string, m *Manifest, log io.Writer, guard runlock.Guard) (
	release func() error, err error,
) {
	done := guard("reading "+dir, 0)
	if err = goesInto(dir, m); err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if done(); err != nil {
		return nil, err
	}
	unlock, err := runlock.Lock(ctx, dir, log, guard)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			unlock()
		}
	}()
	path := filepath.Join(dir, manifestName)
	defer guard("writing "+path, 0)()
	if err := removePartial(dir); err != nil {
		return nil, err
	}
	// What decides no number, such as where the model lies, is as of the last start.
	if old, err := readManifest(dir); err != nil || reflect.DeepEqual(old, m) {
		return unlock, err
	}
	return unlock, jsonl.WriteFile(path, m)
}

// goesInto refuses a folder that the run m cannot be written to: one of something else, of
// a run with other settings, or that is not to be written at all.
func goesInto(dir string, m *Manifest) error {
	if err := jsonl.CheckFolder(dir); err != nil {
		return err
	}
	if err := checkFolder(dir); err != nil {
		return err
	}
	old, err := readManifest(dir)
	if err != nil || old == nil {
		return err
	}
	difference, err := old.difference(m)
	if err != nil {
		return err
	}
	if difference != "" {
		return fmt.Errorf("%s: the run was started with other settings: %s: use the same, or choose "+
			"another folder", filepath.Join(dir, manifestName), difference)
	}
	return nil
}

func removePartial(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if partial, _ := filepath.Match(partialFiles, e.Name()); partial {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkFolder refuses a folder with something in it that is no run.
func checkFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	foreign := ""
	for _, e := range entries {
		partial, _ := filepath.Match(partialFiles, e.Name())
		switch {
		case e.Name() == manifestName:
			return nil
		case e.Name() != runlock.Name && !partial:
			foreign = e.Name()
		}
	}
	if foreign != "" {
		return fmt.Errorf("%s is not empty (%s) and holds no evaluation: choose another folder", dir,
			strings.ToValidUTF8(foreign, "?"))
	}
	return nil
}
