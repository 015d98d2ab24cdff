package host

import (
	"math"
	"unsafe"
)

// A matrix in spans is a packed copy of weights for products whose lanes are outputs. A span of 32
// inputs shares a scale in each output (llama.cpp's block), and a weight is (code - zero)·scale, a code
// being 4 or 8 bits without a sign, and zero 8 or 128. A strip is 16 outputs, and lies in memory span by
// span: first the codes, then 16 scales, which are bfloat16. Of 8 bits byte 64c + 4o + j holds the code of
// output o and input 4c + j; of 4 bits its low half holds that of input 8c + j and its high half that of
// input 8c + 4 + j. Inputs beyond In have code zero, and outputs beyond Out scale 0.
const (
	spanIn   = 32
	stripOut = 16
	// From pairedRows rows on two strips at a time are faster than tiles of more rows.
	pairedRows = 64
)

// rowSpan is a row's activations beside a span of weights: about q·scale, of which q are at most
// 127 in magnitude. What codes have too much, zero, is made up for by offset, -zero·Σq.
type rowSpan struct {
	q      [spanIn]int8
	scale  float32
	offset int32
}

// inSpans reports whether weights of a format lie in spans.
func (f format) inSpans() bool { return f == formatInt4 || f == formatW8A8 }

// codeBits are those of a weight in spans.
func (f format) codeBits() int {
	if f == formatInt4 {
		return 4
	}
	return 8
}

// spansOf returns the number of spans of in inputs.
func spansOf(in int) int { return (in + spanIn - 1) / spanIn }

// spanBytes returns the size of a span of a strip.
func (f format) spanBytes() int { return stripOut*spanIn*f.codeBits()/8 + 2*stripOut }

// spansBytes returns the size of a matrix [out, in] in spans.
func (f format) spansBytes(out, in int) int {
	return (out + stripOut - 1) / stripOut * spansOf(in) * f.spanBytes()
}

// spansMatrix copies a matrix to spans; set writes those of each output. It fails when there is no memory.
func spansMatrix(f format, t *Team, memory *Memory, s Source, set func(to stripSpan, lane int, v *[spanIn]float32),
) (Matrix, error) {
	out := Matrix{Out: s.Out, In: s.In, format: f, tier: tierFor(f, s.In)}
	var err error
	if out.spans, err = take[uint8](memory, f.spansBytes(s.Out, s.In)); err != nil {
		return out, err
	}
	s.each(t, stripOut, spanIn, func(strip int, row []float32) {
		for o := strip * stripOut; o < (strip+1)*stripOut; o++ {
			if o < s.Out {
				s.Row(row[:s.In], o)
			} else {
				clear(row)
			}
			for span := range spansOf(s.In) {
				set(out.span(o, span), o%stripOut, (*[spanIn]float32)(row[span*spanIn:]))
			}
		}
	})
	return out, nil
}

// stripSpan is a span of a strip.
type stripSpan []uint8

// span returns a span of the strip that has output o.
func (m *Matrix) span(o, span int) stripSpan {
	size := m.format.spanBytes()
	return m.spans[(o/stripOut*spansOf(m.In)+span)*size:][:size:size]
}

// scales are those of the 16 outputs, as bits.
func (s stripSpan) scales() []uint8 { return s[len(s)-2*stripOut:] }

// scale returns the scale of one of the outputs.
func (s stripSpan) scale(lane int) float32 {
	two := s.scales()[2*lane:]
	return math.Float32frombits((uint32(two[0]) | uint32(two[1])<<8) << 16)
}

// setScale sets it to bits.
func (s stripSpan) setScale(lane int, bits uint16) {
	two := s.scales()[2*lane:]
	two[0], two[1] = uint8(bits), uint8(bits>>8)
}

// codes returns the codes of one of the outputs, of a format.
func (s stripSpan) codes(f format, lane int) (codes [spanIn]uint8) {
	if f == formatW8A8 {
		for c := range spanIn / 4 {
			copy(codes[4*c:4*c+4], s[64*c+4*lane:])
		}
		return codes
	}
	for c := range spanIn / 8 {
		for j, both := range s[64*c+4*lane : 64*c+4*lane+4] {
			codes[8*c+j], codes[8*c+4+j] = both&15, both>>4
		}
	}
	return codes
}

// spansRow writes row o to dst as float32.
func (m *Matrix) spansRow(dst []float32, o int) {
	lane, zero := o%stripOut, 1<<(m.format.codeBits()-1)
	for span := range spansOf(m.In) {
		at := m.span(o, span)
		codes, scale := at.codes(m.format, lane), at.scale(lane)
		for i := span * spanIn; i < min((span+1)*spanIn, m.In); i++ {
			dst[i] = float32(int(codes[i%spanIn])-zero) * scale
		}
	}
}

// smallestSpan is the magnitude below which a span's values are taken as zeroes, of weights and
// of activations: their scale would leave the range of float32, or its inverse.
const smallestSpan = 1e-30

// growSpans makes room for the spans of all rows. Those of one row lie an odd number of cache lines apart where rows
// are many: a power of two would put all of them in the same few places of a cache.
func (x *Rows) growSpans() {
	const together = 8 // spans that fill five lines
	if x.apart = x.N; x.N > together {
		x.apart = ((x.N+together-1)/together | 1) * together
	}
	x.spans = grow(x.spans, spansOf(x.D)*x.apart)
}

