package model_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/engine/model/graphmodel"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/kernels/op"
)

const testdata = "../../testdata"

// forwardCase is one case of tiny-*.forward.json, computed by transformers.
type forwardCase struct {
	PromptIDs     []int32   `json:"prompt_ids"`
	LastLogits    []float32 `json:"last_logits"`
	TokenLogProbs []float32 `json:"token_logprobs"`
	Entropy       float64   `json:"entropy_last"`
}

func readForward(t *testing.T, name string) []forwardCase {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(testdata, name+".forward.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []forwardCase `json:"cases"`
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	return golden.Cases
}

// devices opens the backends that are here.
func devices(t *testing.T) []*backend.Device {
	t.Helper()
	var all []*backend.Device
	for _, name := range kernelstest.Backends(t) {
		d, err := backend.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

func loadWeights(t *testing.T, name string, d *backend.Device) *model.Weights {
	t.Helper()
	folder, err := checkpoint.Open(filepath.Join(testdata, "models", name))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	w, err := model.LoadWeights(folder, d, dtypes.Float32)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// scoreBatch returns the log-probabilities and entropies [N] of a batch.
func scoreBatch(t *testing.T, w *model.Weights, batch *dense.Batch) (logprobs, entropy []float32) {
	t.Helper()
	program, err := graphmodel.CompileScore(w, batch.Shape)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	inputs, err := batch.Upload(w.Device, 1)
	if err != nil {
		t.Fatal(err)
	}
	out, err := program.Run(inputs.WithAll(w.Parameters()))
	if err != nil {
		t.Fatal(err)
	}
	if logprobs, err = backend.Float32s(out["logprob"][0]); err != nil {
		t.Fatal(err)
	}
	if entropy, err = backend.Float32s(out["entropy"][0]); err != nil {
		t.Fatal(err)
	}
	return logprobs, entropy
}

// TestDense compares the dense pass with transformers: the log-probability of
// every prompt token, batches of several sequences, and the last entropy.
func TestDense(t *testing.T) {
	for _, d := range devices(t) {
		for _, name := range []string{"tiny-qwen2", "tiny-llama31"} {
			w := loadWeights(t, name, d)
			var pairs []dense.Pair
			cases := readForward(t, name)
			for _, c := range cases {
				pairs = append(pairs,
					dense.Pair{Prompt: c.PromptIDs[:1],
						Completion: append(append([]int32{}, c.PromptIDs[1:]...), 0)})
			}
			for _, grouping := range dense.Plan(pairs, 1024) {
				batch := grouping.Batch(pairs)
				logprobs, entropy := scoreBatch(t, w, batch)
				for i, index := range grouping.Indices() {
					c := cases[index]
					for j, want := range c.TokenLogProbs {
						if got := logprobs[batch.First[i]+j]; math.Abs(float64(got-want)) > 1e-4 {
							t.Fatalf("%s %s case %d: log-probability of token %d is %g, want %g", d.Name,
								name, index, j+1, got, want)
						}
					}
					if got := float64(entropy[batch.First[i]+len(c.TokenLogProbs)]); math.Abs(got-c.Entropy) > 1e-4 {
						t.Errorf("%s %s case %d: entropy %g, want %g", d.Name, name, index, got, c.Entropy)
					}
				}
			}
		}
	}
}

// TestStep prefills in uneven chunks through shuffled pages and compares the last
// logits with transformers.
func TestStep(t *testing.T) {
	for _, d := range devices(t) {
		for _, name := range []string{"tiny-qwen2", "tiny-llama31"} {
			w := loadWeights(t, name, d)
			pages := op.Pages{Count: 48, Slots: 8, Heads: w.Config.NumKVHeads, Width: w.Config.HeadDim,
				DType: w.HeldAs()}
			shape := graphmodel.StepShape{B: 1, T: 32, Pages: 40}
			program, err := graphmodel.CompileStep(w, pages, shape)
			if err != nil {
				t.Fatal(err)
			}
			defer program.Close()
			for index, c := range readForward(t, name) {
				if n := len(c.PromptIDs); n > 300 {
					continue
				}
				got := prefill(t, program, shape, w, pages, c.PromptIDs)
				for i, want := range c.LastLogits {
					if math.Abs(float64(got[i]-want)) > 1e-4 {
						t.Fatalf("%s %s case %d: logit %d is %g, want %g", d.Name, name, index, i, got[i],
							want)
					}
				}
			}
		}
	}
}

func prefill(t *testing.T, program *backend.NamedProgram, shape graphmodel.StepShape, w *model.Weights,
	pages op.Pages, ids []int32) []float32 {
	t.Helper()
	var pools []backend.Buffer
	for range w.Config.NumLayers {
		zeros, err := w.Device.Zeros(pages.DType, pages.Shape().Dimensions...)
		if err != nil {
			t.Fatal(err)
		}
		pools = append(pools, zeros)
	}
	table := make([]int32, shape.Pages)
	for i := range table {
		table[i] = int32(1 + (i*7)%47)
	}
	var logits []float32
	for start := 0; start < len(ids); {
		n := min(len(ids)-start, 32)
		if start == 0 {
			n = min(len(ids), 19)
		}
		feed := shape.Feed()
		shape.Row(feed, 0, ids[start:start+n], start, table)
		input, err := backend.Upload(w.Device, feed, shape.Dims()...)
		if err != nil {
			t.Fatal(err)
		}
		out, err := program.Run(w.Parameters().WithAll(backend.Buffers{"feed": {input}, "pools": pools}))
		if err != nil {
			t.Fatal(err)
		}
		pools = out["pools"]
		if logits, err = backend.Float32s(out["result"][0]); err != nil {
			t.Fatal(err)
		}
		start += n
	}
	return logits
}
