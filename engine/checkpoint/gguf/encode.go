package gguf

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/stele-lm/stele/internal/float16"
)

// encode appends a row of whole blocks in one of the types that are written: F32, F16, BF16 and Q8_0.
func (t Type) encode(out []byte, row []float32) ([]byte, error) {
	switch t {
	case F32:
		for _, v := range row {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
		}
	case F16:
		for _, v := range row {
			if math.Abs(float64(v)) > 65504 && !math.IsInf(float64(v), 0) {
				return nil, fmt.Errorf("%g is too large for F16: write BF16 or F32", v)
			}
			out = binary.LittleEndian.AppendUint16(out, float16.ToHalf(v))
		}
	case BF16:
		for _, v := range row {
			out = binary.LittleEndian.AppendUint16(out, float16.ToBFloat(v))
		}
	case Q8_0:
		for ; len(row) > 0; row = row[32:] {
			var err error
			if out, err = appendQ8_0(out, row[:32]); err != nil {
				return nil, err
			}
		}
	default:
		return nil, fmt.Errorf("%s is not written: expected F32, F16, BF16 or Q8_0", t)
	}
	return out, nil
}

// appendQ8_0 writes a block of 32: its scale as a half, and codes of 8 bits. The arithmetic is that of
// quantize_row_q8_0_ref in ggml-quants.c, each step rounded to float32: halves go away from zero.
func appendQ8_0(out []byte, row []float32) ([]byte, error) {
	most := float32(0)
	for _, v := range row {
		if v != v || math.IsInf(float64(v), 0) {
			return nil, fmt.Errorf("%g has no code in Q8_0", v)
		}
		most = max(most, float32(math.Abs(float64(v))))
	}
	scale, inverse := most/127, float32(0)
	if scale > 65504 {
		return nil, fmt.Errorf("%g is too large for Q8_0: write BF16 or F32", most)
	}
	if scale != 0 {
		inverse = 1 / scale
	}
	out = binary.LittleEndian.AppendUint16(out, float16.ToHalf(scale))
	for _, v := range row {
		x := float64(float32(v * inverse))
		if !(math.Abs(x) <= 127.5) { // of a scale so small that its inverse is no number
			x = 0
		}
		out = append(out, byte(int8(math.Round(x))))
	}
	return out, nil
}
