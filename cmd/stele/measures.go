package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/multilingual"
	"github.com/stele-lm/stele/internal/jsonl"
)

// measuresFlags say what stele metrics --measures computes from samples.
type measuresFlags struct {
	names, weights []string
	data           string
}

// measuresUsage is the help of --measures.
const measuresUsage = "measure these in the samples of runs instead: words, switches, consistency, agreement, " +
	"levels, or all"

// allMeasures asks for every measure.
const allMeasures = "all"

// asked reads the flags.
func (f *measuresFlags) asked() (multilingual.Asked, error) {
	var a multilingual.Asked
	if !slices.Equal(f.names, []string{allMeasures}) {
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
	parts, err := filepath.Glob(filepath.Join(dir, "eval", "*", "samples.jsonl"))
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		part = filepath.Dir(part)
		if out.Evaluations[filepath.Base(part)], err = f.measureEvaluation(part, asked, say); err != nil {
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
	levels := map[string]map[string]int{} // by benchmark and question; nil where they are not known
	asked.LevelOf = func(benchmark, id string) int {
		if _, there := levels[benchmark]; !there {
			levels[benchmark] = f.levelsOf(benchmark, &spec, say)
		}
		return levels[benchmark][id]
	}
	m, err := multilingual.Measure(dir, &spec, asked)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	for _, b := range slices.Sorted(maps.Keys(m.Levels)) {
		switch l := m.Levels[b]; {
		case l.Weights == nil:
			fmt.Fprintf(say, "%s: the questions of %s have no levels: no accuracy by difficulty\n", dir, b)
		case l.Without > 0:
			fmt.Fprintf(say, "%s: %d samples of %s are of questions without a level, and do not count in it\n",
				dir, l.Without, b)
		}
	}
	return m, nil
}

// levelsOf reads levels from the benchmark's data, which samples of older runs do not have.
func (f *measuresFlags) levelsOf(benchmark string, spec *eval.Spec, say io.Writer) map[string]int {
	if f.data == "" && benchmark != bench.Arith {
		return nil
	}
	languages := spec.LanguagesOf(benchmark)
	problems, err := bench.Load(benchmark, languages[:min(1, len(languages))], bench.Options{Dir: f.data})
	if err != nil {
		fmt.Fprintf(say, "levels of %s are not known: %s\n", benchmark, strings.TrimSpace(err.Error()))
		return nil
	}
	levels := map[string]int{}
	for _, p := range problems {
		levels[p.ID] = p.Level
	}
	return levels
}
