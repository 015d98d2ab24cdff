package host

import (
	"fmt"
	"math"

	"github.com/stele-lm/stele/kernels/blockwise"
)

// Matrix is a weight [Out, In] in float32, bfloat16 or int8, row-major, in spans (int4, w8a8) or block-wise.
type Matrix struct {
	Out, In int

	f32   []float32
	bf16  []uint16
	q     []int8
	spans []uint8 // see spans.go
	// scale holds, for each piece of In, the scale of each row: [pieces][Out].
	scale []float32
	// blockwise has the numbers where they are decoded for each product, with half to bfloat16.
	blockwise *blockwise.Tensor
	half      bool

	format format
	tier   *tier // nil: plain Go
}

// Float32Matrix is a view of values [out, in].
func Float32Matrix(values []float32, out, in int) Matrix {
	return Matrix{Out: out, In: in, f32: values, format: formatF32, tier: tierFor(formatF32, in)}
}

// BFloat16Matrix is a view of bfloat16 bits [out, in]. Where the machine multiplies
// bfloat16 by itself, activations are rounded to it; elsewhere weights are widened.
func BFloat16Matrix(bits []uint16, out, in int) Matrix {
	m := Matrix{Out: out, In: in, bf16: bits, format: formatBF16, tier: tierFor(formatBF16, in)}
	if m.tier == nil {
		m.format, m.tier = formatWide, tierFor(formatWide, in)
	}
	return m
}

// Source is a matrix [Out, In] that a copy in another dtype is made of.
type Source struct {
	Out, In int
	Row     func(dst []float32, o int) // writes row o; members of a team call it at once
	// Done, if there is one, is called now and then: what was read until then is read no more.
	Done func()
}

// stretch is about how many weights are copied between two calls of Done.
const stretch = 4 << 20

// each calls do for every unit of rows. row is memory for one of them, a multiple of step long and
// zero beyond In.
func (s *Source) each(t *Team, rows, step int, do func(unit int, row []float32)) {
	units, together := (s.Out+rows-1)/rows, max(1, stretch/(rows*s.In))
	memory := make([][]float32, t.Size())
	for first := 0; first < units; first += together {
		t.Run(min(together, units-first), func(i, member int) {
			if memory[member] == nil {
				memory[member] = make([]float32, (s.In+step-1)/step*step)
			}
			do(first+i, memory[member])
		})
		if s.Done != nil {
			s.Done()
		}
	}
}

// RoundedMatrix rounds a matrix to bfloat16. It fails when there is no memory.
func RoundedMatrix(t *Team, memory *Memory, s Source) (Matrix, error) {
	bits, err := take[uint16](memory, s.Out*s.In)
	if err != nil {
		return Matrix{}, err
	}
	s.each(t, 1, 1, func(o int, row []float32) {
		s.Row(row, o)
		narrow(bits[o*s.In:(o+1)*s.In], row)
	})
	return BFloat16Matrix(bits, s.Out, s.In), nil
}

// Int8Matrix quantises a matrix: each row has one scale for each piece of at most
// 1024 inputs, the largest magnitude over 127. Activations meet it as 14-bit
// integers, so that nearly all of the error is that of the weights: about 0.3 %
// of a row's largest weight. It fails when there is no memory.
func Int8Matrix(t *Team, memory *Memory, s Source) (Matrix, error) {
	bounds := pieceBounds(nil, s.In)
	out := Matrix{Out: s.Out, In: s.In, format: formatInt8, tier: tierFor(formatInt8, s.In)}
	var err error
	if out.q, err = take[int8](memory, s.Out*s.In); err != nil {
		return out, err
	}
	if out.scale, err = take[float32](memory, (len(bounds)-1)*s.Out); err != nil {
		return out, err
	}
	s.each(t, 1, 1, func(o int, row []float32) {
		s.Row(row, o)
		for p, lo := range bounds[:len(bounds)-1] {
			piece := row[lo:bounds[p+1]]
			most := float32(0)
			for _, v := range piece {
				most = max(most, float32(math.Abs(float64(v))))
			}
			if most == 0 {
				continue
			}
			out.scale[p*s.Out+o] = most / 127
			for i, v := range piece {
				out.q[o*s.In+lo+i] = int8(math.RoundToEven(float64(v) * 127 / float64(most)))
			}
		}
	})
	return out, nil
}

// mostPiece is the longest piece of the inner dimension by format. Sums are accumulated over a
// piece in registers, and pieces added in order: pieces are short enough that the rows of a tile
// stay in the first-level cache, and that 32 bits hold the sum of int8 products.
var mostPiece = [formatCount]int{formatF32: 768, formatWide: 768, formatBF16: 1536, formatInt8: 1024}

// piece returns the length of the pieces of In; the last may be shorter.
func (m *Matrix) piece() int { return pieceSize(m.In, mostPiece[m.format]) }

// pieceSize divides in into pieces of at most most, a multiple of 32 and as equal as that
// allows, and returns their length.
func pieceSize(in, most int) int {
	n := (in + most - 1) / most
	return ((in+n-1)/n + 31) / 32 * 32
}

// pieceBounds appends the bounds of an int8 matrix's pieces: 0 and each piece's end.
func pieceBounds(bounds []int, in int) []int {
	size := pieceSize(in, mostPiece[formatInt8])
	bounds = append(bounds, 0)
	for lo := 0; lo < in; lo += size {
		bounds = append(bounds, min(lo+size, in))
	}
	return bounds
}

// Bytes returns the size of the matrix in memory, all of which a product has to read.
func (m *Matrix) Bytes() int {
	n := 4*len(m.f32) + 2*len(m.bf16) + len(m.q) + 4*len(m.scale) + len(m.spans)
	if m.blockwise != nil {
		n += int(m.blockwise.Bytes(m.blockwise.N))
	}
	return n
}

// String names dtype and shape.
func (m *Matrix) String() string {
	dtype := "float32"
	switch {
	case m.bf16 != nil:
		dtype = "bfloat16"
	case m.q != nil:
		dtype = "int8"
	case m.format == formatInt4:
		dtype = "int4"
	case m.format == formatW8A8:
		dtype = "w8a8"
	case m.blockwise != nil:
		dtype = m.blockwise.Format.String()
	}
	return fmt.Sprintf("%s [%d, %d]", dtype, m.Out, m.In)
}

// Int8Bytes returns the size of an int8 matrix [out, in].
func Int8Bytes(out, in int) int {
	pieces := len(pieceBounds(nil, in)) - 1
	return out*in + 4*pieces*out
}

// Row writes row o to dst [In] as float32.
func (m *Matrix) Row(dst []float32, o int) {
	switch {
	case m.blockwise != nil:
		m.blockwise.Decode(dst[:m.In], o*m.In)
	case m.f32 != nil:
		copy(dst, m.f32[o*m.In:(o+1)*m.In])
	case m.bf16 != nil:
		widen(dst, m.bf16[o*m.In:(o+1)*m.In])
	case m.spans != nil:
		m.spansRow(dst, o)
	default:
		bounds := pieceBounds(nil, m.In)
		for p, lo := range bounds[:len(bounds)-1] {
			scale := m.scale[p*m.Out+o]
			for i := lo; i < bounds[p+1]; i++ {
				dst[i] = float32(m.q[o*m.In+i]) * scale
			}
		}
	}
}
