package study

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/stele-lm/stele/trainer"
)

// voice is what is said to a person by jobs that are done at the same time: whole lines, each
// after the name of its job.
type voice struct {
	mu sync.Mutex
	w  io.Writer
}

// say writes a line.
func (v *voice) say(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	fmt.Fprintf(v.w, format+"\n", args...)
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
	if end == 0 {
		return len(b), nil
	}
	var lines bytes.Buffer
	for line := range bytes.Lines(v.line[:end]) {
		fmt.Fprintf(&lines, "%s: %s", v.job, line)
	}
	v.line = append(v.line[:0], v.line[end:]...)
	_, err := v.voice.w.Write(lines.Bytes())
	return len(b), err
}

// sayIgnored says which settings of trainings that are to be done have no effect: each once, with the
// arms that have it.
func (r *Run) sayIgnored(jobs []*Job) error {
	arms := map[string][]string{}
	var lines []string
	for _, one := range r.Study.runs {
		if one.arm == nil {
			continue
		}
		j := r.Study.Job(folder(Train, runName(one.arm.Name, one.seed)))
		if !slices.Contains(jobs, j) {
			continue
		}
		record, err := readRecord(r.Dir, j.Name)
		if err != nil {
			return err
		}
		if record != nil && record.State == Done {
			continue
		}
		for _, line := range trainer.Together(j.Config.Ignored(r.Options.DType)) {
			if arms[line] == nil {
				lines = append(lines, line)
			}
			if !slices.Contains(arms[line], one.arm.Name) {
				arms[line] = append(arms[line], one.arm.Name)
			}
		}
	}
	for _, line := range lines {
		r.say("%s: %s", some(arms[line]), line)
	}
	return nil
}
