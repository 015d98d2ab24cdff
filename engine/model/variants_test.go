package model_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/engine/model/graphmodel"
	"github.com/stele-lm/stele/engine/model/hostmodel"
	"github.com/stele-lm/stele/kernels/host"
	"github.com/stele-lm/stele/kernels/op"
)

// variants are the models of testdata/variants with transformers' values.
func variants(t *testing.T) map[string][]forwardCase {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(testdata, "variants", "forward.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]struct {
		Cases []forwardCase `json:"cases"`
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	cases := map[string][]forwardCase{}
	for name, g := range golden {
		cases[name] = g.Cases
	}
	return cases
}

// TestVariants compares models with biases everywhere, heads that are tied, untied or the
// only one there, and names without prefix with transformers, on every executor.
func TestVariants(t *testing.T) {
	all := variants(t)
	if len(all) != 8 {
		t.Fatalf("%d variants", len(all))
	}
	for name, cases := range all {
		name = filepath.Join("..", "variants", name)
		exact, rounded := openHost(t, name, dtypes.Float32, 2), map[dtypes.DType]*hostmodel.Model{}
		for _, dtype := range []dtypes.DType{dtypes.BFloat16, dtypes.Int8, model.W8A8, dtypes.Int4} {
			rounded[dtype] = openHost(t, name, dtype, 2)
		}
		difference, square := map[dtypes.DType]float64{}, 0.0
		for index, c := range cases {
			close := func(executor string, got []float32) {
				t.Helper()
				for i, want := range c.LastLogits {
					if math.Abs(float64(got[i]-want)) > 1e-4 {
						t.Fatalf("%s %s case %d: logit %d is %g, want %g", executor, name, index, i, got[i],
							want)
					}
				}
			}
			close("host", hostPrefill(t, exact, c.PromptIDs, 16, 512))
			close("host in chunks", hostPrefill(t, exact, c.PromptIDs, 4, 3))
			for _, want := range c.LastLogits {
				square += float64(want) * float64(want)
			}
			for dtype, h := range rounded {
				for i, got := range hostPrefill(t, h, c.PromptIDs, 16, 512) {
					difference[dtype] += math.Pow(float64(got-c.LastLogits[i]), 2)
				}
			}
		}
		for dtype, bound := range map[dtypes.DType]float64{dtypes.BFloat16: 0.01, dtypes.Int8: 0.05, model.W8A8: 0.05,
			dtypes.Int4: 0.4} {
			if relative := math.Sqrt(difference[dtype] / square); relative > bound {
				t.Errorf("%s %s: the logits differ by %.4f of their size, bound %.4f", name, dtype, relative,
					bound)
			}
		}
		backends := devices(t)
		if !strings.Contains(name, "llama") && !strings.Contains(name, "qwen2") {
			backends = backends[:1] // they differ in how they are read
		}
		for _, d := range backends {
			w := loadWeights(t, name, d)
			pages := op.Pages{Count: 48, Slots: 8, Heads: w.Config.NumKVHeads, Width: w.Config.HeadDim,
				DType: w.HeldAs()}
			shape := graphmodel.StepShape{B: 1, T: 32, Pages: 8}
			program, err := graphmodel.CompileStep(w, pages, shape)
			if err != nil {
				t.Fatal(err)
			}
			var pairs []dense.Pair
			for index, c := range cases {
				for i, got := range prefill(t, program, shape, w, pages, c.PromptIDs) {
					if math.Abs(float64(got-c.LastLogits[i])) > 1e-4 {
						t.Fatalf("%s %s case %d: logit %d is %g, want %g", d.Name, name, index, i, got,
							c.LastLogits[i])
					}
				}
				pairs = append(pairs,
					dense.Pair{Prompt: c.PromptIDs[:1], Completion: append(slices.Clone(c.PromptIDs[1:]), 0)})
			}
			program.Close()
			for _, grouping := range dense.Plan(pairs, 1024) {
				batch := grouping.Batch(pairs)
				logprobs, _ := scoreBatch(t, w, batch)
				for i, index := range grouping.Indices() {
					for j, want := range cases[index].TokenLogProbs {
						if got := logprobs[batch.First[i]+j]; math.Abs(float64(got-want)) > 1e-4 {
							t.Fatalf("%s %s case %d: log-probability of token %d is %g, want %g", d.Name,
								name, index, j+1, got, want)
						}
					}
				}
			}
		}
	}
}

// TestUnread: whatever a specification names that an executor does not read is an error of
// it, and so is what an executor reads and the model does not have.
func TestUnread(t *testing.T) {
	for _, extra := range []string{"model.layers.1.self_attn.q_norm.weight",
		"model.layers.0.input_layernorm.bias", "model.extra.weight", "lm_head.bias"} {
		folder, err := checkpoint.Open(filepath.Join(testdata, "variants", "llama-biases"))
		if err != nil {
			t.Fatal(err)
		}
		defer folder.Close()
		add := func(w *model.Weights) *model.Weights {
			w.Specs = append(w.Specs, architecture.Tensor{Name: extra, Shape: []int{32}})
			return w
		}
		fails := func(executor string, err error) {
			t.Helper()
			if err == nil || !strings.Contains(err.Error(), extra) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s with %s: error %v, want one line that names it", executor, extra, err)
			}
		}
		team := host.NewTeam(1)
		defer team.Close()
		_, err = hostmodel.New(add(model.Open(folder, devices(t)[0], dtypes.Float32)), team)
		fails("host", err)
		for _, d := range devices(t) {
			w, err := model.LoadWeights(folder, d, dtypes.Float32)
			if err != nil {
				t.Fatal(err)
			}
			_, err = graphmodel.CompileStep(add(w),
				op.Pages{Count: 4, Slots: 8, Heads: 2, Width: 8,
					DType: w.HeldAs()}, graphmodel.StepShape{B: 1, T: 1, Pages: 4})
			fails(d.Name+" step", err)
			_, err = graphmodel.CompileScore(w, dense.Shape{B: 1, T: 4, N: 4})
			fails(d.Name+" score", err)
		}
	}
	// What is not in the specification is not another tensor, or none.
	for _, gone := range []string{"model.layers.1.mlp.up_proj.weight",
		"model.layers.0.post_attention_layernorm.weight", "model.norm.weight"} {
		folder, err := checkpoint.Open(filepath.Join(testdata, "variants", "llama-biases"))
		if err != nil {
			t.Fatal(err)
		}
		defer folder.Close()
		w := model.Open(folder, devices(t)[0], dtypes.Float32)
		w.Specs = slices.DeleteFunc(w.Specs, func(s architecture.Tensor) bool { return s.Name == gone })
		team := host.NewTeam(1)
		defer team.Close()
		if _, err := hostmodel.New(w, team); err == nil || !strings.Contains(err.Error(), gone) {
			t.Errorf("host without %s: error %v", gone, err)
		}
		if err := w.Upload(); err != nil {
			t.Fatal(err)
		}
		if _, err := graphmodel.CompileScore(w, dense.Shape{B: 1, T: 4, N: 4}); err == nil ||
			!strings.Contains(err.Error(), gone) {
			t.Errorf("graph without %s: error %v", gone, err)
		}
	}
}
