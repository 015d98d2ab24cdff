package host

import "github.com/stele-lm/stele/kernels/blockwise"

// BlockwiseMatrix is a matrix [out, in] of numbers that are held block-wise. A product decodes the
// outputs of a block just before it multiplies by them, to float32 or, with half, to bfloat16, which the
// numbers must be rounded to: it is bit for bit that of the decoded matrix.
func BlockwiseMatrix(numbers *blockwise.Tensor, out, in int, half bool) Matrix {
	m := Float32Matrix(nil, out, in)
	if half {
		m = BFloat16Matrix(nil, out, in)
	}
	m.blockwise, m.half = numbers, half
	return m
}

// decode returns outputs lo to hi as a matrix in memory of s.
func (m *Matrix) decode(lo, hi int, s *Scratch) Matrix {
	d, first, n := *m, lo*m.In, (hi-lo)*m.In
	d.Out, d.blockwise = hi-lo, nil
	if m.half {
		s.decodedBits = grow(s.decodedBits, blockOut*m.In)[:n]
		m.blockwise.DecodeBFloat16(s.decodedBits, first)
		d.bf16 = s.decodedBits
		return d
	}
	s.decoded = grow(s.decoded, blockOut*m.In)[:n]
	m.blockwise.Decode(s.decoded, first)
	d.f32 = s.decoded
	return d
}

// decodedProduct is Product of a matrix that is held block-wise.
func (m *Matrix) decodedProduct(x *Rows, y []float32, ldy, first, end int, s *Scratch) (lo, hi int) {
	for b := first; b < end; b++ {
		lo, hi := b*blockOut, min((b+1)*blockOut, m.Out)
		d := m.decode(lo, hi, s)
		d.Product(x, y[lo:], ldy, 0, 1, s)
	}
	return first * blockOut, min(end*blockOut, m.Out)
}
