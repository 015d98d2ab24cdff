package learner

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// TestLoRAGradient compares the factors' gradients, which are computed without those
// of the weights, with what the chain rule makes of these: s·Bᵀ·G and s·G·Aᵀ for
// G = ∂loss/∂W where the factors are added to W; with layers recomputed and not.
func TestLoRAGradient(t *testing.T) {
	type variant struct {
		name  string
		dtype dtypes.DType
		bound float64 // of a gradient's root mean square
	}
	var variants []variant
	for _, name := range kernelstest.Backends(t) {
		variants = append(variants, variant{name, dtypes.Float32, 1e-4})
		if name != "go" {
			variants = append(variants, variant{name, dtypes.BFloat16, 0.1})
		}
	}
	for _, c := range variants {
		d := trainertest.OpenDevice(t, c.name)
		w := trainertest.TinyWeights(t, d, c.dtype)
		defer w.Close()
		options := lora.Options{Rank: 3, Alpha: 6, Targets: architecture.Projections()}
		a, err := lora.New(w, options, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		r := rand.New(rand.NewPCG(4, 4))
		for i, spec := range a.Specs { // B is zero at first, and A would have no gradient
			values := make([]float32, spec.Shape[0]*spec.Shape[1])
			for j := range values {
				values[j] = float32(r.NormFloat64()) * 0.05
			}
			backend.Free(a.Factors[i])
			if a.Factors[i], err = backend.Upload(d, values, spec.Shape...); err != nil {
				t.Fatal(err)
			}
		}
		g := readGolden(t)
		v := g.Variants[0]
		gradients := func(adapter *lora.Adapter, remat bool) [][]float32 {
			o := v.options()
			o.Adapter, o.Remat = adapter, remat
			l, err := New(w, o)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			moved := g
			moved.Entropy = make([][]float32, len(g.Entropy)) // of other weights
			moved.accumulate(t, l, v, Layout{MicroTokens: 4096})
			var all [][]float32
			for _, buffer := range l.replicas[0].gradients {
				values, err := backend.Float32s(buffer)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, values)
			}
			return all
		}
		whole := gradients(nil, false)
		for _, remat := range []bool{false, true} {
			for i, got := range gradients(a, remat) {
				index, first := a.Targets[i/2].Index, i/2*2
				A, errA := backend.Float32s(a.Factors[first])
				B, errB := backend.Float32s(a.Factors[first+1])
				if errA != nil || errB != nil {
					t.Fatal(errA, errB)
				}
				out, in, R, s := w.Specs[index].Shape[0], w.Specs[index].Shape[1], options.Rank, options.Scale()
				want := make([]float32, len(got))
				for o := range out {
					for j := range in {
						G := s * float64(whole[index][o*in+j])
						for k := range R {
							if i%2 == 0 {
								want[k*in+j] += float32(float64(B[o*R+k]) * G)
							} else {
								want[o*R+k] += float32(G * float64(A[k*in+j]))
							}
						}
					}
				}
				scale := trainertest.Norm(want) / math.Sqrt(float64(len(want)))
				worst := 0.0
				for j := range want {
					worst = max(worst, math.Abs(float64(got[j]-want[j])))
				}
				if !(scale > 0) || !(worst <= c.bound*scale) {
					t.Fatalf("%s %s remat %v: gradient of %s is off by %g, its size is %g", c.name, c.dtype,
						remat, a.Specs[i].Name, worst, scale)
				}
			}
		}
	}
}
