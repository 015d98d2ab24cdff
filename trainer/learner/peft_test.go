package learner

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
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
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/optimizer"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// TestPEFTGradients compares the gradient of every factor of adapters that PEFT made with PEFT's, patterns of
// rank and alpha and rank-stabilised scales among them, and a base in 4 bits; with layers recomputed and not.
// The weights below the factors are where they were, bit for bit, after an update.
func TestPEFTGradients(t *testing.T) {
	data, err := os.ReadFile(trainertest.Data("adapters/golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]struct {
		Model string `json:"model"`
		Cases []struct {
			Prompt     []int32 `json:"prompt_ids"`
			Completion []int32 `json:"completion_ids"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	for _, backendName := range kernelstest.Backends(t) {
		d := trainertest.OpenDevice(t, backendName)
		for _, x := range []struct {
			name, gradient string
			base           blockwise.Format
		}{
			{"plain", "gradient", blockwise.Format{}}, {"rslora-patterns", "gradient", blockwise.Format{}},
			{"qwen3", "gradient", blockwise.Format{}},
			{"plain", "qlora-gradient", blockwise.Format{Code: blockwise.NF4, Double: true}},
		} {
			name := x.name
			g, dir := golden[name], trainertest.Data("adapters/"+name)
			folder, err := checkpoint.Open(trainertest.Data("models/" + g.Model))
			if err != nil {
				t.Fatal(err)
			}
			defer folder.Close()
			w := model.Open(folder, d, dtypes.Float32)
			w.Projections = x.base
			if err := w.Upload(); err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			opened, err := checkpoint.OpenAdapter(dir, w.Config)
			if err != nil {
				t.Fatal(err)
			}
			defer opened.Close()
			a := &lora.Adapter{Adapter: model.ReadAdapter(opened)}
			for _, f := range opened.Factors {
				for _, factor := range []checkpoint.Tensor{f.A, f.B} {
					a.Specs = append(a.Specs, architecture.Tensor{Name: factor.Name, Shape: factor.Shape})
				}
			}
			w.Adapter = a.Adapter
			var pairs []dense.Pair
			for _, c := range g.Cases {
				pairs = append(pairs, dense.Pair{Prompt: c.Prompt, Completion: c.Completion})
			}
			file, err := checkpoint.OpenFile(filepath.Join(dir, x.gradient+".safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			before := slices.Clone(w.Buffers)
			for _, remat := range []bool{false, true} {
				if x.base.Quantises() && !remat && d.IsXLA() {
					continue // a program takes seconds to compile
				}
				l, err := New(w, Options{Objective: objective.Likelihood(), Adapter: a, Remat: remat,
					AdamW: optimizer.AdamW{LR: 0.01, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, Schedule: "constant",
						State: optimizer.StateFloat32}})
				if err != nil {
					t.Fatal(err)
				}
				for indices, batch := range (Layout{MicroTokens: 128}).Batches(pairs) {
					columns := l.options.Objective.Columns(batch.Shape.N)
					for i, index := range indices {
						for j := range pairs[index].Completion {
							columns[objective.Weight][batch.First[i]+j] = 1
						}
					}
					if _, err := l.Accumulate(batch, columns, 1); err != nil {
						t.Fatal(err)
					}
				}
				for i, spec := range a.Specs {
					tensor, err := file.Tensor(spec.Name)
					if err != nil {
						t.Fatal(err)
					}
					want := make([]float32, tensor.Len())
					tensor.Float32s(want)
					got, err := backend.Float32s(l.replicas[0].gradients[i])
					if err != nil {
						t.Fatal(err)
					}
					size, worst := trainertest.Norm(want)/math.Sqrt(float64(len(want))), 0.0
					for j := range want {
						worst = max(worst, math.Abs(float64(got[j]-want[j])))
					}
					if !(size > 0) || !(worst <= 1e-3*size) {
						t.Fatalf("%s %s %s remat %v: gradient of %s is off by %g, its size is %g", backendName, name,
							x.gradient, remat, spec.Name, worst, size)
					}
				}
				if remat {
					factor, err := backend.Float32s(a.Factors[0])
					if err != nil {
						t.Fatal(err)
					}
					if _, err := l.Update(0.01); err != nil {
						t.Fatal(err)
					}
					moved, err := backend.Float32s(a.Factors[0])
					if err != nil {
						t.Fatal(err)
					}
					if slices.Equal(factor, moved) || !slices.Equal(before, w.Buffers) {
						t.Errorf("%s %s: an update leaves the factors, or moves the weights", backendName, name)
					}
				}
				l.Close()
			}
		}
	}
}
