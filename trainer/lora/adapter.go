package lora

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/splitmix"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/op"
	"github.com/stele-lm/stele/trainer/tensorfile"
)

// Adapter is the factors of some weights. The weights hold the merged values, which
// the engine samples from and the trainer computes with; the adapter keeps what
// they were, which is the reference model at no further cost.
type Adapter struct {
	options Options
	weights *model.Weights
	// Indices are those of the weights that have factors.
	Indices []int
	base    []backend.Buffer // their values without the factors
	// Specs and Factors are A [r, in] and B [out, r] of each such weight in turn, float32.
	Specs   []architecture.Tensor
	Factors []backend.Buffer
	merges  map[string]*backend.NamedProgram // by the target's shape
}

// New makes factors for weights, which stay as they are: A is drawn as
// PEFT draws it, uniformly within ±1/√in, by seed; B is zero.
func New(w *model.Weights, options Options, seed uint64) (*Adapter, error) {
	if err := w.Upload(); err != nil {
		return nil, err
	}
	a := &Adapter{options: options, weights: w, merges: map[string]*backend.NamedProgram{}}
	for i, spec := range w.Specs {
		specs := options.Factors(spec)
		if specs == nil {
			continue
		}
		out, in := spec.Shape[0], spec.Shape[1]
		first := make([]float32, options.Rank*in)
		bound := 1 / math.Sqrt(float64(in))
		for j := range first {
			u := splitmix.Uniform(splitmix.Mix(splitmix.Mix(splitmix.Mix(seed)+uint64(i)) + uint64(j)))
			first[j] = float32((2*u - 1) * bound)
		}
		a.Indices = append(a.Indices, i)
		a.Specs = append(a.Specs, specs...)
		A, err := backend.Upload(w.Device, first, options.Rank, in)
		if err != nil {
			return nil, err
		}
		B, err := w.Device.Zeros(dtypes.Float32, out, options.Rank)
		if err != nil {
			return nil, err
		}
		a.Factors = append(a.Factors, A, B)
		// The merged values get buffers of their own at the first merge.
		a.base = append(a.base, w.Buffers[i])
	}
	if len(a.Indices) == 0 {
		return nil, fmt.Errorf("lora: the model has none of %s", strings.Join(options.Targets, ", "))
	}
	w.Adapted, w.AdapterScale = a.Indices, a.Scale()
	return a, a.Merge()
}

// Scale returns alpha / rank, the factor of B·A.
func (a *Adapter) Scale() float64 { return a.options.Alpha / float64(a.options.Rank) }

// Merge sets the weights to base + scale·B·A, one after another.
func (a *Adapter) Merge() error {
	held := a.weights.HeldAs()
	for i, index := range a.Indices {
		shape := a.weights.Specs[index].Shape
		key := fmt.Sprint(shape)
		program := a.merges[key]
		if program == nil {
			var err error
			program, err = backend.CompileNamed(a.weights.Device, "merge", backend.Each(
				backend.Input{Name: "base", Shape: shapes.Make(held, shape...)},
				backend.Input{Name: "A", Shape: shapes.Make(dtypes.Float32, a.options.Rank, shape[1])},
				backend.Input{Name: "B", Shape: shapes.Make(dtypes.Float32, shape[0], a.options.Rank)},
			), []string{"merged"}, func(in backend.Nodes) backend.Nodes {
				product := Dot(in.One("B"), in.One("A")).General([]int{1}, nil, []int{0}, nil)
				sum := Add(op.Convert(in.One("base"), dtypes.Float32), MulScalar(product, a.Scale()))
				return backend.Nodes{"merged": {op.Convert(sum, held)}}
			})
			if err != nil {
				return err
			}
			a.merges[key] = program
		}
		outputs, err := program.Run(backend.Buffers{
			"base": a.base[i : i+1], "A": a.Factors[2*i : 2*i+1], "B": a.Factors[2*i+1 : 2*i+2],
		})
		if err != nil {
			return fmt.Errorf("merging %s: %w", a.weights.Specs[index].Name, err)
		}
		if a.weights.Buffers[index] != a.base[i] {
			backend.Free(a.weights.Buffers[index])
		}
		a.weights.Buffers[index] = outputs["merged"][0]
	}
	return nil
}

// Base returns the weights without the factors. It shares buffers with the
// adapter and the weights: never close it.
func (a *Adapter) Base() *model.Weights {
	base := *a.weights
	base.Buffers = slices.Clone(a.weights.Buffers)
	for i, index := range a.Indices {
		base.Buffers[index] = a.base[i]
	}
	return &base
}

// Close frees the factors and what the merged weights were made from.
func (a *Adapter) Close() {
	backend.Free(a.Factors...)
	for i, index := range a.Indices {
		if a.weights.Buffers == nil || a.weights.Buffers[index] != a.base[i] {
			backend.Free(a.base[i])
		}
	}
	for _, p := range a.merges {
		p.Close()
	}
}

// The adapter's folder in a checkpoint and its files, in PEFT's layout.
const (
	Folder         = "adapter"
	adapterConfig  = "adapter_config.json"
	adapterWeights = "adapter_model.safetensors"
	adapterPrefix  = "base_model.model."
)

// Save writes the adapter as PEFT does; base is what it was trained on.
func (a *Adapter) Save(dir, base string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := tensorfile.Write(filepath.Join(dir, adapterWeights), a.tensors()); err != nil {
		return fmt.Errorf("adapter: %w", err)
	}
	return jsonl.WriteFile(filepath.Join(dir, adapterConfig), map[string]any{
		"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base,
		"inference_mode": true, "r": a.options.Rank, "lora_alpha": a.options.Alpha, "lora_dropout": 0.0,
		"bias": "none", "fan_in_fan_out": false, "use_rslora": false, "use_dora": false,
		"init_lora_weights": true, "target_modules": a.options.Targets,
	})
}

// Restore reads the factors that Save wrote and merges them.
func (a *Adapter) Restore(dir string) error {
	if err := tensorfile.Read(filepath.Join(dir, adapterWeights), a.weights.Device, a.tensors()); err != nil {
		return err
	}
	return a.Merge()
}

// tensors are the factors by their names in a file.
func (a *Adapter) tensors() []tensorfile.Tensor {
	all := make([]tensorfile.Tensor, len(a.Specs))
	for i, spec := range a.Specs {
		all[i] = tensorfile.Tensor{
			Name: adapterPrefix + spec.Name, Shape: shapes.Make(dtypes.Float32, spec.Shape...),
			Buffer: &a.Factors[i],
		}
	}
	return all
}
