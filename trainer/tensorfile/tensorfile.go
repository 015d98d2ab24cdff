// Package tensorfile keeps named device buffers in a safetensors file and puts them back
// bit for bit.
package tensorfile

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/kernels/backend"
)

// Tensor is one buffer by its name in a file. Read replaces the buffer.
type Tensor struct {
	Name   string
	Shape  shapes.Shape
	Buffer *backend.Buffer
}

// stored maps the dtypes of buffers to those of files.
var stored = map[dtypes.DType]checkpoint.DType{
	dtypes.Float32: checkpoint.F32, dtypes.BFloat16: checkpoint.BF16, dtypes.Uint8: checkpoint.U8,
}

// Write writes tensors to a new file at path, in their order.
func Write(path string, tensors []Tensor) error {
	return checkpoint.WriteFile(path, func(yield func(checkpoint.Tensor, error) bool) {
		for _, t := range tensors {
			data, err := backend.Bytes(*t.Buffer)
			tensor := checkpoint.Tensor{Name: t.Name, DType: stored[t.Shape.DType], Shape: t.Shape.Dimensions,
				Data: data}
			if !yield(tensor, err) || err != nil {
				return
			}
		}
	})
}

// Read replaces the buffer of each tensor by what the file has under its name. A tensor
// that is missing, or has another shape or dtype, is an error.
func Read(path string, device *backend.Device, tensors []Tensor) error {
	file, err := checkpoint.OpenFile(path)
	if err != nil {
		return err
	}
	defer file.Close()
	for _, t := range tensors {
		if err := t.read(file, device); err != nil {
			return err
		}
	}
	return nil
}

func (t Tensor) read(file *checkpoint.File, device *backend.Device) error {
	found, err := file.Tensor(t.Name)
	if err != nil {
		return err
	}
	if dtype := stored[t.Shape.DType]; !slices.Equal(found.Shape, t.Shape.Dimensions) ||
		found.DType != dtype {
		return fmt.Errorf("%s: %s is %s %v, expected %s %v",
			file.Path, t.Name, found.DType, found.Shape, dtype, t.Shape.Dimensions)
	}
	buffer, err := backend.UploadBytes(device, found.Data, t.Shape)
	if err != nil {
		return fmt.Errorf("%s: %w", t.Name, err)
	}
	backend.Free(*t.Buffer)
	*t.Buffer = buffer
	return nil
}
