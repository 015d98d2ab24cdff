package trainer

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/internal/jsonl"
)

// scripted is an evaluation whose accuracy after each step is known: en, then sw,
// then fr, which is not trained on.
func scripted(t *testing.T, calls *[]string,
	accuracies map[string][3]float64) func(context.Context, *engine.Engine, string) (*eval.Results, error) {
	return func(_ context.Context, _ *engine.Engine, out string) (*eval.Results, error) {
		step := filepath.Base(out)
		*calls = append(*calls, step)
		a, ok := accuracies[step]
		if !ok {
			t.Errorf("%s was evaluated", step)
		}
		r := &eval.Results{Settings: eval.Spec{Languages: []string{"en", "sw", "fr"}},
			Benchmarks: map[string]eval.BenchmarkResult{}, Languages: map[string]eval.Score{}}
		languages := map[string]eval.Score{}
		for i, l := range r.Settings.Languages {
			languages[l] = eval.Score{Accuracy: a[i]}
			r.Mean.Accuracy += a[i] / 3
		}
		r.Languages = languages
		r.Benchmarks["arith"] = eval.BenchmarkResult{Languages: languages}
		return r, errors.Join(os.MkdirAll(out, 0o755), jsonl.WriteFile(filepath.Join(out, "results.json"), r))
	}
}

// TestEvaluationDuringTraining: the initial model is the first point, ΔR and MTI
// come with each later one, the run stops when accuracy does not rise, the best
// checkpoint stays, and a run that was cut short and resumed knows the same.
func TestEvaluationDuringTraining(t *testing.T) {
	c := tinyRun(t, 6)
	c.Data.Languages = []string{"en", "sw"}
	c.Eval = Eval{Bench: "arith", Before: true, Every: 1, Patience: 2, Temperature: 1, TopP: 1, MaxTokens: 4}
	c.Save = Save{Every: 6, KeepLast: 1, KeepBest: 1}
	accuracies := map[string][3]float64{
		"step-0": {0.2, 0.4, 0.1}, "step-1": {0.4, 0.6, 0.15}, "step-2": {0.3, 0.3, 0.3},
		"step-3": {0.2, 0.2, 0.2},
	}
	whole, halved := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "halved")
	var calls []string
	mustRun(t, c, whole, Options{Evaluate: scripted(t, &calls, accuracies)})
	if want := []string{"step-0", "step-1", "step-2", "step-3"}; !slices.Equal(calls, want) {
		t.Errorf("evaluated %v, want %v", calls, want)
	}
	e := evaluations{path: filepath.Join(whole, "eval.jsonl")}
	if err := e.read(); err != nil || len(e.all) != 4 {
		t.Fatalf("%d evaluations, %v", len(e.all), err)
	}
	// ΔR: en +100 %, sw +50 %, fr +50 %; MTI = 50 / 75.
	if mti := e.all[1].MTI["arith"]; mti == nil || *mti < 0.666 || *mti > 0.667 ||
		*e.all[1].DeltaR["arith"]["en"] != 1 || e.all[0].MTI != nil {
		data, _ := json.Marshal(e.all[:2])
		t.Errorf("%s", data)
	}
	steps, err := checkpointSteps(filepath.Join(whole, "checkpoints"))
	if err != nil || !slices.Equal(steps, []int{1, 3}) {
		t.Errorf("checkpoints %v, %v; want the best and the last", steps, err)
	}
	for name, want := range map[string]string{"before": "step-0", "after": "step-3"} {
		if to, err := os.Readlink(filepath.Join(whole, "eval", name)); err != nil || to != want {
			t.Errorf("eval/%s leads to %q, %v; want %s", name, to, err, want)
		}
	}

	short := c
	short.Steps = 1
	calls = nil
	mustRun(t, short, halved, Options{Evaluate: scripted(t, &calls, accuracies)})
	mustRun(t, c, halved, Options{Evaluate: scripted(t, &calls, accuracies), Resume: true})
	checkSame(t, whole, halved, "eval.jsonl", "checkpoints/step-3/model.safetensors",
		"checkpoints/step-1/model.safetensors")
	mustRun(t, c, halved, Options{Evaluate: scripted(t, &calls, accuracies), Resume: true})
	if len(calls) != 4 {
		t.Errorf("evaluated %v in three sessions, want each step once", calls)
	}
	if files, _ := filepath.Glob(filepath.Join(halved, "checkpoints", "*")); len(files) != 2 ||
		strings.Contains(files[0], "step-2") {
		t.Errorf("checkpoints %v", files)
	}
}
