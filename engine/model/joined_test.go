package model_test

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/engine/model/graphmodel"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/op"
)

// TestJoined: weights that lie together compute what they do apart, in steps and dense passes, with an adapter
// and without. They are read, and merged, as the parameters that they are, and none of them can be set, until they
// are taken apart.
func TestJoined(t *testing.T) {
	for _, d := range devices(t) {
		checkJoined(t, d, "tiny-qwen2", dtypes.Float32)
		checkJoined(t, d, filepath.Join("..", "variants", "llama-biases"), dtypes.BFloat16)
	}
}

func checkJoined(t *testing.T, d *backend.Device, name string, dtype dtypes.DType) {
	t.Helper()
	folder, err := checkpoint.Open(filepath.Join(testdata, "models", name))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	apart, joined := model.Open(folder, d, dtype), model.Open(folder, d, dtype)
	defer apart.Close()
	defer joined.Close()
	joined.Join()
	for _, w := range []*model.Weights{apart, joined} {
		if err := w.Upload(); err != nil {
			t.Fatal(err)
		}
	}
	fewer := 3 // key, value and up of a layer
	if layer := apart.Config.Model().Layers[0]; layer.Attention.Query.Bias {
		fewer += 2
		if layer.MLP.Gate.Bias {
			fewer++
		}
	}
	got, want := len(joined.Parameters()["weights"]), len(apart.Specs)-fewer*apart.Config.NumLayers
	if got != want {
		t.Fatalf("%s: %d buffers, want %d", name, got, want)
	}
	ids := make([]int32, 40)
	r := rand.New(rand.NewPCG(5, 8))
	for i := range ids {
		ids[i] = int32(r.IntN(apart.Config.VocabSize))
	}
	for i, spec := range apart.Specs {
		a, err := apart.Float32s(i)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := joined.Float32s(i); err != nil || !slices.Equal(a, b) {
			t.Fatalf("%s: %s differs where it is joined (%v)", name, spec.Name, err)
		}
		together := false
		for j := range joined.Specs {
			together = together || j != i && joined.HeldIn(j) == joined.HeldIn(i)
		}
		if err := joined.Set(i, a); (err != nil) != together {
			t.Errorf("%s: setting %s, held together: %v, gives the error %v", name, spec.Name, together, err)
		}
	}
	bound := 1e-5
	if d.IsXLA() { // which adds up in another order where a product is larger
		bound = 5e-5
	}
	if d.IsXLA() && dtype == dtypes.BFloat16 { // and what is rounded between products is rounded otherwise then
		bound = 0.05
	}
	compare := func(what string, a, b []float32) {
		t.Helper()
		for i := range a {
			if !(math.Abs(float64(a[i]-b[i])) <= bound*max(1, math.Abs(float64(a[i])))) {
				t.Fatalf("%s %s %v: %s: %g, apart %g", d.Name, name, dtype, what, b[i], a[i])
			}
		}
	}
	both := func(what string, run func(w *model.Weights) []float32) { compare(what, run(apart), run(joined)) }
	for _, what := range []string{"without adapter", "with adapter"} {
		if what == "with adapter" {
			attachRandom(t, apart)
			attachRandom(t, joined)
			for i := range apart.Specs {
				both("merged", func(w *model.Weights) []float32 {
					values, err := w.Merged(i)
					if err != nil {
						t.Fatal(err)
					}
					return values
				})
			}
		}
		both("score "+what, func(w *model.Weights) []float32 {
			batch := dense.Plan([]dense.Pair{{Prompt: ids[:1], Completion: ids[1:]}}, 64)[0].Batch(
				[]dense.Pair{{Prompt: ids[:1], Completion: ids[1:]}})
			logprobs, _ := scoreBatch(t, w, batch)
			return logprobs
		})
		both("step "+what, func(w *model.Weights) []float32 {
			pages := op.Pages{Count: 48, Slots: 8, Heads: w.Config.NumKVHeads, Width: w.Config.HeadDim,
				DType: w.HeldAs()}
			shape := graphmodel.StepShape{B: 1, T: 32, Pages: 8}
			program, err := graphmodel.CompileStep(w, pages, shape)
			if err != nil {
				t.Fatal(err)
			}
			defer program.Close()
			return prefill(t, program, shape, w, pages, ids)
		})
	}
	layout := joined.Layout()
	if err := joined.Part(); err != nil || joined.Layout() == layout || joined.Layout() != apart.Layout() {
		t.Fatalf("%s: taken apart: %v, layout %q, was %q", name, err, joined.Layout(), layout)
	}
	for i, spec := range apart.Specs {
		a, err := backend.Float32s(apart.Buffers[i])
		if err != nil {
			t.Fatal(err)
		}
		if b, err := backend.Float32s(joined.Buffers[i]); err != nil || !slices.Equal(a, b) {
			t.Fatalf("%s: %s differs when it is taken apart (%v)", name, spec.Name, err)
		}
		if err := joined.Set(i, a); err != nil {
			t.Error(err)
		}
	}
}

// attachRandom gives the queries, values and ups of w random factors.
func attachRandom(t *testing.T, w *model.Weights) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 1))
	var targets []model.Target
	var values [][]float32
	for i, spec := range w.Specs {
		if !slices.Contains([]string{"q_proj", "v_proj", "up_proj"}, spec.Module()) || len(spec.Shape) < 2 {
			continue
		}
		targets = append(targets, model.Target{Index: i, Rank: 2, Scale: 0.5})
		for _, n := range []int{2 * spec.Shape[1], spec.Shape[0] * 2} {
			factor := make([]float32, n)
			for j := range factor {
				factor[j] = float32(r.NormFloat64() * 0.1)
			}
			values = append(values, factor)
		}
	}
	w.Adapter = model.NewAdapter(targets, values)
	if err := w.Upload(); err != nil {
		t.Fatal(err)
	}
}
