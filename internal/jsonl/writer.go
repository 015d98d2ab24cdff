package jsonl

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Writer writes one JSON value a line. A file appears under its name on Close,
// whole; before that, or after Abort, it is not there.
type Writer struct {
	path   string
	file   *os.File
	buffer *bufio.Writer
	done   bool
}

// Create starts a file; "-" is stdout, which gets lines as they are written.
func Create(path string) (*Writer, error) {
	if path == "-" {
		return &Writer{file: os.Stdout, buffer: bufio.NewWriter(os.Stdout)}, nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), partialPrefix(filepath.Base(path))+"*")
	switch { // the name that the file has until it is whole means nothing to anybody
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s cannot be written: there is no folder %s", path, filepath.Dir(path))
	case err != nil:
		if why := (*fs.PathError)(nil); errors.As(err, &why) {
			err = why.Err
		}
		return nil, fmt.Errorf("%s cannot be written: %w", path, err)
	}
	return &Writer{path: path, file: f, buffer: bufio.NewWriterSize(f, 1<<16)}, nil
}

// Write adds a line.
func (w *Writer) Write(v any) error {
	line, err := Marshal(v)
	if err != nil {
		return err
	}
	if _, err := w.buffer.Write(append(line, '\n')); err != nil {
		return err
	}
	if w.path == "" {
		return w.buffer.Flush()
	}
	return nil
}

// Close finishes the file and gives it its name.
func (w *Writer) Close() error {
	if w.done {
		return nil
	}
	w.done = true
	if w.path == "" {
		return w.buffer.Flush()
	}
	err := errors.Join(w.buffer.Flush(), w.file.Chmod(0o644), w.file.Sync(), w.file.Close())
	if err == nil {
		err = os.Rename(w.file.Name(), w.path)
	}
	if err != nil {
		os.Remove(w.file.Name())
	}
	return err
}

// partialPrefix is what the names of files begin with that are to become the one called name.
func partialPrefix(name string) string { return "." + name + ".partial-" }

// IsPartial reports whether an entry of a folder is what a process left that was killed while it wrote
// the file called name there.
func IsPartial(entry, name string) bool { return strings.HasPrefix(entry, partialPrefix(name)) }

// Abort throws an unfinished file away; after Close it does nothing.
func (w *Writer) Abort() {
	if w.done || w.path == "" {
		return
	}
	w.done = true
	w.file.Close()
	os.Remove(w.file.Name())
}

// WriteFile writes v as indented JSON to a file, whole or not at all.
func WriteFile(path string, v any) error {
	text, err := Marshal(v)
	if err != nil {
		return err
	}
	var indented json.RawMessage = text
	pretty, err := json.MarshalIndent(indented, "", "  ")
	if err != nil {
		return err
	}
	return WriteBytes(path, append(pretty, '\n'))
}

// WriteBytes writes a file, whole or not at all.
func WriteBytes(path string, data []byte) error {
	w, err := Create(path)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.buffer.Write(data); err != nil {
		return err
	}
	return w.Close()
}
