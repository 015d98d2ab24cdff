package report

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/internal/jsonl"
)

// exists sorts what was read from what is not there, and that from what could not be
// read, by the error of reading it.
func exists(err error) (bool, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Run is the content of a run folder.
type Run struct {
	Name string // of the folder, with its parent's where two are called the same
	dir  string
	// Results are an evaluation's; nil for a training run.
	Results *eval.Results
	// Training is a training run's; nil for an evaluation.
	Training *Training

	answers *outcomes // of the evaluation; nil without samples.jsonl
	given   string    // see Given
	// unfinished says how far an evaluation is that is still going on.
	unfinished string
	// manifest is the evaluation's; nil where there is none. origin is the training run
	// that made the model evaluated, or whose own evaluation this is, where it is known.
	manifest *eval.Manifest
	origin   *eval.Lineage
	measured []folderMeasures
}

// Training is a training run, done or going on.
type Training struct {
	Model     string
	Algorithm string
	Bench     string   // trained on
	Languages []string // trained on
	Planned   int      // steps in all; 0 when not known
	Steps     []Step
	Measured  []Step // evaluations during training, step 0 the initial model
	// Before and After are its evaluations; nil when they are not there (yet).
	Before, After *eval.Results

	answersBefore, answersAfter *outcomes
	manifest                    *trainingManifest // nil where there is none
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
	}{"before": {&t.Before, &t.answersBefore}, "after": {&t.After, &t.answersAfter}} {
		part := filepath.Join(dir, "eval", when)
		*into.results, err = eval.ReadResults(part)
		if ok, err := exists(err); err != nil {
			return nil, err
		} else if !ok {
			continue
		}
		if *into.answers, err = readSamples(filepath.Join(part, "samples.jsonl")); err != nil {
			return nil, err
		}
		found = true
	}
	t.Steps, err = readSteps(filepath.Join(dir, "metrics.jsonl"))
	if ok, err := exists(err); err != nil {
		return nil, err
	} else if !ok && !found {
		return nil, fmt.Errorf("%s is no run: it has neither results.json nor metrics.jsonl", dir)
	}
	if t.Measured, err = readMeasured(filepath.Join(dir, "eval.jsonl")); err != nil {
		return nil, err
	}
	if err := readRollouts(filepath.Join(dir, "rollouts"), t.Steps); err != nil {
		return nil, err
	}
	if err := t.readManifest(filepath.Join(dir, "manifest.json")); err != nil {
		return nil, err
	}
	if run.origin, err = eval.TrainingLineage(dir); err != nil {
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
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(samples); err != nil {
			return false, nil
		}
		var progress eval.Progress
		results, progress, err = eval.Partial(dir)
		run.unfinished = fmt.Sprintf("%d samples so far of %d questions", progress.Samples,
			progress.Questions)
	}
	if err != nil {
		return true, err
	}
	run.Results = results
	if run.manifest, err = eval.ReadManifest(dir); err != nil {
		return true, err
	}
	if run.origin, err = lineageOf(run.dir, run.manifest, results.Model); err != nil {
		return true, err
	}
	run.answers, err = readSamples(samples)
	return true, err
}

// readSteps reads metrics.jsonl in the order of steps. A last line that is not
// whole belongs to a run that is writing it. A step that appears twice counts
// as it was last taken.
func readSteps(path string) ([]Step, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var steps []Step
	err = eachLine(path, f, func(line []byte) error {
		var fields map[string]any
		if err := jsonl.Unmarshal(line, &fields); err != nil {
			return err
		}
		s := Step{}
		for key, value := range fields {
			if x, ok := value.(float64); ok {
				s[key] = x
			}
		}
		steps = append(steps, s)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, s := range steps {
		if _, ok := s["step"]; !ok {
			return nil, fmt.Errorf(`%s:%d: no number "step"`, path, i+1)
		}
	}
	slices.SortStableFunc(steps, func(a, b Step) int { return cmp.Compare(a["step"], b["step"]) })
	var last []Step
	for i, s := range steps {
		if i+1 == len(steps) || steps[i+1]["step"] != s["step"] {
			last = append(last, s)
		}
	}
	return last, nil
}

// Names of what readMeasured reads.
const (
	evalAccuracy   = "eval/accuracy"
	evalAccuracySE = "eval/accuracy_se"
	evalOff        = "eval/off_target"
)

// readMeasured reads eval.jsonl, which a run without evaluations does not have.
func readMeasured(path string) ([]Step, error) {
	f, err := os.Open(path)
	if ok, err := exists(err); !ok {
		return nil, err
	}
	defer f.Close()
	var measured []Step
	err = eachLine(path, f, func(line []byte) error {
		var one struct {
			Step       float64  `json:"step"`
			Accuracy   float64  `json:"accuracy"`
			AccuracySE *float64 `json:"accuracy_se"`
			OffTarget  float64  `json:"off_target"`
		}
		if err := jsonl.Unmarshal(line, &one); err != nil {
			return err
		}
		s := Step{"step": one.Step, evalAccuracy: one.Accuracy, evalOff: one.OffTarget}
		if one.AccuracySE != nil {
			s[evalAccuracySE] = *one.AccuracySE
		}
		measured = append(measured, s)
		return nil
	})
	return measured, err
}

// readManifest takes from a training run's manifest what a reader wants to know;
// a run without one is reported without it.
func (t *Training) readManifest(path string) (err error) {
	if t.manifest, err = readTrainingManifest(path); t.manifest == nil {
		return err
	}
	c := &t.manifest.Config
	t.Model, t.Algorithm, t.Planned, t.Bench = c.Model, c.Algorithm, c.Steps, c.Data.Bench
	t.Languages = knownLanguages{}.inOrder(c.Data.Languages)
	return nil
}
