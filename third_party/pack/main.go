// Packs a folder with an installed Stele, PREFIX with bin, lib and share in it, as an archive or as a Python wheel. The
// same files give the same bytes, wherever and by whomever they are packed:
//
//	go run ./third_party/pack -epoch SECONDS archive PREFIX OUT.tar.gz NAME
//	go run ./third_party/pack -epoch SECONDS wheel PREFIX FOLDER VERSION PLATFORM
//
// Names in the archive begin with NAME/. The wheel puts the program among the scripts of an environment and the rest
// into its lib and share.
package main

import (
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("pack: ")
	epoch := flag.Int64("epoch", -1, "time of all files, in seconds since 1970")
	flag.Parse()
	if err := run(time.Unix(*epoch, 0).UTC(), flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func run(at time.Time, args []string) error {
	if at.Year() < 1980 { // where a zip's time begins
		return fmt.Errorf("-epoch is %d, expected the time of a commit", at.Unix())
	}
	switch {
	case len(args) == 4 && args[0] == "archive":
		files, err := filesOf(args[1])
		if err != nil {
			return err
		}
		return whole(args[2], func(w io.Writer) error { return writeArchive(w, files, args[3], at) })
	case len(args) == 5 && args[0] == "wheel":
		w, err := newWheel(args[1], args[3], args[4])
		if err != nil {
			return err
		}
		return whole(filepath.Join(args[2], w.name()), func(out io.Writer) error { return w.write(out, at) })
	}
	return fmt.Errorf("expected archive PREFIX OUT NAME or wheel PREFIX FOLDER VERSION PLATFORM, got %q", args)
}

// file is one that is packed.
type file struct {
	name       string // with slashes, within what is packed
	path       string // where it lies, or
	data       []byte // what it holds
	executable bool
}

// filesOf lists the files of a folder by name.
func filesOf(prefix string) (files []file, err error) {
	err = filepath.WalkDir(prefix, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is no file", path)
		}
		name, err := filepath.Rel(prefix, path)
		if err != nil {
			return err
		}
		files = append(files, file{name: filepath.ToSlash(name), path: path, executable: info.Mode()&0o100 != 0})
		return nil
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s holds nothing", prefix)
	}
	return files, err
}

func (f file) mode() fs.FileMode {
	if f.executable {
		return 0o755
	}
	return 0o644
}

// size is that of its contents in bytes.
func (f file) size() (int64, error) {
	if f.path == "" {
		return int64(len(f.data)), nil
	}
	info, err := os.Stat(f.path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// copyTo writes its contents.
func (f file) copyTo(w io.Writer) error {
	if f.path == "" {
		_, err := w.Write(f.data)
		return err
	}
	in, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = io.Copy(w, in)
	return err
}

// whole writes a file whole or not at all.
func whole(path string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	out, err := os.CreateTemp(filepath.Dir(path), strings.TrimSuffix(filepath.Base(path), ".whl")+".*.partial")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	if err := write(out); err != nil {
		return err
	}
	if err := out.Chmod(0o644); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(out.Name(), path)
}
