package trainer

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

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/nearest"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/op"
)

// LoRA trains factors B·A of rank r that are added to some of the weights,
// W = W₀ + alpha/r · B·A (Hu et al., "LoRA", 2021), instead of the weights.
type LoRA struct {
	Rank  int     `yaml:"rank" json:"rank"` // 0 trains all weights
	Alpha float64 `yaml:"alpha" json:"alpha"`
	// Targets are the projections that get factors, in PEFT's names.
	Targets []string `yaml:"targets" json:"targets"`
	// Merge writes the merged model to checkpoints, which any program loads; the
	// adapter alone is there either way.
	Merge bool `yaml:"merge" json:"merge"`
}

// loraTargets are the projections of a layer.
var loraTargets = []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}

func (l LoRA) validate() error {
	if l.Rank == 0 {
		return nil
	}
	if l.Rank < 0 || !(l.Alpha > 0) || len(l.Targets) == 0 {
		return fmt.Errorf("lora: rank %d and alpha %g must be positive, targets not empty", l.Rank, l.Alpha)
	}
	for i, t := range l.Targets {
		if !slices.Contains(loraTargets, t) || slices.Contains(l.Targets[:i], t) {
			return fmt.Errorf("lora: target %q is unknown or there twice: expected some of %s%s", t, strings.Join(loraTargets, ", "), nearest.Hint(t, loraTargets))
		}
	}
	return nil
}

// factors are A and B of a weight, by their names in an adapter; nil if the weight is
// no target.
func (l LoRA) factors(weight checkpoint.TensorSpec) []checkpoint.TensorSpec {
	module, ok := strings.CutSuffix(weight.Name, ".weight")
	if !ok || !slices.Contains(l.Targets, module[strings.LastIndexByte(module, '.')+1:]) {
		return nil
	}
	return []checkpoint.TensorSpec{
		{Name: module + ".lora_A.weight", Shape: []int{l.Rank, weight.Shape[1]}},
		{Name: module + ".lora_B.weight", Shape: []int{weight.Shape[0], l.Rank}},
	}
}

// Adapter is the factors of some weights. The weights hold the merged values, which
// the engine samples from and the trainer computes with; the adapter keeps what
// they were, which is the reference model at no further cost.
type Adapter struct {
	options LoRA
	weights *model.Weights
	targets []int            // indices of weights
	base    []backend.Buffer // their values without the factors
	// specs and factors are A [r, in] and B [out, r] of each target in turn, float32.
	specs   []checkpoint.TensorSpec
	factors []backend.Buffer
	merges  map[string]*backend.Program // by the target's shape
}

// NewAdapter makes factors for weights, which stay as they are: A is drawn as
// PEFT draws it, uniformly within ±1/√in, by seed; B is zero.
func NewAdapter(w *model.Weights, options LoRA, seed uint64) (*Adapter, error) {
	if err := w.Upload(); err != nil {
		return nil, err
	}
	a := &Adapter{options: options, weights: w, merges: map[string]*backend.Program{}}
	for i, spec := range w.Specs {
		specs := options.factors(spec)
		if specs == nil {
			continue
		}
		out, in := spec.Shape[0], spec.Shape[1]
		first := make([]float32, options.Rank*in)
		bound := 1 / math.Sqrt(float64(in))
		for j := range first {
			u := float64(mix(mix(mix(seed)+uint64(i))+uint64(j))>>11) / (1 << 53)
			first[j] = float32((2*u - 1) * bound)
		}
		a.targets = append(a.targets, i)
		a.specs = append(a.specs, specs...)
		A, err := backend.Upload(w.Device, first, options.Rank, in)
		if err != nil {
			return nil, err
		}
		B, err := w.Device.Zeros(dtypes.Float32, out, options.Rank)
		if err != nil {
			return nil, err
		}
		a.factors = append(a.factors, A, B)
		// The merged values get buffers of their own at the first merge.
		a.base = append(a.base, w.Buffers[i])
	}
	if len(a.targets) == 0 {
		return nil, fmt.Errorf("lora: the model has none of %s", strings.Join(options.Targets, ", "))
	}
	w.Adapted, w.AdapterScale = a.targets, a.scale()
	return a, a.merge()
}

