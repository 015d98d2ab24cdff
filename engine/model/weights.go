package model

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"stele/engine/checkpoint"
	"stele/kernels"
)

// Weights are a model's parameters on a device: the only set in the process.
// The trainer replaces the buffers when it updates them; the engine and the
// scorer read the same ones.
type Weights struct {
	Config *checkpoint.Config
	Device *kernels.Device
	// DType is Float32 or BFloat16. On the Go backend, which has no usable
	// bfloat16 product, BFloat16 weights are rounded and held as float32.
	DType dtypes.DType
	// Specs names the parameters; Buffers holds them in the same order.
	Specs   []checkpoint.TensorSpec
	Buffers []kernels.Buffer
	// Version counts the updates since loading. It is stamped on rollouts.
	Version int
}

// LoadWeights copies a folder's tensors to the device as dtype.
func LoadWeights(folder *checkpoint.Folder, device *kernels.Device, dtype dtypes.DType) (*Weights, error) {
	w := &Weights{Config: folder.Config, Device: device, DType: dtype, Specs: folder.Config.TensorSpecs()}
	for _, spec := range w.Specs {
		tensor, err := folder.Tensor(spec.Name)
		if err != nil {
			return nil, err
		}
		values := make([]float32, size(spec.Shape))
		tensor.Float32s(values)
		buffer, err := w.upload(values, spec.Shape)
		if err != nil {
			return nil, fmt.Errorf("loading %s: %w", spec.Name, err)
		}
		w.Buffers = append(w.Buffers, buffer)
	}
	return w, nil
}

// upload makes a buffer of the weights' dtype.
func (w *Weights) upload(values []float32, shape []int) (kernels.Buffer, error) {
	if w.DType == dtypes.BFloat16 && w.HeldAs() == dtypes.Float32 {
		kernels.RoundBFloat16(values)
	}
	return kernels.UploadFloat32(w.Device, w.HeldAs(), values, shape...)
}

// HeldAs is the dtype of the buffers.
func (w *Weights) HeldAs() dtypes.DType {
	if w.Device.IsXLA() {
		return w.DType
	}
	return dtypes.Float32
}

// Inputs declares the weights as parameters of a program, in the order of
// Buffers.
func (w *Weights) Inputs(donated bool) []kernels.Input {
	inputs := make([]kernels.Input, len(w.Specs))
	for i, spec := range w.Specs {
		inputs[i] = kernels.Input{Name: spec.Name, Shape: shapes.Make(w.HeldAs(), spec.Shape...), Donated: donated}
	}
	return inputs
}

// Float32s copies parameter i to the host.
func (w *Weights) Float32s(i int) ([]float32, error) {
	values, err := kernels.Float32s(w.Buffers[i])
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", w.Specs[i].Name, err)
	}
	return values, nil
}

// Set replaces parameter i by values of its shape.
func (w *Weights) Set(i int, values []float32) error {
	buffer, err := w.upload(values, w.Specs[i].Shape)
	if err != nil {
		return fmt.Errorf("setting %s: %w", w.Specs[i].Name, err)
	}
	kernels.Free(w.Buffers[i])
	w.Buffers[i] = buffer
	return nil
}

// Clone copies the weights, for a reference model that must not move.
func (w *Weights) Clone() (*Weights, error) {
	clone := *w
	clone.Buffers = nil
	for i, spec := range w.Specs {
		values, err := w.Float32s(i)
		if err != nil {
			return nil, err
		}
		buffer, err := w.upload(values, spec.Shape)
		if err != nil {
			return nil, fmt.Errorf("copying %s: %w", spec.Name, err)
		}
		clone.Buffers = append(clone.Buffers, buffer)
	}
	return &clone, nil
}

// Close frees the buffers.
func (w *Weights) Close() {
	kernels.Free(w.Buffers...)
	w.Buffers = nil
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
