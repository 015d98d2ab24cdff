package model

import (
	"errors"
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/blockwise"
	"github.com/stele-lm/stele/kernels/host"
	"github.com/stele-lm/stele/kernels/op"
)

// Blockwise reports whether parameter i is held block-wise: matrices of projections are, with a format of
// Projections that is. Its buffer then holds codes, and magnitudes has the rest.
func (w *Weights) Blockwise(i int) bool {
	return w.Projections.Quantises() && w.Specs[i].Kind == architecture.Matrix
}

// shapes returns the shapes of the tensors that hold parameter i, which must not lie in another's buffer: of
// its own and, where it is held block-wise, of its magnitudes.
func (w *Weights) shapes(i int) []shapes.Shape {
	spec := w.Specs[i]
	if w.Blockwise(i) {
		return op.BlockwiseShapes(w.Projections, spec.Len())
	}
	return []shapes.Shape{shapes.Make(w.HeldAs(), w.heldShape(i)...)}
}

// uploadBlockwise quantises the values that the folder has of parameter i and makes its buffers.
func (w *Weights) uploadBlockwise(i int) (codes backend.Buffer, magnitudes []backend.Buffer, err error) {
	tensor, err := w.folder.Tensor(w.Specs[i].Name)
	if err != nil {
		return nil, nil, err
	}
	values := make([]float32, tensor.Len())
	tensor.Float32s(values)
	tensor.Forget()
	q, err := w.Projections.Quantize(values)
	if err != nil {
		return nil, nil, err
	}
	parts := w.shapes(i)
	if codes, err = backend.Upload(w.Device, q.Codes, parts[0].Dimensions...); err != nil {
		return nil, nil, err
	}
	magnitudes = make([]backend.Buffer, len(parts)-1)
	magnitudes[0], err = backend.Upload(w.Device, q.Absmax, parts[1].Dimensions...)
	if err == nil && w.Projections.Double {
		magnitudes[1], err = backend.Upload(w.Device, q.AbsmaxCodes, parts[2].Dimensions...)
	}
	return codes, magnitudes, err
}

// magnitudeInputs declares the magnitudes of the parameters that are held block-wise, in their order.
func (w *Weights) magnitudeInputs() []backend.Input {
	var inputs []backend.Input
	for i, spec := range w.Specs {
		for j, shape := range w.shapes(i)[1:] {
			what := []string{"magnitudes of ", "codes of magnitudes of "}[j]
			inputs = append(inputs, backend.Input{Name: what + spec.Name, Shape: shape})
		}
	}
	return inputs
}

// blocks returns parameter i as it is held: a view of the device's memory where that is this process's.
func (w *Weights) blocks(i int) (*blockwise.Tensor, error) {
	t := &blockwise.Tensor{Format: w.Projections, N: w.Specs[i].Len(), Rounded: w.DType == dtypes.BFloat16}
	var err error
	if t.Codes, err = elements[uint8](w.Buffers[i]); err == nil {
		t.Absmax, err = elements[float32](w.magnitudes[i][0])
	}
	if err == nil && w.Projections.Double {
		t.AbsmaxCodes, err = elements[uint8](w.magnitudes[i][1])
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", w.Specs[i].Name, err)
	}
	return t, nil
}

// elements returns a buffer's elements, in place where they can be.
func elements[T backend.Elem](b backend.Buffer) ([]T, error) {
	if data, err := b.Data(); err == nil {
		if data, ok := data.([]T); ok {
			return data, nil
		}
		return nil, fmt.Errorf("it is a %T", data)
	}
	shape, err := b.Shape()
	if err != nil {
		return nil, err
	}
	data := make([]T, shape.Size())
	return data, backend.Download(b, data)
}

// decoded returns the values of parameter i, which is held block-wise, rounded as the weights' dtype is.
func (w *Weights) decoded(i int) ([]float32, error) {
	t, err := w.blocks(i)
	if err != nil {
		return nil, err
	}
	values := make([]float32, t.N)
	t.Decode(values, 0)
	return values, nil
}

// blockwiseMatrix returns a view of parameter i for host kernels.
func (w *Weights) blockwiseMatrix(i int) (host.Matrix, error) {
	t, err := w.blocks(i)
	if err != nil {
		return host.Matrix{}, err
	}
	spec := w.Specs[i]
	return host.BlockwiseMatrix(t, spec.Shape[0], spec.Shape[1], w.HeldAs() == dtypes.BFloat16), nil
}

// errFrozen is why parameters that are held block-wise cannot be set.
var errFrozen = errors.New("a parameter held block-wise cannot change")
