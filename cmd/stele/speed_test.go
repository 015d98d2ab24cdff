package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/trainer"
	"github.com/stele-lm/stele/trainer/study"
)

// TestSpeeds: what was measured on one backend is not said of another; files whose keys name no
// backend are read, and theirs are not taken for any.
func TestSpeeds(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	path, err := speedPath()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	shape := &checkpoint.Config{Config: architecture.Config{Architecture: architecture.Qwen2, HiddenSize: 8,
		NumLayers: 2, NumHeads: 1, NumKVHeads: 1, HeadDim: 8, VocabSize: 16, IntermediateSize: 4}}
	old := `{"box: 3 parameters, 2 layers of 8, vocabulary of 16, float32": {"decode": 7, "batch": 1}}`
	if err := os.WriteFile(path, []byte(old), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, rows := range [][]benchRow{
		{{Test: "tg8", Generate: 8, Batch: 2, Backend: "host", Tokens: 100}},
		{{Test: "tg8", Generate: 8, Batch: 2, Backend: "xla:cpu", Tokens: 20},
			{Test: "train step", Backend: "xla:cpu", Tokens: 30}},
		{{Test: "train update", Backend: "go", Tokens: 4}},
	} {
		for i := range rows {
			rows[i].DType = "float32"
		}
		if err := keepSpeed(shape, &benchReport{Rows: rows}); err != nil {
			t.Fatal(err)
		}
	}
	w := &studyWork{g: &globals{dtype: "float32"}}
	grpo, sft := trainer.Config{Algorithm: "grpo"}, trainer.Config{Algorithm: "sft"}
	for _, test := range []struct {
		executor string
		training *trainer.Config
		want     float64
	}{
		{"host", nil, 100}, {"xla:cpu", nil, 20}, {"go", nil, 0},
		{"xla:cpu", &grpo, 30}, {"go", &grpo, 0}, {"go", &sft, 4}, {"xla:cpu", &sft, 0},
	} {
		var e study.Estimate
		if w.speed(&e, shape, test.executor, test.training); e.PerSecond != test.want {
			t.Errorf("%s, %+v: %g tokens a second, want %g", test.executor, test.training, e.PerSecond, test.want)
		}
	}
	two := []benchRow{{Test: "tg8", Generate: 8, Batch: 2, Backend: "xla:cpu", DType: "float32", Devices: 2,
		Tokens: 37}}
	if err := keepSpeed(shape, &benchReport{Rows: two}); err != nil {
		t.Fatal(err)
	}
	for devices, want := range map[int]float64{1: 20, 2: 37, 4: 0} {
		w.g.devices = devices
		var e study.Estimate
		if w.speed(&e, shape, "xla:cpu", nil); e.PerSecond != want {
			t.Errorf("%d devices: %g tokens a second, want %g", devices, e.PerSecond, want)
		}
	}
	all, err := readSpeeds(path)
	if err != nil || len(all) != 5 {
		t.Errorf("%d speeds, %v", len(all), err)
	}
}
