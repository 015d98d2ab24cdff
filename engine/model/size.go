package model

import (
	"slices"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/kernels/blockwise"
	"github.com/stele-lm/stele/kernels/host"
)

// Bytes returns the size of a model's weights held as dtype. Beside quantised matrices vectors
// are float32.
func Bytes(c *checkpoint.Config, dtype dtypes.DType) (bytes int64) {
	m := c.Model()
	vocabulary := []string{m.Embedding.Name, m.Head.Name}
	for _, spec := range m.Tensors() {
		switch held := heldAs(spec.Name, vocabulary, dtype); {
		case len(spec.Shape) != 2 && HostOnly(dtype):
			bytes += 4 * int64(spec.Len())
		case held == dtypes.Int8:
			bytes += int64(host.Int8Bytes(spec.Shape[0], spec.Shape[1]))
		case held == W8A8:
			bytes += int64(host.W8A8Bytes(spec.Shape[0], spec.Shape[1]))
		case held == dtypes.Int4:
			bytes += int64(host.Int4Bytes(spec.Shape[0], spec.Shape[1]))
		default:
			bytes += int64(spec.Len()) * int64(held.Size())
		}
	}
	return bytes
}

// BytesHeld returns Bytes of a model whose projections are held block-wise, as far as the format says so.
func BytesHeld(c *checkpoint.Config, dtype dtypes.DType, projections blockwise.Format) int64 {
	bytes := Bytes(c, dtype)
	if !projections.Quantises() {
		return bytes
	}
	for _, spec := range c.Model().Tensors() {
		if spec.Kind == architecture.Matrix {
			bytes += projections.Bytes(spec.Len()) - int64(spec.Len())*int64(dtype.Size())
		}
	}
	return bytes
}

// heldAs returns the dtype of a matrix in a model whose weights are asked for as dtype: beside
// int4 weights those of the vocabulary are int8, whose errors reach every logit.
func heldAs(name string, vocabulary []string, dtype dtypes.DType) dtypes.DType {
	if dtype == dtypes.Int4 && slices.Contains(vocabulary, name) {
		return dtypes.Int8
	}
	return dtype
}
