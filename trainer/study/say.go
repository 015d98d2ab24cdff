package study

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// voice is what is said to a person by jobs that are done beside each other: whole lines, each
// after the name of its job.
type voice struct {
	mu sync.Mutex
	w  io.Writer
}

// say writes a line.
func (v *voice) say(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.w != nil {
		fmt.Fprintf(v.w, format+"\n", args...)
	}
}

// of returns the writer of a job.
func (v *voice) of(job string) *jobVoice { return &jobVoice{voice: v, job: job} }

// jobVoice writes a job's lines as they end.
type jobVoice struct {
	voice *voice
	job   string
	line  []byte // that has not ended
}

// Write implements io.Writer.
func (v *jobVoice) Write(b []byte) (int, error) {
	v.voice.mu.Lock()
	defer v.voice.mu.Unlock()
	v.line = append(v.line, b...)
	end := bytes.LastIndexByte(v.line, '\n') + 1
	for line := range bytes.Lines(v.line[:end]) {
		if _, err := fmt.Fprintf(v.voice.w, "%s: %s", v.job, line); err != nil {
			return len(b), err
		}
	}
	v.line = append(v.line[:0], v.line[end:]...)
	return len(b), nil
}
