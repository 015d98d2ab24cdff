package trainer_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// own is the type of a family of these tests alone, of EXAONE 4's layer.
const own = "own-exaone4"

func init() {
	architecture.Register(&architecture.Architecture{
		Type:     own,
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

// families reads the models of testdata/architectures.
func families(t *testing.T) map[string]described {
	t.Helper()
	data, err := os.ReadFile(trainertest.Data("architectures/golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]described
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	return golden
}

// withTokenizer copies a model of testdata/architectures, as one of another type where change has one, and a
// tokenizer.
func withTokenizer(t *testing.T, name, change string) string {
	t.Helper()
	dir := t.TempDir()
	for _, path := range []string{"architectures/" + name + "/config.json",
		"architectures/" + name + "/model.safetensors", "models/tiny-qwen2/tokenizer.json"} {
		data, err := os.ReadFile(trainertest.Data(path))
		if change != "" {
			kind := fmt.Sprintf(`"model_type": "%s"`, strings.TrimPrefix(change, "own-"))
			data = bytes.Replace(data, []byte(kind), []byte(fmt.Sprintf(`"model_type": "%s"`, change)), 1)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(path)), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestArchitecture: of every family everything that depends on it agrees with transformers.
func TestArchitecture(t *testing.T) {
	golden, covered := families(t), map[string]bool{"qwen2": true, "llama": true, own: true}
	for name, want := range golden {
		c, err := checkpoint.LoadConfig(trainertest.Data("architectures/" + name))
		if err != nil {
			t.Fatal(err)
		}
		covered[c.Architecture.Type] = true
		t.Run(name, func(t *testing.T) {
			dir := withTokenizer(t, name, "")
			backends := kernelstest.Backends(t)
			if slices.Contains([]string{"qwen2-yarn", "llama3.2", "mistral", "smollm3-list"}, name) {
				backends = backends[:1] // no other graph than the rest have
			}
			generates(t, dir, want, backends...)
			saves(t, dir, want, name)
			for _, backend := range backends {
				hasGradients(t, trainertest.OpenDevice(t, backend), dir, want)
			}
		})
	}
	for _, name := range architecture.Names() {
		if !covered[name] {
			t.Errorf("no model of family %s", name)
		}
	}
}

// TestOwnArchitecture: a family that is described here and nowhere else needs nothing more.
func TestOwnArchitecture(t *testing.T) {
	want := families(t)["exaone4"]
	dir := withTokenizer(t, "exaone4", own)
	generates(t, dir, want, "go")
	if kind := saves(t, dir, want, "own"); kind != own {
		t.Errorf("it is a %s", kind)
	}
}

// generates compares greedy tokens, the log-probabilities that host kernels and graphs give a
// prompt, and the logits behind a prompt's entropy.
func generates(t *testing.T, dir string, want described, backends ...string) {
	t.Helper()
	options := []engine.Options{{Backend: "go", Kernels: engine.KernelsHost, PageSize: 4, ChunkSize: 3}}
	for _, name := range backends {
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
// and the configuration that were read, from its text or anew. It returns the family's type. In STELE_WRITE_DIR the
// folders stay, for third_party/check-transformers.py.
func saves(t *testing.T, dir string, want described, name string) string {
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
		kept := cmp.Or(os.Getenv("STELE_WRITE_DIR"), t.TempDir())
		out := filepath.Join(kept, fmt.Sprintf("anew-%t", raw == nil), name+"-F32")
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
		text := func(m *architecture.Model) string {
			return asJSON(t, []any{m.Tensors(), m.Layers, m.EmbeddingFactor, m.LogitFactor})
		}
		a, b := text(read.Model()), text(again.Model())
		if a != b || read.Rope != again.Rope {
			t.Errorf("written anew the model is another:\n%s\n%s", a, b)
		}
	}
	return folder.Config.Architecture.Type
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
		// Of what changes nothing, as a bias of keys that are not rotated, only rounding is left.
		got, nothing := trainertest.Norm(values), size < 1e-5
		if nothing && got > 1e-5 || !nothing && !(math.Abs(got-size) <= 1e-3*size) || size == 0 {
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

	layer := w.Config.Model().Layers[0]
	plain := layer.Attention.QueryNorm == nil && layer.Attention.After == nil // as package memory has more of
	if !d.IsXLA() || w.Config.TieEmbeddings || plain {                        // tied or not, a pass keeps the same
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
