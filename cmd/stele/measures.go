package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/multilingual"
	"github.com/stele-lm/stele/internal/jsonl"
)

// measuresFlags say what stele metrics --measures computes from samples.
type measuresFlags struct {
	names, weights []string
	data           string
	replicates     int
	seed           uint64
}

// Helps of flags.
const (
	measuresUsage = "measure these in the samples of runs instead: words, switches, consistency, agreement, " +
		"levels, or all"
	levelWeightsUsage = "weights of levels, as 1=1,2=2,3=4; by default each level has twice the weight of the one below"
)

// asked reads the flags.
func (f *measuresFlags) asked() (multilingual.Asked, error) {
	a := multilingual.Asked{Replicates: f.replicates, Seed: f.seed}
	if !slices.Equal(f.names, []string{multilingual.All}) {
		a.Measures = f.names
	}
	var err error
	if a.Weights, err = multilingual.ParseWeights(f.weights); err != nil {
		return a, fmt.Errorf("--level-weights: %w", err)
	}
	if err := a.Check(); err != nil {
		return a, fmt.Errorf("--measures: %w", err)
	}
	if a.Weights != nil && a.Measures != nil && !slices.Contains(a.Measures, multilingual.Levels) {
		return a, fmt.Errorf("--level-weights has no effect without %s among --measures", multilingual.Levels)
	}
	return a, nil
}

// trainingMeasures are the numbers of a training run: those of its evaluations, and of the rollouts
// that it kept.
type trainingMeasures struct {
	Evaluations map[string]*multilingual.Measures `json:"evaluations"`
	Steps       []multilingual.StepMeasures       `json:"steps,omitempty"`
}

// measure writes what is asked for of each run, by its name, or its path where two have one name.
func (f *measuresFlags) measure(dirs []string, out string, say io.Writer) error {
	asked, err := f.asked()
	if err != nil {
		return usageError{err}
	}
	all := map[string]any{}
	names := map[string]int{}
	for _, dir := range dirs {
		names[runName(dir)]++
	}
	for _, dir := range dirs {
		name := runName(dir)
		if names[name] > 1 {
			name = filepath.ToSlash(filepath.Clean(dir))
		}
		if all[name], err = f.measureRun(dir, asked, say); err != nil {
			return err
		}
	}
	w, err := jsonl.Create(out)
	if err != nil {
		return err
	}
	defer w.Abort()
	return errors.Join(w.Write(all), w.Close())
}

func runName(dir string) string {
	if absolute, err := filepath.Abs(dir); err == nil {
		dir = absolute
	}
	return filepath.Base(dir)
}

func (f *measuresFlags) measureRun(dir string, asked multilingual.Asked, say io.Writer) (any, error) {
	if _, err := os.Stat(filepath.Join(dir, "samples.jsonl")); err == nil {
		return f.measureEvaluation(dir, asked, say)
	}
	out := trainingMeasures{Evaluations: map[string]*multilingual.Measures{}}
	parts, err := fs.Glob(os.DirFS(dir), "eval/*/samples.jsonl") // the folder's own name is no pattern
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		name := path.Base(path.Dir(part))
		if out.Evaluations[name], err = f.measureEvaluation(filepath.Join(dir, "eval", name), asked, say); err != nil {
			return nil, err
		}
	}
	if out.Steps, err = multilingual.MeasureRollouts(dir, asked); err != nil {
		return nil, err
	}
	if len(out.Evaluations) == 0 && out.Steps == nil {
		return nil, fmt.Errorf("%s has no samples to measure: expected samples.jsonl, as stele eval writes it, or "+
			"a training run with evaluations or kept rollouts (save.rollouts)", dir)
	}
	return out, nil
}

func (f *measuresFlags) measureEvaluation(dir string, asked multilingual.Asked, say io.Writer,
) (*multilingual.Measures, error) {
	spec, err := eval.ReadSpec(dir)
	if err != nil {
		return nil, err
	}
	levels := multilingual.NewLevels(&spec, f.data)
	asked.LevelOf = levels.Of
	m, err := multilingual.Measure(dir, &spec, asked)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	for _, lack := range levels.Lacks(m, "--data names their folder") {
		fmt.Fprintf(say, "%s: %s\n", dir, lack)
	}
	return m, nil
}
