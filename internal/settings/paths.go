package settings

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Beside returns the path, from the current folder, of what a file of settings in a folder names by a path: what lies
// beside the file, or else, as paths were read once, what is there from the current folder. Where neither is there the
// path stays as it is. note says what of it a person must know; it is "" where nothing is to be said.
func Beside(dir, path string) (at, note string) {
	if path == "" || filepath.IsAbs(path) || filepath.Clean(dir) == "." {
		return path, ""
	}
	near := filepath.Join(dir, path)
	beside, failed := os.Stat(near)
	here, err := os.Stat(path)
	switch {
	case failed != nil && err != nil:
		return path, ""
	case failed != nil:
		return path, fmt.Sprintf("there is no %s beside the file of settings: %s from the current folder is taken",
			near, path)
	case err == nil && !os.SameFile(beside, here):
		return near, fmt.Sprintf("%s is taken, beside the file of settings, and not %s from the current folder", near,
			path)
	}
	return near, ""
}

// BesideProgram is Beside for a program and its arguments: of the arguments for those that are files, and for the
// program where it is named by a path, or is none that PATH has.
func BesideProgram(dir string, run []string) (at, notes []string) {
	at = make([]string, len(run))
	copy(at, run)
	if filepath.Clean(dir) == "." {
		return at, nil
	}
	for i, arg := range run {
		if filepath.IsAbs(arg) || strings.HasPrefix(arg, "-") {
			continue
		}
		near := filepath.Join(dir, arg)
		if i == 0 && !strings.ContainsRune(arg, filepath.Separator) {
			if _, err := exec.LookPath(arg); err != nil && isFile(near) {
				at[0] = near
			}
			continue
		}
		if !isFile(near) && !isFile(arg) {
			if i == 0 {
				at[0] = near // where it is expected
			}
			continue
		}
		var note string
		if at[i], note = Beside(dir, arg); note != "" {
			notes = append(notes, note)
		}
	}
	return at, notes
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
