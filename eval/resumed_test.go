package eval

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/eval/metric"
)

// TestResumedProgress: what is said of a run that goes on is of the whole run: done,
// share right, in the first line as in the last.
func TestResumedProgress(t *testing.T) {
	dir := t.TempDir()
	spec := testSpec()
	ctx, cancel := context.WithCancel(t.Context())
	var said strings.Builder
	deps := testDeps(&script{stopAfter: 50, stop: cancel})
	deps.Log = &said
	if _, err := Run(ctx, spec, testQuestions(spec), deps, dir); err == nil {
		t.Fatal("the run was not stopped")
	}
	said.Reset()
	deps.Generator = &script{}
	if _, err := Run(t.Context(), spec, testQuestions(spec), deps, dir); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, samplesName))
	if err != nil {
		t.Fatal(err)
	}
	samples, right := 0, 0
	for line := range strings.Lines(string(data)) {
		var s Sample
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatal(err)
		}
		samples++
		right += int(metric.Indicator(s.Verdict))
	}
	want := fmt.Sprintf("eval %d/%d samples, %.1f %% right", samples, samples,
		100*float64(right)/float64(samples))
	if !strings.Contains(said.String(), want) || !strings.Contains(said.String(),
		fmt.Sprintf("continuing after 50 of %d", samples)) {
		t.Errorf("it said\n%swant %q", said.String(), want)
	}
}

// asked is a Generator that keeps what it was asked for.
type asked struct {
	script
	requests []Request
}

func (a *asked) Generate(ctx context.Context, requests []Request, emit func(Completion) error) error {
	a.requests = append(a.requests, requests...)
	return a.script.Generate(ctx, requests, emit)
}

// TestFewShotStop: each question is stopped at its own language's heading and at what the
// user named, and a run that was started without does not go on with it.
func TestFewShotStop(t *testing.T) {
	spec := testSpec()
	spec.FewShot, spec.Stop = 2, []string{"###"}
	spec.FewShotStop = map[string][]string{"mgsm|ru": {"\nЗадача:"}, "mgsm|en": {"\nQuestion:"}}
	g, dir := &asked{}, t.TempDir()
	if _, err := Run(t.Context(), spec, testQuestions(spec), testDeps(g), dir); err != nil {
		t.Fatal(err)
	}
	for _, r := range g.requests {
		want := []string{"###"}
		switch {
		case strings.HasPrefix(r.ID, "mgsm/ru/"):
			want = append(want, "\nЗадача:")
		case strings.HasPrefix(r.ID, "mgsm/en/"):
			want = append(want, "\nQuestion:")
		}
		if !slices.Equal(r.Stop, want) {
			t.Errorf("%s stops at %q, want %q", r.ID, r.Stop, want)
		}
	}
	spec.FewShotStop = nil
	if _, err := Run(t.Context(), spec, testQuestions(spec), testDeps(g), dir); err == nil ||
		!strings.Contains(err.Error(), "few_shot_stop") {
		t.Errorf("without the stop it goes on: %v", err)
	}
}

// TestManifestFollowsNames: a run that goes on with the same weights under another name,
// or from another place, says so in its manifest; other weights are refused.
func TestManifestFollowsNames(t *testing.T) {
	dir := t.TempDir()
	spec := testSpec()
	deps := testDeps(&script{})
	if _, err := Run(t.Context(), spec, testQuestions(spec), deps, dir); err != nil {
		t.Fatal(err)
	}
	deps.Origin.Model, deps.Origin.ModelDir = "moved", "/models/moved"
	deps.Origin.Trained = &Lineage{Run: "/runs/grpo", Languages: []string{"en"}}
	results, err := Run(t.Context(), spec, testQuestions(spec), deps, dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ReadManifest(dir)
	if err != nil || m.Model != "moved" || m.ModelDir != "/models/moved" || m.Trained == nil ||
		results.Model != "moved" {
		t.Errorf("manifest %+v, results of %s: %v", m, results.Model, err)
	}
	deps.Origin.Weights = map[string]string{"model.safetensors": "cd"}
	if _, err := Run(t.Context(), spec, testQuestions(spec), deps, dir); err == nil ||
		!strings.Contains(err.Error(), "weights") {
		t.Errorf("other weights: %v", err)
	}
}

// TestSamplingThatMeansNothing is refused with the reason.
func TestSamplingThatMeansNothing(t *testing.T) {
	for want, change := range map[string]func(*Spec){
		"keeps no token":    func(s *Spec) { s.TopP = 0 },
		"top-p is 1.5":      func(s *Spec) { s.TopP = 1.5 },
		"top-p is -0.5":     func(s *Spec) { s.TopP = -0.5 },
		"top-p is NaN":      func(s *Spec) { s.TopP = math.NaN() },
		"temperature is -1": func(s *Spec) { s.Temperature = -1 },
		"temperature is Na": func(s *Spec) { s.Temperature = math.NaN() },
		"temperature is +I": func(s *Spec) { s.Temperature = math.Inf(1) },
		"top-k is -3":       func(s *Spec) { s.TopK = -3 },
		"min-p is 1.01":     func(s *Spec) { s.MinP = 1.01 },
		"min-p is -0.1":     func(s *Spec) { s.MinP = -0.1 },
		"max tokens is 0":   func(s *Spec) { s.MaxTokens = 0 },
	} {
		s := testSpec()
		change(&s)
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
