package gpucheck

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stele-lm/stele/engine/checkpoint"
)

// TestGoals: what reaches a goal exactly is 1, and what was not measured is not reached.
func TestGoals(t *testing.T) {
	figures := map[string]float64{
		"7B/share/1": 70, "0.5B/share/1": 40, "bandwidth": 2039, "0.5B/queue": 24000, "7B/lora pass/mfu": 40,
		"0.5B/step/update/mfu": 27, "7B/prefill/exact": 100, "7B/prefill/free": 120,
		"0.5B/prefill/exact": 100, "0.5B/prefill/free": 120,
	}
	for _, s := range shapes {
		figures[s.name+"/decode/256"], figures[s.name+"/transformers/256"] = 500, 100
	}
	for _, g := range goals() {
		got, ok := g.reach(func(key string) (float64, bool) { v, ok := figures[key]; return v, ok })
		if !ok || math.Abs(got-1) > 1e-9 {
			t.Errorf("%s: %g, %v; want 1", g.what, got, ok)
		}
		if got, ok := g.reach(func(string) (float64, bool) { return 0, false }); ok {
			t.Errorf("%s: %g without figures", g.what, got)
		}
	}
}

// TestBatches: how many sequences a test decodes together, by its name.
func TestBatches(t *testing.T) {
	for test, want := range map[string]int{"tg64": 1, "tg64 d256": 1, "tg64@256 d256": 256, "tg8@16": 16, "pp512": 0,
		"train step": 0} {
		if got := (row{Test: test}).batch(); got != want {
			t.Errorf("%s: %d together, want %d", test, got, want)
		}
	}
}

// TestWriteModel: a folder that loads, the same each time, with normal weights; the shapes are Qwen2.5's.
func TestWriteModel(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	var files [2][]byte
	for i, name := range []string{"a", "b"} {
		if err := WriteModel(filepath.Join(dir, name), "7B", "", true); err != nil {
			t.Fatal(err)
		}
		var err error
		if files[i], err = os.ReadFile(filepath.Join(dir, name, "model.safetensors")); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("the weights are others each time")
	}
	folder, err := checkpoint.Open(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	tensor, err := folder.Tensor("model.embed_tokens.weight")
	if err != nil {
		t.Fatal(err)
	}
	values := make([]float32, tensor.Len())
	tensor.Float32s(values)
	sum, squares := 0.0, 0.0
	for _, v := range values {
		sum, squares = sum+float64(v), squares+float64(v)*float64(v)
	}
	n := float64(len(values))
	if mean, deviation := sum/n, math.Sqrt(squares/n); math.Abs(mean) > 3e-4 || math.Abs(deviation-0.02) > 3e-4 {
		t.Errorf("mean %g and deviation %g, want 0 and 0.02", mean, deviation)
	}
	if err := WriteModel(filepath.Join(dir, "c"), "8B", "", true); err == nil {
		t.Error("a shape that there is not")
	}
	// By the models' cards, in thousands of millions.
	for i, want := range []float64{0.494, 1.544, 7.616} {
		if got := float64(shapes[i].config().NumParameters()) / 1e9; math.Abs(got-want) > 0.001 {
			t.Errorf("%s has %.3f thousand million parameters, want %.3f", shapes[i].name, got, want)
		}
	}
}
