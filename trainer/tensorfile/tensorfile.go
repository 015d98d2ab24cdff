// Package tensorfile keeps named device buffers in a safetensors file and puts them back
// bit for bit.
package tensorfile

import (
	"fmt"
	"iter"
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
	// Whole are the dimensions of the file's tensor where the buffer has a part of it: the rows from From on, along the
	// first axis. Nil where it has all.
	Whole []int
	From  int
}

// whole are the dimensions of the file's tensor.
func (t Tensor) whole() []int {
	if t.Whole != nil {
		return t.Whole
	}
	return t.Shape.Dimensions
}

// stored maps the dtypes of buffers to those of files.
var stored = map[dtypes.DType]checkpoint.DType{
	dtypes.Float32: checkpoint.F32, dtypes.BFloat16: checkpoint.BF16, dtypes.Uint8: checkpoint.U8,
}

// Write writes tensors to a new file at path, in their order.
func Write(path string, tensors []Tensor) error {
	return WriteAfter(path, nil, func(func(checkpoint.Tensor, error) bool) {}, tensors)
}

// WriteAfter is Write of some tensors after others, heads, whose data come from elsewhere, once.
func WriteAfter(path string, heads []Tensor, first iter.Seq2[checkpoint.Tensor, error], here []Tensor) error {
	var all []checkpoint.Tensor
	for _, t := range slices.Concat(heads, here) {
		all = append(all, t.InFile(nil))
	}
	return checkpoint.WriteFileOf(path, all, func(yield func(checkpoint.Tensor, error) bool) {
		for t, err := range first {
			if !yield(t, err) || err != nil {
				return
			}
		}
		for _, t := range here {
			data, err := backend.Bytes(*t.Buffer)
			if !yield(t.InFile(data), err) || err != nil {
				return
			}
		}
	})
}

// InFile is the file's tensor with its data.
func (t Tensor) InFile(data []byte) checkpoint.Tensor {
	return checkpoint.Tensor{Name: t.Name, DType: stored[t.Shape.DType], Shape: t.whole(), Data: data}
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
	if dtype := stored[t.Shape.DType]; !slices.Equal(found.Shape, t.whole()) || found.DType != dtype {
		return fmt.Errorf("%s: %s is %s %v, expected %s %v",
			file.Path, t.Name, found.DType, found.Shape, dtype, t.whole())
	}
	row := len(found.Data) / max(found.Shape[0], 1)
	data := found.Data[row*t.From : row*(t.From+t.Shape.Dimensions[0])]
	buffer, err := backend.UploadBytes(device, data, t.Shape)
	if err != nil {
		return fmt.Errorf("%s: %w", t.Name, err)
	}
	backend.Free(*t.Buffer)
	*t.Buffer = buffer
	return nil
}
