package trainer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/engine/model/graphmodel"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/sampler"
	"github.com/stele-lm/stele/trainer/learner"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/memory"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// own begins the types of the families of these tests, so that the product may have them too.
const own = "own-"

// Families of these tests alone: each is all that Stele has to be told of it.
func init() {
	// Queries and keys are normalised head by head, and heads have a width of their own.
	architecture.Register(&architecture.Architecture{
		Type:     own + "qwen3",
		Class:    "Qwen3ForCausalLM",
		Defaults: architecture.Defaults{KVHeads: 32, HeadDim: 128, MaxPositions: 32768},
		Flags:    []architecture.Flag{{Name: "attention_bias"}},
		Window:   &architecture.Window{Size: 4096, FirstLayer: 28},
		Layer: func(c *architecture.Config, _ int) architecture.Layer {
			l := architecture.PreNorm(c)
			l.Attention.QueryNorm = &architecture.Norm{Name: "self_attn.q_norm", Size: c.HeadDim}
			l.Attention.KeyNorm = &architecture.Norm{Name: "self_attn.k_norm", Size: c.HeadDim}
			bias := c.Flag("attention_bias")
			for _, p := range l.Projections()[:4] {
				p.Bias = bias
			}
			return l
		},
	})
	// Norms follow attention and MLP, and none is before.
	architecture.Register(&architecture.Architecture{
		Type:     own + "exaone4",
		Class:    "Exaone4ForCausalLM",
		Defaults: architecture.Defaults{KVHeads: 32, MaxPositions: 2048, RMSNormEps: 1e-5},
		Layer: func(c *architecture.Config, _ int) architecture.Layer {
			l := architecture.PreNorm(c)
			l.Attention.QueryNorm = &architecture.Norm{Name: "self_attn.q_norm", Size: c.HeadDim}
			l.Attention.KeyNorm = &architecture.Norm{Name: "self_attn.k_norm", Size: c.HeadDim}
			l.Attention.Before, l.MLP.Before = nil, nil
			l.Attention.After = &architecture.Norm{Name: "post_attention_layernorm", Size: c.HiddenSize}
			l.MLP.After = &architecture.Norm{Name: "post_feedforward_layernorm", Size: c.HiddenSize}
			return l
		},
	})
}

// described is a model of testdata/architectures with transformers' values.
type described struct {
	Parameters int64 `json:"parameters"`
	Cases      []struct {
		IDs           []int32              `json:"prompt_ids"`
		LastLogits    []float32            `json:"last_logits"`
		TokenLogProbs []float32            `json:"token_logprobs"`
		Entropy       float64              `json:"entropy_last"`
		Greedy        []int32              `json:"greedy"`
		GradientNorms map[string]float64   `json:"gradient_norms"`
		NormGradients map[string][]float32 `json:"norm_gradients"`
	} `json:"cases"`
}

// TestArchitecture: for a family that is described here and nowhere else, everything that
// depends on families agrees with transformers.
func TestArchitecture(t *testing.T) {
	data, err := os.ReadFile(trainertest.Data("architectures/golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]described
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden) != 3 {
		t.Fatalf("%d models", len(golden))
	}
	for name, want := range golden {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir() // with a tokenizer
			for _, from := range []string{"architectures/" + name, "models/tiny-qwen2"} {
				for _, file := range []string{"config.json", "model.safetensors", "tokenizer.json"} {
					data, err := os.ReadFile(filepath.Join(trainertest.Data(from), file))
					if (from != "models/tiny-qwen2") == (file == "tokenizer.json") {
						continue
					}
					data = bytes.Replace(data, []byte(`"model_type": "`), []byte(`"model_type": "`+own), 1)
					if err == nil {
						err = os.WriteFile(filepath.Join(dir, file), data, 0o644)
					}
					if err != nil {
						t.Fatal(err)
					}
				}
			}
			generates(t, dir, want)
			saves(t, dir, want)
			for _, name := range kernelstest.Backends(t) {
				hasGradients(t, trainertest.OpenDevice(t, name), dir, want)
			}
		})
	}
}

