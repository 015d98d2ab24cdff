package jsonl

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/stele-lm/stele/internal/filetype"
)

// maxLine is the longest line that is read.
const maxLine = 64 << 20

// Reader reads records from a file.
type Reader struct {
	path    string
	file    io.Closer
	scanner *bufio.Scanner
	line    int
	pipe    bool // may have no end yet
}

// Open opens a file for reading; "-" is stdin, and a name that ends in .gz is
// unpacked.
func Open(path string) (*Reader, error) {
	if path == "-" {
		r := NewReader("stdin", os.Stdin)
		r.pipe = true
		return r, nil
	}
	kind, packed := filetype.OfFile(path), strings.HasSuffix(path, ".gz")
	switch {
	case kind == filetype.Gzip && !packed:
		return nil, fmt.Errorf("%s is a gzip file: rename it to %s.gz, or unpack it", path,
			filepath.Base(path))
	case kind != filetype.Unknown && kind != filetype.Empty && !(packed && kind == filetype.Gzip):
		return nil, fmt.Errorf("%s is %s (expected JSONL)", path, kind)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a folder: name a file in it", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	var source io.Reader = f
	if packed {
		if source, err = gzip.NewReader(f); err != nil {
			f.Close()
			return nil, fmt.Errorf("%s: %w", path, Packed(err))
		}
	}
	r := NewReader(path, source)
	r.file = f
	return r, nil
}

// NewReader reads records from r; name is for errors.
func NewReader(name string, r io.Reader) *Reader {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 64<<10), maxLine)
	return &Reader{path: name, scanner: s}
}

// Next returns the next record, or io.EOF. Empty lines are passed over.
func (r *Reader) Next() (*Record, error) {
	for r.scanner.Scan() {
		r.line++
		text := bytes.TrimSpace(r.scanner.Bytes())
		if r.line == 1 {
			text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
		}
		if len(text) == 0 {
			continue
		}
		record, err := ParseRecord(text)
		if errors.Is(err, errEndsEarly) && r.goesOn() {
			err = fmt.Errorf("%w: a record and all its fields are one line here, as jq -c writes them", err)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Where(), err)
		}
		return record, nil
	}
	switch err := r.scanner.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("%s:%d: the line is longer than %d MiB", r.path, r.line+1, maxLine>>20)
	case err != nil:
		return nil, fmt.Errorf("%s:%d: %w", r.path, r.line+1, Packed(err))
	}
	return nil, io.EOF
}

// goesOn reports whether a file has more text, which ends the reading of it. A pipe is not waited for.
func (r *Reader) goesOn() bool {
	for !r.pipe && r.scanner.Scan() {
		if len(bytes.TrimSpace(r.scanner.Bytes())) > 0 {
			return true
		}
	}
	return false
}

// Where is the file and line of the last record, for errors about its content.
func (r *Reader) Where() string { return fmt.Sprintf("%s:%d", r.path, r.line) }

// Close closes the file.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}
