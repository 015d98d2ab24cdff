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
	"regexp"
	"slices"

	"stele/eval"
	"stele/eval/metric"
)

// Run is what a run folder holds.
type Run struct {
	Name string // of the folder, with its parent's where two are called the same
	dir  string
	// Results are an evaluation's; nil for a training run.
	Results *eval.Results
	// Training is a training run's; nil for an evaluation.
	Training *Training

	answers *outcomes // of the evaluation; nil without samples.jsonl
	extra   extraScores
	// unfinished says how far an evaluation is that is still going on.
	unfinished string
	// origin is the training run that made the model evaluated, where it is found.
	origin *Training
}

// Training is a training run, done or going on.
type Training struct {
	Model     string
	Algorithm string
	Bench     string   // trained on
	Languages []string // trained on
	Planned   int      // steps in all; 0 when not known
	Steps     []Step
	// Before and After are its evaluations; nil when they are not there (yet).
	Before, After *eval.Results

	answersBefore, answersAfter *outcomes
	extraBefore, extraAfter     extraScores
}

// Step is a line of metrics.jsonl; what is not a finite number is left out.
type Step map[string]float64

// Open reads a run's folder: one with results.json or samples.jsonl is an
// evaluation, one with metrics.jsonl or eval/before is a training run.
func Open(dir string) (*Run, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	run := &Run{Name: filepath.Base(absolute), dir: absolute}
	if found, err := run.openEvaluation(dir); err != nil || found {
		return run, err
	}
	t := &Training{}
	found := false
	for when, into := range map[string]struct {
		results *(*eval.Results)
		answers *(*outcomes)
		extra   *extraScores
	}{"before": {&t.Before, &t.answersBefore, &t.extraBefore}, "after": {&t.After, &t.answersAfter, &t.extraAfter}} {
		part := filepath.Join(dir, "eval", when)
		*into.results, err = eval.ReadResults(part)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			*into.answers, err = readSamples(filepath.Join(part, "samples.jsonl"), (*into.results).Settings.Grader)
		}
		if err == nil {
			*into.extra, err = readExtra(filepath.Join(part, "results.json"))
		}
		if err != nil {
			return nil, err
		}
		found = true
	}
	t.Steps, err = readSteps(filepath.Join(dir, "metrics.jsonl"))
	if err != nil && !(found && errors.Is(err, fs.ErrNotExist)) {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is no run: it has neither results.json nor metrics.jsonl", dir)
		}
		return nil, err
	}
	if err := readRollouts(filepath.Join(dir, "rollouts"), t.Steps); err != nil {
		return nil, err
	}
	if err := t.readManifest(filepath.Join(dir, "manifest.json")); err != nil {
		return nil, err
	}
	run.Training = t
	return run, nil
}

// openEvaluation reads the folder of an evaluation, done or going on; false when it
// is none.
func (run *Run) openEvaluation(dir string) (bool, error) {
	samples := filepath.Join(dir, "samples.jsonl")
	results, err := eval.ReadResults(dir)
	if err == nil {
		run.Results = results
		if run.answers, err = readSamples(samples, results.Settings.Grader); err != nil {
			return true, err
		}
		if run.extra, err = readExtra(filepath.Join(dir, "results.json")); err != nil {
			return true, err
		}
		run.origin = trainedBy(results.Model)
		return true, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return true, err
	}
	if _, err := os.Stat(samples); err != nil {
		return false, nil
	}
	var m eval.Manifest
	path := filepath.Join(dir, "manifest.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return true, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return true, fmt.Errorf("%s: %w", path, err)
	}
	if run.answers, err = readSamples(samples, m.Settings.Grader); err != nil {
		return true, err
	}
	run.Results = run.answers.results(m.Model, m.Settings)
	run.unfinished = fmt.Sprintf("%d samples so far of %d questions", run.answers.samples, m.Questions)
	run.origin = trainedBy(m.Model)
	return true, nil
}

// trainedBy finds the training run whose checkpoint a model is, RUN/checkpoints/step-N,
// by its manifest; nil where there is none.
func trainedBy(model string) *Training {
	checkpoints := filepath.Dir(filepath.Clean(model))
	if filepath.Base(checkpoints) != "checkpoints" {
		return nil
	}
	t := &Training{}
	if err := t.readManifest(filepath.Join(filepath.Dir(checkpoints), "manifest.json")); err != nil || t.Model == "" {
		return nil
	}
	return t
}

// extraScores are the numbers of results.json that come from several samples a
// question, such as pass@4: by benchmark, language ("" for the mean) and name.
type extraScores map[string]map[string]map[string]value

// extraName is what such a number is called.
var extraName = regexp.MustCompile(`^(avg|pass|maj)@[0-9]+$`)

// intervalOf reads [low, high]; nil of anything else.
func intervalOf(v any) *metric.Interval {
	pair, _ := v.([]any)
	if len(pair) != 2 {
		return nil
	}
	low, okLow := pair[0].(float64)
	high, okHigh := pair[1].(float64)
	if !okLow || !okHigh {
		return nil
	}
	return &metric.Interval{low, high}
}

func readExtra(path string) (extraScores, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	type scores = map[string]any
	var r struct {
		Benchmarks map[string]struct {
			Languages map[string]scores `json:"languages"`
			Mean      scores            `json:"mean"`
		} `json:"benchmarks"`
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	extra := extraScores{}
	for b, result := range r.Benchmarks {
		extra[b] = map[string]map[string]value{}
		put := func(language string, s scores) {
			for name, v := range s {
				x, ok := v.(float64)
				if !ok || !extraName.MatchString(name) {
					continue
				}
				if extra[b][language] == nil {
					extra[b][language] = map[string]value{}
				}
				extra[b][language][name] = value{x: x, ok: true, ci: intervalOf(s[name+"_ci95"])}
			}
		}
		put("", result.Mean)
		for l, s := range result.Languages {
			put(l, s)
		}
	}
	return extra, nil
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
				Bench     string   `json:"bench"`
				Languages []string `json:"languages"`
			} `json:"data"`
		} `json:"config"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	c := m.Config
	t.Model, t.Algorithm, t.Planned, t.Languages = c.Model, c.Algorithm, c.Steps, inOrder(c.Data.Languages)
	t.Bench = c.Data.Bench
	return nil
}