func (a *Adapter) scale() float64 { return a.options.Alpha / float64(a.options.Rank) }

// merge sets the weights to base + scale·B·A, one after another.
func (a *Adapter) merge() error {
	held := a.weights.HeldAs()
	for i, index := range a.targets {
		shape := a.weights.Specs[index].Shape
		key := fmt.Sprint(shape)
		program := a.merges[key]
		if program == nil {
			var err error
			program, err = backend.Compile(a.weights.Device, "merge", []backend.Input{
				{Name: "base", Shape: shapes.Make(held, shape...)},
				{Name: "A", Shape: shapes.Make(dtypes.Float32, a.options.Rank, shape[1])},
				{Name: "B", Shape: shapes.Make(dtypes.Float32, shape[0], a.options.Rank)},
			}, func(in []*Node) []*Node {
				product := MulScalar(Dot(in[2], in[1]).General([]int{1}, nil, []int{0}, nil), a.scale())
				return []*Node{op.Convert(Add(op.Convert(in[0], dtypes.Float32), product), held)}
			})
			if err != nil {
				return err
			}
			a.merges[key] = program
		}
		merged, err := program.Run([]backend.Buffer{a.base[i], a.factors[2*i], a.factors[2*i+1]})
		if err != nil {
			return fmt.Errorf("merging %s: %w", a.weights.Specs[index].Name, err)
		}
		if a.weights.Buffers[index] != a.base[i] {
			backend.Free(a.weights.Buffers[index])
		}
		a.weights.Buffers[index] = merged[0]
	}
	return nil
}

// Base returns the weights without the factors. It shares buffers with the
// adapter and the weights: never close it.
func (a *Adapter) Base() *model.Weights {
	base := *a.weights
	base.Buffers = slices.Clone(a.weights.Buffers)
	for i, index := range a.targets {
		base.Buffers[index] = a.base[i]
	}
	return &base
}

// Close frees the factors and what the merged weights were made from.
func (a *Adapter) Close() {
	backend.Free(a.factors...)
	for i, index := range a.targets {
		if a.weights.Buffers == nil || a.weights.Buffers[index] != a.base[i] {
			backend.Free(a.base[i])
		}
	}
	for _, p := range a.merges {
		p.Close()
	}
}

// The adapter's place in a checkpoint and its files, in PEFT's layout.
const (
	adapterFolder  = "adapter"
	adapterConfig  = "adapter_config.json"
	adapterWeights = "adapter_model.safetensors"
	adapterPrefix  = "base_model.model."
)

// save writes the adapter as PEFT does; base is what it was trained on.
func (a *Adapter) save(dir, base string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	err := checkpoint.WriteFile(filepath.Join(dir, adapterWeights), func(yield func(checkpoint.Tensor, error) bool) {
		for i, spec := range a.specs {
			values, err := backend.Float32s(a.factors[i])
			if !yield(checkpoint.Float32Tensor(adapterPrefix+spec.Name, spec.Shape, values), err) || err != nil {
				return
			}
		}
	})
	if err != nil {
		return fmt.Errorf("adapter: %w", err)
	}
	return jsonl.WriteFile(filepath.Join(dir, adapterConfig), map[string]any{
		"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base, "inference_mode": true,
		"r": a.options.Rank, "lora_alpha": a.options.Alpha, "lora_dropout": 0.0, "bias": "none", "fan_in_fan_out": false,
		"use_rslora": false, "use_dora": false, "init_lora_weights": true, "target_modules": a.options.Targets,
	})
}

// restore reads the factors that save wrote and merges them.
func (a *Adapter) restore(dir string) error {
	file, err := checkpoint.OpenFile(filepath.Join(dir, adapterWeights))
	if err != nil {
		return err
	}
	defer file.Close()
	for i, spec := range a.specs {
		s := stateTensor{adapterPrefix + spec.Name, shapes.Make(dtypes.Float32, spec.Shape...), &a.factors[i]}
		if err := readBuffer(file, a.weights.Device, s); err != nil {
			return err
		}
	}
	return a.merge()
}
