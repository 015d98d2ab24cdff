package trainer

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/trainer/objective"
)

// TestOlderManifest: a run whose manifest is from before other languages than the study's
// were told apart goes on with those, and says that it is another's; half an evaluation
// is made anew. A manifest of now, whatever it says, is not an older one.
func TestOlderManifest(t *testing.T) {
	c := tinyRun(t, 1)
	c.Reward.LangCandidates = []string{"study"}
	c.Eval.Bench, c.Eval.Before, c.Eval.Every = "arith", false, 0
	dir := filepath.Join(t.TempDir(), "run")
	mustRun(t, c, dir, Options{})
	path := filepath.Join(dir, "manifest.json")
	if m, err := readManifest(path); err != nil || m.older {
		t.Fatal(m.older, err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	delete(all["config"].(map[string]any)["reward"].(map[string]any), "lang_candidates")
	if data, err = json.Marshal(all); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(dir, "eval", "step-2", "manifest.json")
	if err := errors.Join(os.WriteFile(path, data, 0o644), os.MkdirAll(filepath.Dir(half), 0o755),
		os.WriteFile(half, []byte("{}"), 0o644)); err != nil {
		t.Fatal(err)
	}
	again, err := ResumeConfig(dir, []string{"steps=2"})
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	measured := false
	mustRun(t, again, dir, Options{Resume: true, Say: &said,
		Evaluate: func(_ context.Context, _ *engine.Engine, out string) (*eval.Results, error) {
			_, err := os.Stat(out)
			measured = out == filepath.Dir(half) && os.IsNotExist(err)
			return &eval.Results{}, os.MkdirAll(out, 0o755)
		}})
	if !measured {
		t.Error("the half evaluation is still there")
	}
	if !strings.Contains(said.String(), "older Stele") ||
		!strings.Contains(said.String(), "reward.lang_candidates [study]") {
		t.Errorf("it said %s", said.String())
	}
	if m, err := readManifest(path); err != nil || m.older || m.Config.Steps != 2 ||
		strings.Join(m.Config.Reward.LangCandidates, " ") != "study" {
		t.Errorf("the manifest is %+v, %v", m, err)
	}
}

// TestManifestFollows: a run that goes on with another number of steps says so in its
// manifest and keeps the rest; the manifest knows the weights that the run began with,
// which its checkpoints' lineage names. Rollouts that are cut off are said once.
func TestManifestFollows(t *testing.T) {
	c := tinyRun(t, 1)
	dir := filepath.Join(t.TempDir(), "run")
	var said strings.Builder
	mustRun(t, c, dir, Options{Version: "1.0", Say: &said})
	path := filepath.Join(dir, "manifest.json")
	first, err := readManifest(path)
	if err != nil {
		t.Fatal(err)
	}
	weights, err := eval.HashWeights(c.Model)
	if err != nil || len(weights) != 1 ||
		first.Weights["model.safetensors"] != weights["model.safetensors"] || !filepath.IsAbs(first.Model) {
		t.Errorf("the manifest has weights %v of %s, want %v: %v", first.Weights, first.Model, weights, err)
	}
	c.Steps = 3
	mustRun(t, c, dir, Options{Version: "1.1", Resume: true, Say: &said})
	now, err := readManifest(path)
	if err != nil || now.Config.Steps != 3 {
		t.Fatalf("the manifest says %d steps, 3 were taken: %v", now.Config.Steps, err)
	}
	now.Config.Steps = 1
	if err := now.Config.sameAs(first.Config); err != nil || now.Stele != "1.0" || now.Model != first.Model ||
		now.Backend != first.Backend {
		t.Errorf("the manifest was %+v, is %+v: %v", first, now, err)
	}
	// A run cannot have taken more steps than it has.
	fewer := c
	fewer.Steps = 2
	if err := Run(t.Context(), fewer, dir, Options{Backend: "go", DType: "float32",
		Resume: true}); err == nil || !strings.Contains(err.Error(), "steps is 2, and the run has taken 3") {
		t.Errorf("with fewer steps than it took: %v", err)
	}
	lineage, err := eval.LineageOf(filepath.Join(dir, "checkpoints", "step-3"))
	if err != nil || lineage == nil || lineage.Algorithm != objective.GRPO ||
		strings.Join(lineage.Languages, " ") != "en sw" ||
		lineage.Weights["model.safetensors"] != weights["model.safetensors"] {
		t.Errorf("lineage %+v, %v", lineage, err)
	}
	metrics, err := ReadMetrics(filepath.Join(dir, "metrics.jsonl"))
	if err != nil || len(metrics) != 3 {
		t.Fatal(metrics, err)
	}
	for _, m := range metrics {
		if m["response_length/clip_ratio"] != m["completions/clipped_ratio"] {
			t.Errorf("step %g: clip ratios %g and %g", m["step"], m["response_length/clip_ratio"],
				m["completions/clipped_ratio"])
		}
	}
	if share := metrics[0]["completions/clipped_ratio"]; share <= eval.ManyTruncated {
		t.Fatalf("%g of the rollouts were cut off: the run is no test", share)
	}
	// Once in each of the two starts, not in each step.
	if n := strings.Count(said.String(), "of the rollouts were cut off at rollout.max_tokens 6"); n != 2 {
		t.Errorf("cut off is said %d times:\n%s", n, said.String())
	}
	// Older manifests have no such fields, and settings that came later their defaults.
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var old []string
	for _, line := range strings.Split(string(data), "\n") {
		if !strings.Contains(line, `"grader"`) && !strings.Contains(line, `"registry"`) {
			old = append(old, line)
		}
	}
	if err := os.WriteFile(path, []byte(strings.Replace(strings.Join(old, "\n"), "\"weights\"", "\"wights\"",
		1)), 0o644); err != nil {
		t.Fatal(err)
	}
	before, err := readManifest(path)
	if err != nil || before.Weights != nil || before.Config.sameAs(c) != nil {
		t.Errorf("an older manifest: %v, %v", err, before.Config.sameAs(c))
	}
}
