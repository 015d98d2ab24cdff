package eval

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/runlock"
)

// journal is samples.jsonl while a run is on: lines are appended as samples end
// and put into order at the end. Of a sample it keeps in memory only where its
// line is and what the results need.
type journal struct {
	path  string
	send  func(slot int, line []byte) error // in place of a file, where another process has it
	guard runlock.Guard
	slots map[string]int // question's key to its first entry
	count []int          // samples of the question that an entry belongs to, by first entry

	mu      sync.Mutex
	file    *os.File
	size    int64
	entries []entry // question by question, sample by sample
	done    int
}

// entry is a sample on disk; length 0 means that there is none yet, -1 that another process has it.
type entry struct {
	offset  int64
	length  int
	outcome outcome
}

// newJournal has room for all samples of the questions.
func newJournal(path string, questions []Question, spec *Spec) *journal {
	j := &journal{path: path, slots: make(map[string]int, len(questions))}
	for i := range questions {
		q := &questions[i]
		n := spec.Samples[q.Benchmark]
		j.slots[q.key()] = len(j.entries)
		j.entries = append(j.entries, make([]entry, n)...)
		for range n {
			j.count = append(j.count, n)
		}
	}
	return j
}

// openJournal reads what is there of a run's samples and cuts off a torn end.
func openJournal(path string, questions []Question, spec *Spec) (_ *journal, err error) {
	j := newJournal(path, questions, spec)
	defer func() {
		if err != nil {
			j.close()
		}
	}()
	if j.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return nil, err
	}
	if err := j.read(j.file); err != nil {
		return nil, err
	}
	if err := j.file.Truncate(j.size); err != nil {
		return nil, err
	}
	_, err = j.file.Seek(j.size, io.SeekStart)
	return j, err
}

// read indexes the lines. A last line that is not whole is what a killed run
// leaves behind; anywhere else it is damage that a person must look at.
func (j *journal) read(file io.Reader) error {
	for in := NewSampleReader(j.path, file); ; {
		s, line, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			if err = j.note(s, len(line)); err != nil && in.atEnd() {
				return nil
			}
			if err != nil {
				err = in.errorf("%w", err)
			}
		}
		if err != nil {
			return fmt.Errorf("%w: remove the line and it is computed again", err)
		}
	}
}

// note indexes a line at the end of what is known; a sample that is there
// already stays as it was.
func (j *journal) note(s *Sample, length int) error {
	q := s.question()
	first, ok := j.slots[q.key()]
	if !ok || s.Sample < 0 || s.Sample >= j.count[first] {
		return fmt.Errorf("sample %d of %s is not asked for in this run", s.Sample, q.key())
	}
	j.put(first+s.Sample, length, s.outcome())
	return nil
}

func (j *journal) put(slot, length int, o outcome) {
	if e := &j.entries[slot]; e.length == 0 {
		*e = entry{j.size, length, o}
		j.done++
	}
	j.size += int64(length)
}

// has tells whether a sample is on disk.
func (j *journal) has(slot int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.entries[slot].length != 0
}

// append writes a sample's line.
func (j *journal) append(slot int, s *Sample) error {
	line, err := s.line()
	if err != nil {
		return err
	}
	return j.write(slot, line, s)
}

// write appends a sample's line as it is.
func (j *journal) write(slot int, line []byte, s *Sample) (err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.send != nil {
		err = j.send(slot, line)
	} else {
		done := j.guard("writing "+j.path, 0)
		_, err = j.file.Write(line)
		done()
	}
	if err == nil {
		j.put(slot, len(line), s.outcome())
	}
	return err
}

// sort writes the file anew in the order of questions and samples, unless it is.
func (j *journal) sort() error {
	if at := int64(0); !slices.ContainsFunc(j.entries, func(e entry) bool {
		at += int64(e.length)
		return e.offset+int64(e.length) != at
	}) && at == j.size {
		return nil
	}
	w, err := jsonl.Create(j.path)
	if err != nil {
		return err
	}
	defer w.Abort()
	for _, e := range j.entries {
		line := make(json.RawMessage, e.length)
		if _, err := j.file.ReadAt(line, e.offset); err != nil {
			return fmt.Errorf("%s: %w", j.path, err)
		}
		if err := w.Write(line); err != nil {
			return err
		}
	}
	return w.Close()
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}
