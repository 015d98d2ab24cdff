package lora

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/splitmix"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/trainer/tensorfile"
)

// Adapter is factors that are trained. They are attached to the weights, which stay what they are and
// without it are the reference model.
type Adapter struct {
	*model.Adapter
	options Options
	weights *model.Weights
	fields  map[string]json.RawMessage // of the adapter that is trained further; nil for new factors
	// Specs are A [r, in] and B [out, r] of each target in turn.
	Specs []architecture.Tensor
}

// New attaches new factors to weights: A is drawn as PEFT draws it, uniformly within ±1/√in, by
// seed; B is zero.
func New(w *model.Weights, options Options, seed uint64) (*Adapter, error) {
	a := &Adapter{options: options, weights: w}
	targets, specs := options.Adapt(w.Specs)
	var values [][]float32
	for _, t := range targets {
		out, in := w.Specs[t.Index].Shape[0], w.Specs[t.Index].Shape[1]
		A := make([]float32, options.Rank*in)
		bound := 1 / math.Sqrt(float64(in))
		for j := range A {
			u := splitmix.Uniform(splitmix.Mix(splitmix.Mix(splitmix.Mix(seed)+uint64(t.Index)) + uint64(j)))
			A[j] = float32((2*u - 1) * bound)
		}
		values = append(values, A, make([]float32, out*options.Rank))
	}
	if len(targets) == 0 {
		return nil, fmt.Errorf("lora: the model has none of %s", strings.Join(options.Targets, ", "))
	}
	a.Adapter, a.Specs = model.NewAdapter(targets, values), specs
	w.Adapter = a.Adapter
	return a, w.Upload()
}

// Resume attaches the factors of an adapter to weights, to be trained further; options are those that it settled.
func Resume(w *model.Weights, options Options, opened *checkpoint.Adapter) (*Adapter, error) {
	a := &Adapter{Adapter: model.ReadAdapter(opened), options: options, weights: w, fields: opened.Fields,
		Specs: Of(opened, w.Specs)}
	w.Adapter = a.Adapter
	return a, w.Upload()
}

// Close frees the factors and takes them off the weights.
func (a *Adapter) Close() {
	a.weights.Adapter = nil
	a.Adapter.Close()
}

// Save writes the adapter as PEFT does; base is what it was trained on. One that was trained further keeps what
// its configuration said. A card says how the base was held, where it was in blocks.
func (a *Adapter) Save(dir, base string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := tensorfile.Write(filepath.Join(dir, checkpoint.AdapterWeightsFile), a.tensors(a.Factors)); err != nil {
		return fmt.Errorf("adapter: %w", err)
	}
	if f := a.options.Format(); f.Quantises() {
		dtype := strings.ToLower(a.weights.DType.String())
		if err := checkpoint.WriteAdapterCard(dir, base, string(f.Code), f.Double, dtype); err != nil {
			return err
		}
	}
	fields := map[string]any{
		"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": a.options.Rank, "lora_alpha": a.options.Alpha,
		"bias": "none", "fan_in_fan_out": false, "use_rslora": false, "use_dora": false,
		"target_modules": a.options.Targets,
	}
	for name, value := range a.fields {
		fields[name] = value
	}
	maps.Copy(fields, map[string]any{"base_model_name_or_path": base, "inference_mode": true, "lora_dropout": 0.0,
		"init_lora_weights": true})
	return jsonl.WriteFile(filepath.Join(dir, checkpoint.AdapterConfigFile), fields)
}

// Restore reads the factors that Save wrote, on every device.
func (a *Adapter) Restore(dir string) error {
	for _, w := range a.weights.Replicas() {
		tensors := a.tensors(w.Adapter.Factors)
		if err := tensorfile.Read(filepath.Join(dir, checkpoint.AdapterWeightsFile), w.Device, tensors); err != nil {
			return err
		}
	}
	return nil
}

// tensors are factors, of a device, by their names in a file.
func (a *Adapter) tensors(factors []backend.Buffer) []tensorfile.Tensor {
	all := make([]tensorfile.Tensor, len(a.Specs))
	for i, spec := range a.Specs {
		all[i] = tensorfile.Tensor{
			Name: checkpoint.AdapterPrefix + spec.Name, Shape: shapes.Make(dtypes.Float32, spec.Shape...),
			Buffer: &factors[i],
		}
	}
	return all
}
