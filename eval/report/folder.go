package report

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"stele/eval"
)

// Run is what a run folder holds.
type Run struct {
	Name string
	// Results are an evaluation's; nil for a training run.
	Results *eval.Results
	// Training is a training run's; nil for an evaluation.
	Training *Training
}

// Training is a training run, done or going on.
type Training struct {
	Model     string
	Algorithm string
	Languages []string // trained on
	Planned   int      // steps in all; 0 when not known
	Steps     []Step
	// Before and After are its evaluations; nil when they are not there (yet).
	Before, After *eval.Results
}

// Step is a line of metrics.jsonl; what is not a finite number is left out.
type Step map[string]float64

// Open reads a run's folder: one with results.json is an evaluation, one with
// metrics.jsonl or eval/before is a training run.
func Open(dir string) (*Run, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	run := &Run{Name: filepath.Base(absolute)}
	run.Results, err = eval.ReadResults(dir)
	if err == nil {
		return run, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	t := &Training{}
	found := false
	for when, results := range map[string]**eval.Results{"before": &t.Before, "after": &t.After} {
		*results, err = eval.ReadResults(filepath.Join(dir, "eval", when))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		found = found || err == nil
	}
	t.Steps, err = readSteps(filepath.Join(dir, "metrics.jsonl"))
	if err != nil && !(found && errors.Is(err, fs.ErrNotExist)) {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is no run: it has neither results.json nor metrics.jsonl", dir)
		}
		return nil, err
	}
	if err := t.readManifest(filepath.Join(dir, "manifest.json")); err != nil {
		return nil, err
	}
	run.Training = t
	return run, nil
}

// readSteps reads metrics.jsonl in the order of steps. A last line that is not
// whole belongs to a run that is writing it. A step that is there twice counts
// as it was last taken.
func readSteps(path string) ([]Step, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewReader(f)
	var steps []Step
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			if _, end := in.Peek(1); end == io.EOF {
				break
			}
			return nil, fmt.Errorf("%s:%d: %w", path, number, err)
		}
		s := Step{}
		for key, value := range fields {
			if x, ok := value.(float64); ok {
				s[key] = x
			}
		}
		if _, ok := s["step"]; !ok {
			return nil, fmt.Errorf(`%s:%d: no number "step"`, path, number)
		}
		steps = append(steps, s)
	}
	slices.SortStableFunc(steps, func(a, b Step) int {
		switch {
		case a["step"] < b["step"]:
			return -1
		case a["step"] > b["step"]:
			return 1
		}
		return 0
	})
	var last []Step
	for i, s := range steps {
		if i+1 == len(steps) || steps[i+1]["step"] != s["step"] {
			last = append(last, s)
		}
	}
	return last, nil
}

// readManifest takes from a training run's manifest what a reader wants to know;
// a run without one is reported without it.
func (t *Training) readManifest(path string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var m struct {
		Config struct {
			Model     string `json:"model"`
			Algorithm string `json:"algorithm"`
			Steps     int    `json:"steps"`
			Data      struct {
				Languages []string `json:"languages"`
			} `json:"data"`
		} `json:"config"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	c := m.Config
	t.Model, t.Algorithm, t.Planned, t.Languages = c.Model, c.Algorithm, c.Steps, inOrder(c.Data.Languages)
	return nil
}
