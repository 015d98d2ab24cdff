package learner

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/model/dense"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/optimizer"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// TestBiasGradients compares the gradients of a model with biases in attention and MLP
// with torch, every element of a bias and the size of all others; then it sees that an
// adapter has the gradients of the same model, and that an update moves every bias.
func TestBiasGradients(t *testing.T) {
	data, err := os.ReadFile("../../testdata/variants/forward.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]struct {
		Cases []struct {
			IDs   []int32              `json:"prompt_ids"`
			Norms map[string]float64   `json:"gradient_norms"`
			Bias  map[string][]float32 `json:"bias_gradients"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	options := Options{Objective: objective.Likelihood(),
		AdamW: optimizer.AdamW{LR: 0.01, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, Schedule: "constant",
			State: optimizer.StateFloat32}}
	for _, name := range kernelstest.Backends(t) {
		d := trainertest.OpenDevice(t, name)
		for _, name := range []string{"llama-biases"} {
			folder, err := checkpoint.Open(filepath.Join("../../testdata/variants", name))
			if err != nil {
				t.Fatal(err)
			}
			defer folder.Close()
			w, err := model.LoadWeights(folder, d, dtypes.Float32)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			c := golden[name].Cases[1]
			pair := dense.Pair{Prompt: c.IDs[:1], Completion: c.IDs[1:]}
			gradients := func(l *Learner) [][]float32 {
				for _, batch := range (Layout{MicroTokens: 64}).Batches([]dense.Pair{pair}) {
					columns := l.options.Objective.Columns(batch.Shape.N)
					for j := range pair.Completion {
						columns[objective.Weight][batch.First[0]+j] = 1
					}
					if _, err := l.Accumulate(batch, columns, 1); err != nil {
						t.Fatal(err)
					}
				}
				var all [][]float32
				for _, b := range l.replicas[0].gradients {
					values, err := backend.Float32s(b)
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, values)
				}
				return all
			}
			l, err := New(w, options)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			whole := gradients(l)
			biases := 0
			for i, spec := range w.Specs {
				square, want := 0.0, c.Norms[spec.Name]
				for _, v := range whole[i] {
					square += float64(v) * float64(v)
				}
				if math.Abs(math.Sqrt(square)-want) > 1e-3*want {
					t.Errorf("%s %s: gradient of %s is %g long, want %g", d.Name, name, spec.Name,
						math.Sqrt(square), want)
				}
				exact, ok := c.Bias[spec.Name]
				if !ok {
					continue
				}
				biases++
				for j, v := range exact {
					if math.Abs(float64(whole[i][j]-v)) > 1e-3*want {
						t.Fatalf("%s %s: gradient of %s[%d] is %g, want %g", d.Name, name, spec.Name, j,
							whole[i][j], v)
					}
				}
			}
			if biases == 0 || biases != len(c.Bias) {
				t.Fatalf("%s: %d biases, want %d", name, biases, len(c.Bias))
			}

			// B is zero, so the gradient of A is zero and that of B is s·G·Aᵀ.
			a, err := lora.New(w, lora.Options{Rank: 2, Alpha: 4, Targets: architecture.Projections()}, 1)
			if err != nil {
				t.Fatal(err)
			}
			o := options
			o.Adapter = a
			adapted, err := New(w, o)
			if err != nil {
				t.Fatal(err)
			}
			factors := gradients(adapted)
			for i, target := range a.Targets {
				index := target.Index
				out, in := w.Specs[index].Shape[0], w.Specs[index].Shape[1]
				A, err := backend.Float32s(a.Factors[2*i])
				if err != nil {
					t.Fatal(err)
				}
				for j := range out {
					for r := range 2 {
						want := 0.0
						for k := range in {
							want += target.Scale * float64(whole[index][j*in+k]) * float64(A[r*in+k])
						}
						bound := 1e-3 * c.Norms[w.Specs[index].Name]
						if got := float64(factors[2*i+1][j*2+r]); math.Abs(got-want) > bound {
							t.Fatalf("%s %s: gradient of %s is %g, want %g", d.Name, name,
								a.Specs[2*i+1].Name, got, want)
						}
					}
				}
			}
			adapted.Close()
			a.Close()

			before := map[string][]float32{}
			for i, spec := range w.Specs {
				if before[spec.Name], err = w.Float32s(i); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := l.Update(0.01); err != nil {
				t.Fatal(err)
			}
			for i, spec := range w.Specs {
				after, err := w.Float32s(i)
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasSuffix(spec.Name, ".bias") && slices.Equal(after, before[spec.Name]) {
					t.Errorf("%s %s: an update leaves %s as it was", d.Name, name, spec.Name)
				}
			}
		}
	}
}