// setSpans quantises row i of x beside weights of a format.
func (x *Rows) setSpans(f format, i int) {
	shift := f.codeBits() - 1
	row := x.Values[i*x.D : (i+1)*x.D]
	if whole := len(row) / spanIn; whole > 0 {
		quantizeRowSpans(x.spans[i:], x.apart, row[:whole*spanIn], shift)
	}
	if rest := len(row) % spanIn; rest > 0 {
		var last [spanIn]float32
		copy(last[:], row[len(row)-rest:])
		quantizeRowSpans(x.spans[len(row)/spanIn*x.apart+i:], x.apart, last[:], shift)
	}
}

// quantizeRowSpansScalar sets every stride-th of spans from 32 values each, beside codes whose zero is 1 << shift.
func quantizeRowSpansScalar(spans []rowSpan, stride int, values []float32, shift int) {
	for at := 0; len(values) > 0; at, values = at+stride, values[spanIn:] {
		s := &spans[at]
		most := float32(0)
		for _, v := range values[:spanIn] {
			most = max(most, abs(v))
		}
		if most < smallestSpan {
			*s = rowSpan{}
			continue
		}
		up, sum := 127/most, int32(0)
		for i, v := range values[:spanIn] {
			s.q[i] = int8(math.RoundToEven(float64(v * up)))
			sum += int32(s.q[i])
		}
		s.scale, s.offset = most/127, -sum<<shift
	}
}

// multiplySpans computes outputs lo to hi of a matrix in spans, of which lo begins a strip.
func (m *Matrix) multiplySpans(x *Rows, y []float32, ldy, lo, hi int, s *Scratch) {
	if m.tier == nil {
		m.plain(x, y, ldy, lo, hi)
		return
	}
	whole := lo + (hi-lo)/stripOut*stripOut
	if whole > lo {
		_ = y[(x.N-1)*ldy+whole-1]
		m.multiplyStrips(x, unsafe.Pointer(&y[lo]), ldy, lo, whole, &s.tile)
	}
	if whole < hi { // the last strip has outputs that y has no room for
		s.panel = grow(s.panel, x.N*stripOut)
		m.multiplyStrips(x, unsafe.Pointer(&s.panel[0]), stripOut, whole, whole+stripOut, &s.tile)
		for i := range x.N {
			copy(y[i*ldy+whole:i*ldy+hi], s.panel[i*stripOut:])
		}
	}
}

// multiplyStrips computes whole strips, outputs lo to hi, whose first is y. Sums take no part of the inner
// dimension before another: an output's spans are added in order, whatever the tiles.
func (m *Matrix) multiplyStrips(x *Rows, y unsafe.Pointer, ldy, lo, hi int, t *tile) {
	length := uintptr(spansOf(m.In) * m.format.spanBytes()) // of a strip
	*t = tile{
		ldx: uintptr(x.apart) * unsafe.Sizeof(rowSpan{}), k: uintptr(spansOf(m.In)), ldy: uintptr(ldy) * 4,
		x: unsafe.Pointer(&x.spans[0]), w: unsafe.Pointer(&m.span(lo, 0)[0]), y: y,
		groups: uintptr(hi-lo) / stripOut, ahead: fetchAhead,
	}
	most := len(m.tier.dot[m.format])
	if streams := uintptr(m.tier.lanes / 4); x.N == 1 && t.groups >= streams {
		all := t.groups
		t.groups /= streams
		t.ldw = t.groups * length
		m.tier.stream[m.format][0](t)
		done := t.groups * streams
		if done == all {
			return
		}
		t.groups = all - done
		t.w, t.y = unsafe.Add(t.w, done*length), unsafe.Add(t.y, done*stripOut*4)
	}
	if x.N <= most {
		m.tier.dot[m.format][x.N-1](t)
		return
	}
	// A block's weights stay in the second-level cache while the rows go over them, in tiles
	// of about one size. Of few rows the first tile fetches the next block's meanwhile, of many
	// each has its share fetched before.
	pairs := m.tier.pair[m.format]
	paired := pairs != nil && x.N >= pairedRows
	if paired {
		most = len(pairs)
	}
	tiles := (x.N + most - 1) / most
	for strip := uintptr(0); strip < uintptr(hi-lo)/stripOut; strip += blockOut / stripOut {
		t.groups = min(blockOut/stripOut, uintptr(hi-lo)/stripOut-strip)
		t.w, t.ahead = unsafe.Pointer(&m.span(lo+int(strip)*stripOut, 0)[0]), t.groups*length
		kernels := m.tier.dot[m.format]
		if paired && t.groups == blockOut/stripOut {
			kernels = pairs
		}
		next, share := unsafe.Add(t.w, t.ahead), int(t.ahead)/tiles
		for i := range tiles {
			if paired {
				fetchLines(unsafe.Add(next, i*share), share)
				t.ahead = 0
			}
			from, to := x.N*i/tiles, x.N*(i+1)/tiles
			t.x = unsafe.Pointer(&x.spans[from])
			t.y = unsafe.Add(y, uintptr(from*ldy)*4+strip*stripOut*4)
			kernels[to-from-1](t)
			t.ahead = 0
		}
	}
}

// plainSpans computes outputs lo to hi in plain Go, with the bits of the kernels.
func (m *Matrix) plainSpans(x *Rows, y []float32, ldy, lo, hi int) {
	spans := spansOf(m.In)
	for o := lo; o < hi; o++ {
		for i := range x.N {
			y[i*ldy+o] = 0
		}
		for span := range spans {
			at := m.span(o, span)
			codes, scale := at.codes(m.format, o%stripOut), at.scale(o%stripOut)
			for i, row := range x.spans[span*x.apart:][:x.N] {
				sum := row.offset
				for d, q := range row.q {
					sum += int32(codes[d]) * int32(q)
				}
				y[i*ldy+o] += float32(float32(sum) * float32(scale*row.scale))
			}
		}
	}
}