// generates compares greedy tokens, the log-probabilities that host kernels and graphs give a
// prompt, and the logits behind a prompt's entropy.
func generates(t *testing.T, dir string, want described) {
	t.Helper()
	options := []engine.Options{{Backend: "go", Kernels: engine.KernelsHost, PageSize: 4, ChunkSize: 3}}
	for _, name := range kernelstest.Backends(t) {
		options = append(options, engine.Options{Backend: name, Kernels: engine.KernelsGraph})
	}
	for _, o := range options {
		e, err := engine.Load(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		var requests []engine.Request
		var pairs []dense.Pair
		for _, c := range want.Cases {
			requests = append(requests, engine.Request{
				Prompt: c.IDs, MaxTokens: len(c.Greedy), IgnoreEOS: true, Sampling: sampler.Params{TopP: 1},
			})
			pairs = append(pairs, dense.Pair{Prompt: c.IDs[:1],
				Completion: slices.Concat(c.IDs[1:], c.Greedy)})
		}
		err = e.Generate(context.Background(), requests, func(c engine.Completion) error {
			if greedy := want.Cases[c.Request].Greedy; !slices.Equal(c.Tokens, greedy) {
				t.Errorf("%s: case %d goes on with %v, want %v", e.Executor(), c.Request, c.Tokens, greedy)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		scores, err := e.Score(context.Background(), pairs, 1)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range want.Cases {
			all := append(slices.Clone(c.TokenLogProbs), logProb(c.LastLogits, c.Greedy[0]))
			for j, logprob := range all {
				if got := scores[i].LogProbs[j]; math.Abs(float64(got-logprob)) > 1e-4 {
					t.Fatalf("%s: case %d, log-probability of token %d is %g, want %g",
						e.Executor(), i, j+1, got, logprob)
				}
			}
			if got := float64(scores[i].Entropy[len(c.IDs)-1]); math.Abs(got-c.Entropy) > 1e-4 {
				t.Errorf("%s: case %d, entropy %g, want %g", e.Executor(), i, got, c.Entropy)
			}
		}
		e.Close()
	}
}

// logProb is the log-probability of a token by logits.
func logProb(logits []float32, token int32) float32 {
	sum := 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v))
	}
	return logits[token] - float32(math.Log(sum))
}

// saves compares the parameter count and sees that a folder that is written holds the tensors
// and the configuration that were read, from its text or anew.
func saves(t *testing.T, dir string, want described) {
	t.Helper()
	folder, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if n := folder.Config.NumParameters(); n != want.Parameters {
		t.Errorf("%d parameters, want %d", n, want.Parameters)
	}
	e, err := engine.Load(dir, engine.Options{Backend: "go"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, raw := range []json.RawMessage{folder.Config.Raw, nil} {
		e.Weights.Config.Raw = raw
		out := filepath.Join(t.TempDir(), "out")
		if err := e.Save(out); err != nil {
			t.Fatal(err)
		}
		written, err := checkpoint.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		defer written.Close()
		for _, tensor := range folder.Config.Model().Tensors() {
			a, err := folder.Tensor(tensor.Name)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := written.Tensor(tensor.Name); err != nil || !bytes.Equal(a.Data, b.Data) {
				t.Errorf("%s is written with other values: %v", tensor.Name, err)
			}
		}
		read, again := *folder.Config, *written.Config
		read.Raw, again.Raw = nil, nil
		a, b := asJSON(t, read.Model().Tensors()), asJSON(t, again.Model().Tensors())
		if a != b || read.Rope != again.Rope {
			t.Errorf("written anew the model is another:\n%s\n%s", a, b)
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// hasGradients compares every parameter's gradient with torch, those of norms element by
// element; then it sees that an adapter has factors for every projection, and that the plan of
// a gradient pass's memory is XLA's.
func hasGradients(t *testing.T, d *backend.Device, dir string, want described) {
	t.Helper()
	folder, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	w, err := model.LoadWeights(folder, d, dtypes.Float32)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	c := want.Cases[len(want.Cases)-1]
	pairs := []dense.Pair{{Prompt: c.IDs[:1], Completion: c.IDs[1:]}}
	batch := dense.Plan(pairs, 1024)[0].Batch(pairs)
	program := gradient(t, w, batch.Shape, batch.First[0], len(c.IDs)-1)
	inputs, err := batch.Upload(d, 1)
	if err != nil {
		t.Fatal(err)
	}
	outputs, err := program.Run(inputs.With("weights", w.Buffers))
	if err != nil {
		t.Fatal(err)
	}
	for i, tensor := range w.Specs {
		values, err := backend.Float32s(outputs["gradients"][i])
		if err != nil {
			t.Fatal(err)
		}
		size := c.GradientNorms[tensor.Name]
		if got := trainertest.Norm(values); size == 0 || math.Abs(got-size) > 1e-3*size {
			t.Errorf("%s: gradient of %s is %g long, want %g", d.Name, tensor.Name, got, size)
		}
		for j, v := range c.NormGradients[tensor.Name] {
			if math.Abs(float64(values[j]-v)) > 1e-3*size {
				t.Fatalf("%s: gradient of %s[%d] is %g, want %g", d.Name, tensor.Name, j, values[j], v)
			}
		}
	}
	program.Close()

	operations := learner.FLOPs(w.Config, []dense.Pair{{Prompt: []int32{3}, Completion: []int32{4}}})
	matrices := 0
	for _, tensor := range w.Specs {
		if tensor.Kind == architecture.Matrix {
			matrices += tensor.Len()
		}
	}
	table := w.Config.VocabSize * w.Config.HiddenSize
	scores := 3 * 2 * w.Config.NumLayers * w.Config.NumHeads * w.Config.HeadDim
	if n := float64(6 * (2*matrices + table + scores)); operations != n {
		t.Errorf("%g operations, want %g", operations, n)
	}

	a, err := lora.New(w, lora.Options{Rank: 2, Alpha: 4, Targets: w.Config.Architecture.Projections()}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if n := 7 * w.Config.NumLayers; len(a.Targets) != n {
		t.Errorf("%d weights have factors, want %d", len(a.Targets), n)
	}
	a.Close()

	if !d.IsXLA() || w.Config.TieEmbeddings { // tied or not, a pass keeps the same
		return
	}
	sized := *w.Config // large enough that the passes weigh more than what XLA adds to any
	sized.HiddenSize, sized.IntermediateSize, sized.NumLayers, sized.HeadDim = 256, 512, 2, 64
	sized.VocabSize, sized.MaxPositions = 2048, 512
	big := &model.Weights{Config: &sized, Device: d, DType: dtypes.Float32, Specs: sized.Model().Tensors()}
	plan := memory.Workload{
		Model: &sized, DType: "float32", Longest: 128, Prompt: 64, Sequences: 8, Group: 4,
		Layout: learner.Layout{MicroTokens: 640},
	}.Plan()
	program = gradient(t, big, plan.MicroBatch, 0, plan.MicroBatch.N)
	defer program.Close()
	got, assigned := plan.Activations+plan.Logits, program.Memory().Temporary
	t.Logf("%d bytes planned, XLA has %d", got, assigned)
	if ratio := float64(got) / float64(assigned); ratio < 0.85 || ratio > 1.15 {
		t.Errorf("%d bytes planned, XLA has %d", got, assigned)
	}
}

// gradient compiles the gradient of the sum of -log p of n entries of a batch from first on.
func gradient(t *testing.T, w *model.Weights, shape dense.Shape, first, n int) *backend.NamedProgram {
	t.Helper()
	inputs := append(shape.Inputs(), w.Groups()...)
	outputs := []string{"gradients"}
	program, err := backend.CompileNamed(w.Device, "gradient", inputs, outputs,
		func(in backend.Nodes) backend.Nodes {
			logprob, _ := graphmodel.TokenLogProbs(w, shape, in, graphmodel.RecomputeBetween)
			loss := Neg(ReduceAllSum(Slice(logprob, AxisRange(first, first+n))))
			return backend.Nodes{"gradients": Gradient(loss, in["weights"]...)}
		})
	if err != nil {
		t.Fatal(err)
	}
	return program
}
