package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestProvenance: page and report.json say of each run, and of the training that made a model evaluated, what it was
// made by, with what, when and on what.
func TestProvenance(t *testing.T) {
	root := t.TempDir()
	writeFile(t, filepath.Join(root, "grpo", "manifest.json"), []byte(`{"stele": "v1", "backend": "xla:cuda",
		"dtype": "bfloat16", "hardware": "2 × A card", "config": {"model": "base", "algorithm": "grpo", "preset": "dapo",
		"seed": 7, "data": {"languages": ["en"]}, "optimizer": {"lr": 2e-6}}}`))
	saying(t, filepath.Join(root, "eval"), few(2))
	manifest, err := json.Marshal(map[string]any{"stele": "v2", "model": "m", "backend": "host", "dtype": "float32",
		"hardware": "A CPU", "trained": map[string]any{"run": filepath.Join(root, "grpo"), "algorithm": "grpo",
			"languages": []string{"en"}, "model": "base"}})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(root, "eval", "manifest.json"), manifest)
	day := time.Date(2025, 3, 4, 23, 0, 0, 0, time.UTC)
	for _, name := range []string{"results.json", "samples.jsonl"} {
		if err := os.Chtimes(filepath.Join(root, "eval", name), day, day); err != nil {
			t.Fatal(err)
		}
	}
	r := reportOf(t, open(t, filepath.Join(root, "eval")))
	r.Version = "v3"
	data, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Stele string
		Runs  []provenance
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Runs) != 2 || got.Stele != "v3" {
		t.Fatalf("report.json: %+v", got)
	}
	e, g := got.Runs[0], got.Runs[1]
	if e.Kind != "evaluation" || e.Stele != "v2" || e.Date != "2025-03-04" || e.Hardware != "A CPU" || *e.Seed != 1 {
		t.Errorf("the evaluation: %+v", e)
	}
	if g.Run != "grpo" || g.Preset != "dapo" || *g.LearningRate != 2e-6 || *g.Seed != 7 || g.Hardware != "2 × A card" ||
		g.Algorithm != "grpo" {
		t.Errorf("the training: %+v", g)
	}
	page, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Measured 2025-03-04.", "Reported by Stele v3.", ">dapo<", ">2e-06<", ">2 × A card<",
		"samples.html#model=eval"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page lacks %q", want)
		}
	}
	// Moved together they find each other; another training of that name is not taken for it.
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(root, moved); err != nil {
		t.Fatal(err)
	}
	root = moved
	if made := reportOf(t, open(t, filepath.Join(root, "eval"))).made; len(made) != 2 || made[1].Preset != "dapo" {
		t.Errorf("moved: %+v", made)
	}
	writeFile(t, filepath.Join(root, "grpo", "manifest.json"), []byte(`{"config": {"model": "another",
		"algorithm": "grpo", "data": {"languages": ["en"]}}}`))
	if made := reportOf(t, open(t, filepath.Join(root, "eval"))).made; len(made) != 1 {
		t.Errorf("beside another training: %+v", made)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	if _, err := New(open(t, filepath.Join(root, "eval")), Plan{}); err == nil ||
		!strings.Contains(err.Error(), `SOURCE_DATE_EPOCH is "yesterday"`) {
		t.Errorf("a date that is none: %v", err)
	}
}
