package eval

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"github.com/stele-lm/stele/internal/jsonl"
)

// SampleReader reads a samples.jsonl sample by sample.
type SampleReader struct {
	path   string // for messages
	in     *bufio.Reader
	number int // of the line read last
	torn   bool
}

// NewSampleReader reads from r; path names it in messages.
func NewSampleReader(path string, r io.Reader) *SampleReader {
	return &SampleReader{path: path, in: bufio.NewReaderSize(r, 1<<16)}
}

// Next returns the next sample and its line, with the newline; io.EOF is the end. A
// last line that is cut off, or no sample, is what a run leaves that was killed or is
// still writing, and is the end too. Elsewhere it is an error.
func (r *SampleReader) Next() (*Sample, json.RawMessage, error) {
	line, err := r.in.ReadBytes('\n')
	switch {
	case err == io.EOF:
		r.torn = r.torn || len(line) > 0
		return nil, nil, io.EOF
	case err != nil:
		return nil, nil, fmt.Errorf("%s: %w", r.path, err)
	}
	r.number++
	var s Sample
	if err := jsonl.Unmarshal(line, &s); err != nil {
		if r.atEnd() {
			r.torn = true
			return nil, nil, io.EOF
		}
		return nil, nil, r.errorf("not a sample: %w", err)
	}
	return &s, line, nil
}

// atEnd reports whether no line comes after the last one read.
func (r *SampleReader) atEnd() bool {
	_, err := r.in.Peek(1)
	return err == io.EOF
}

// errorf is an error that names the line read last.
func (r *SampleReader) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: "+format, append([]any{r.path, r.number}, args...)...)
}
