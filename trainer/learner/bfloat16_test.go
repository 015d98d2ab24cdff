package learner

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// TestBFloat16 bounds what products in bfloat16, XLA's or the host's, do to the gradient
// of weights that are bfloat16 already: 4 % of a parameter's gradient, and 15 % of that of
// a bias of keys, which is what is left of terms that nearly cancel (a shift of all keys
// hardly changes a softmax). A second pass has the same bits.
func TestBFloat16(t *testing.T) {
	for _, name := range kernelstest.Backends(t) {
		if name != "go" {
			t.Run(name, func(t *testing.T) { checkBFloat16(t, trainertest.OpenDevice(t, name)) })
		}
	}
}

func checkBFloat16(t *testing.T, d *backend.Device) {
	g := readGolden(t)
	v := g.Variants[0]
	var specs []architecture.Tensor
	gradients := func(dtype dtypes.DType) [][]float32 {
		w := trainertest.TinyWeights(t, d, dtype)
		specs = w.Specs
		defer w.Close()
		for i := range w.Specs {
			values, err := w.Float32s(i)
			if err != nil {
				t.Fatal(err)
			}
			backend.RoundBFloat16(values)
			if err := w.Set(i, values); err != nil {
				t.Fatal(err)
			}
		}
		options := v.options()
		options.Objective = objective.Likelihood() // without clipping, which a rounding can flip
		l, err := New(w, options)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		var first [][]float32
		for range 2 {
			var sums [][]float32
			g.accumulate2(t, l, v, Layout{MicroTokens: 4096})
			for i, spec := range l.specs {
				values, err := backend.Float32s(l.replicas[0].gradients[i])
				if err != nil {
					t.Fatal(err)
				}
				sums = append(sums, values)
				backend.Free(l.replicas[0].gradients[i])
				if l.replicas[0].gradients[i], err = d.Zeros(dtypes.Float32, spec.Shape...); err != nil {
					t.Fatal(err)
				}
			}
			if first == nil {
				first = sums
			}
			for i := range sums {
				if !slices.Equal(sums[i], first[i]) {
					t.Errorf("%s: the gradient of %s has other bits at the second pass", dtype,
						l.specs[i].Name)
				}
			}
		}
		return first
	}
	want, got := gradients(dtypes.Float32), gradients(dtypes.BFloat16)
	worst := 0.0
	for i := range want {
		difference := make([]float32, len(want[i]))
		for j := range difference {
			difference[j] = got[i][j] - want[i][j]
		}
		bound := 0.04
		if strings.HasSuffix(specs[i].Name, "k_proj.bias") {
			bound = 0.15
		}
		off := trainertest.Norm(difference) / trainertest.Norm(want[i])
		if worst = max(worst, off); !(off <= bound) {
			t.Errorf("the gradient of %s is off by %.4f of its size", specs[i].Name, off)
		}
	}
	t.Logf("largest difference: %.4f", worst)
}
