package learner

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/blockwise"
	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// blockwiseWeights are tiny-qwen2's, their projections in a format.
func blockwiseWeights(
	t *testing.T, d *backend.Device, dtype dtypes.DType, f blockwise.Format,
) *model.Weights {
	t.Helper()
	folder, err := checkpoint.Open(trainertest.Data("models/tiny-qwen2"))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	w := model.Open(folder, d, dtype)
	w.Projections = f
	if err := w.Upload(); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestBlockwiseGradient compares the factors' gradients over a base that is held block-wise with those over
// the same numbers held as they are, with layers recomputed and not.
func TestBlockwiseGradient(t *testing.T) {
	options := lora.Options{Rank: 3, Alpha: 6, Targets: architecture.Projections()}
	for _, name := range kernelstest.Backends(t) {
		d := trainertest.OpenDevice(t, name)
		for _, dtype := range []dtypes.DType{dtypes.Float32, dtypes.BFloat16} {
			for i, f := range []blockwise.Format{{Code: blockwise.NF4, Double: true}, {Code: blockwise.Int8}} {
				if i > 0 && d.IsXLA() {
					continue // which kernels/op has; each program takes seconds to compile
				}
				held, decoded := blockwiseWeights(t, d, dtype, f), trainertest.TinyWeights(t, d, dtype)
				for i := range held.Specs {
					values, err := held.Float32s(i)
					if err != nil {
						t.Fatal(err)
					}
					if err := decoded.Set(i, values); err != nil {
						t.Fatal(err)
					}
				}
				g := readGolden(t)
				v := g.Variants[0]
				gradients := func(w *model.Weights, remat bool) (all [][]float32) {
					a, err := lora.New(w, options, 1)
					if err != nil {
						t.Fatal(err)
					}
					defer a.Close()
					r := rand.New(rand.NewPCG(4, 4))
					for i, spec := range a.Specs { // B is zero at first, and A would have no gradient
						values := make([]float32, spec.Len())
						for j := range values {
							values[j] = float32(r.NormFloat64()) * 0.05
						}
						backend.Free(a.Factors[i])
						if a.Factors[i], err = backend.Upload(d, values, spec.Shape...); err != nil {
							t.Fatal(err)
						}
					}
					o := v.options()
					o.Adapter, o.Remat = a, remat
					l, err := New(w, o)
					if err != nil {
						t.Fatal(err)
					}
					defer l.Close()
					g.accumulate2(t, l, v, Layout{MicroTokens: 4096})
					for _, buffer := range l.replicas[0].gradients {
						values, err := backend.Float32s(buffer)
						if err != nil {
							t.Fatal(err)
						}
						all = append(all, values)
					}
					return all
				}
				bound := 1e-4 // of a gradient's root mean square
				if dtype == dtypes.BFloat16 && d.IsXLA() {
					bound = 0.1 // numbers and activations may be rounded the other way
				}
				for _, remat := range []bool{false, true} {
					if remat && d.IsXLA() && dtype == dtypes.BFloat16 {
						continue // float32 has it
					}
					want := gradients(decoded, remat)
					for i, got := range gradients(held, remat) {
						scale := trainertest.Norm(want[i]) / math.Sqrt(float64(len(got)))
						worst := 0.0
						for j := range got {
							worst = max(worst, math.Abs(float64(got[j]-want[i][j])))
						}
						if !(scale > 0) || !(worst <= bound*scale) {
							t.Errorf("%s %s %v, remat %v: gradient of factor %d is off by %g, its size is %g", name,
								dtype, f, remat, i, worst, scale)
						}
					}
				}
				held.Close()
				decoded.Close()
			}
		}
	}
}

// TestBlockwiseFrozen: weights that are held block-wise are not trained.
func TestBlockwiseFrozen(t *testing.T) {
	w := blockwiseWeights(t, trainertest.OpenDevice(t, "go"), dtypes.Float32, blockwise.Format{Code: blockwise.NF4})
	defer w.Close()
	if _, err := New(w, readGolden(t).Variants[0].options()); err == nil || !strings.Contains(err.Error(), "adapter") {
		t.Errorf("a learner of all weights: %v", err)
	}
	for i := range w.Specs {
		if err := w.Set(i, make([]float32, w.Specs[i].Len())); (err != nil) != w.Blockwise(i) {
			t.Errorf("setting %s: %v", w.Specs[i].Name, err)
		}
	}
}

// TestBlockwiseTemporary: what XLA assigns to a gradient over a base that is held block-wise does not grow
// with the number of layers by their decoded numbers, with layers recomputed and not.
func TestBlockwiseTemporary(t *testing.T) {
	d := trainertest.OpenDevice(t, "xla:cpu")
	options := lora.Options{Rank: 4, Alpha: 8, Targets: architecture.Projections()}
	const D, I = 512, 2048
	temporary := func(layers int, remat bool) int64 {
		c := &checkpoint.Config{Config: architecture.Config{
			Architecture: architecture.Llama, VocabSize: 512, HiddenSize: D, IntermediateSize: I, NumLayers: layers,
			NumHeads: 4, NumKVHeads: 4, HeadDim: 128, MaxPositions: 64, TieEmbeddings: true,
		}}
		w := &model.Weights{Config: c, Device: d, DType: dtypes.Float32, Specs: c.Model().Tensors(),
			Projections: blockwise.Format{Code: blockwise.NF4, Double: true}}
		targets, specs := options.Adapt(w.Specs)
		w.Adapter = model.NewAdapter(targets, nil)
		o := readGolden(t).Variants[0].options()
		o.Remat, o.Adapter = remat, &lora.Adapter{Adapter: w.Adapter, Specs: specs}
		bytes, err := Temporary(w, o, dense.Shape{B: 1, T: 16, N: 16})
		if err != nil {
			t.Fatal(err)
		}
		return bytes
	}
	for _, remat := range []bool{false, true} {
		few, many := temporary(2, remat), temporary(5, remat)
		const layer = 4 * (4*D*D + 3*D*I) // bytes
		t.Logf("remat %v: %d bytes for 2 layers, %d for 5; a layer decoded is %d", remat, few, many, layer)
		if few > layer || many-few > 3*layer/8 {
			t.Errorf("remat %v: %d bytes for 2 layers, %d for 5; a layer decoded is %d", remat, few, many, layer)
		}
	}
}
