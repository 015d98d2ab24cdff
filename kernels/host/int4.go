package host

import (
	"math"
	"unsafe"
)

// An int4 matrix is a packed copy of weights for products whose lanes are outputs. A span of 32
// inputs shares a scale in each output (llama.cpp's block), and a weight is (code - 8)·scale, code
// being 4 bits. A strip is 16 outputs, and lies in memory span by span, 288 bytes each: of output
// o byte 64c + 4o + j holds the code of input 8c + j in its low bits and that of input 8c + 4 + j
// in its high ones; then come 16 scales, which are bfloat16. Inputs beyond In have code 8, and
// outputs beyond Out scale 0.
const (
	spanIn    = 32
	stripOut  = 16
	spanCodes = stripOut * spanIn / 2
	spanBytes = spanCodes + 2*stripOut
)

// rowSpan is a row's activations beside a span of weights: about q·scale, of which q are at most
// 127 in magnitude. What codes have too much, 8, is made up for by offset, -8·Σq.
type rowSpan struct {
	q      [spanIn]int8
	scale  float32
	offset int32
}

// spansOf returns the number of spans of in inputs.
func spansOf(in int) int { return (in + spanIn - 1) / spanIn }

// Int4Matrix quantises a matrix to 4 bits: each span of 32 inputs has a scale for each output,
// the one of a few that fits best (see fitSpan). Activations meet it as 8 bits in spans of 32.
// It fails when there is no memory.
func Int4Matrix(t *Team, memory *Memory, s Source) (Matrix, error) {
	out := Matrix{Out: s.Out, In: s.In, format: formatInt4, tier: tierFor(formatInt4, s.In)}
	var err error
	if out.int4, err = take[uint8](memory, Int4Bytes(s.Out, s.In)); err != nil {
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
				out.setSpan(o, span, (*[spanIn]float32)(row[span*spanIn:]))
			}
		}
	})
	return out, nil
}

// Int4Bytes returns the size of an int4 matrix [out, in].
func Int4Bytes(out, in int) int { return (out + stripOut - 1) / stripOut * spansOf(in) * spanBytes }

// stripSpan is a span of a strip.
type stripSpan [spanBytes]uint8

// span returns a span of the strip that has output o.
func (m *Matrix) span(o, span int) *stripSpan {
	return (*stripSpan)(m.int4[(o/stripOut*spansOf(m.In)+span)*spanBytes:])
}

// scale returns the scale of one of the 16 outputs.
func (s *stripSpan) scale(lane int) float32 {
	bits := uint32(s[spanCodes+2*lane]) | uint32(s[spanCodes+2*lane+1])<<8
	return math.Float32frombits(bits << 16)
}

// codes returns the codes of one of the outputs.
func (s *stripSpan) codes(lane int) (codes [spanIn]uint8) {
	for c := range spanIn / 8 {
		for j, both := range s[64*c+4*lane : 64*c+4*lane+4] {
			codes[8*c+j], codes[8*c+4+j] = both&15, both>>4
		}
	}
	return codes
}

// setSpan quantises a span of output o.
func (m *Matrix) setSpan(o, span int, values *[spanIn]float32) {
	to, lane := m.span(o, span), o%stripOut
	bits, up := fitSpan(values)
	to[spanCodes+2*lane], to[spanCodes+2*lane+1] = uint8(bits), uint8(bits>>8)
	var codes [spanIn / 2]uint8
	encodeSpan(&codes, values, up)
	for c := range spanIn / 8 {
		copy(to[64*c+4*lane:], codes[4*c:4*c+4])
	}
}

// smallestSpan is the magnitude below which a span's values are taken as zeroes, of weights and
// of activations: their scale would leave the range of float32, or its inverse.
const smallestSpan = 1e-30

// notANumber is a bfloat16.
const notANumber = 0x7fc0

// nearest4 returns v·up rounded to a level, -8 to 7.
func nearest4(v, up float32) float32 {
	q := float32(v*up) + roundingShift - roundingShift
	return max(-8, min(7, q))
}

// roundingShift rounds what it is added to, for float32 above it are integers.
const roundingShift = 3 << 22

// fitSpan returns a scale as bfloat16 bits, and its inverse.
func fitSpan(values *[spanIn]float32) (bits uint16, up float32) {
	most, high := extremes(values)
	if high > -most {
		most = high
	}
	if abs(most) < smallestSpan {
		for _, v := range values {
			if math.IsNaN(float64(v)) { // vectors may pass over it
				return notANumber, 0
			}
		}
		return 0, 0
	}
	best := float32(-1)
	bits = notANumber // stays where a value is infinite or not a number
	for _, levels := range [...]float32{-8, -9, -7, -8.5, -6.5} {
		// The level of the largest is about levels: of the levels that this gives, a sum of
		// products over a sum of squares is the scale that fits best.
		product, square := project(values, levels/most)
		if gain := product * product / square; gain > best {
			best, bits = gain, bfloat16Bits(product/square)
		}
	}
	return bits, 1 / math.Float32frombits(uint32(bits)<<16)
}

// extremesScalar returns the least and the largest value.
func extremesScalar(values *[spanIn]float32) (low, high float32) {
	low, high = values[0], values[0]
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	return low, high
}

// projectScalar returns the sums of v·q and of q·q, q being the level of v·up.
func projectScalar(values *[spanIn]float32, up float32) (product, square float32) {
	var products, squares [8]float32
	for i, v := range values {
		q := nearest4(v, up)
		products[i%8] += float32(v * q)
		squares[i%8] += float32(q * q)
	}
	return sumLanes(&products), sumLanes(&squares)
}

// encodeSpanScalar sets byte 4c + j to the codes of values 8c + j and 8c + 4 + j.
func encodeSpanScalar(codes *[spanIn / 2]uint8, values *[spanIn]float32, up float32) {
	for i := range codes {
		at := i/4*8 + i%4
		codes[i] = uint8(nearest4(values[at], up)+8) | uint8(nearest4(values[at+4], up)+8)<<4
	}
}

func abs(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }

// int4Row writes row o to dst as float32.
func (m *Matrix) int4Row(dst []float32, o int) {
	lane := o % stripOut
	for span := range spansOf(m.In) {
		at := m.span(o, span)
		codes, scale := at.codes(lane), at.scale(lane)
		for i := span * spanIn; i < min((span+1)*spanIn, m.In); i++ {
			dst[i] = float32(int(codes[i%spanIn])-8) * scale
		}
	}
}

// setSpans quantises row i of x, spans of which lie x.N apart.
func (x *Rows) setSpans(i int) {
	row := x.Values[i*x.D : (i+1)*x.D]
	if whole := len(row) / spanIn; whole > 0 {
		quantizeRowSpans(x.spans[i:], x.N, row[:whole*spanIn])
	}
	if rest := len(row) % spanIn; rest > 0 {
		var last [spanIn]float32
		copy(last[:], row[len(row)-rest:])
		quantizeRowSpans(x.spans[len(row)/spanIn*x.N+i:], x.N, last[:])
	}
}

// quantizeRowSpansScalar sets every stride-th of spans from 32 values each.
func quantizeRowSpansScalar(spans []rowSpan, stride int, values []float32) {
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
		s.scale, s.offset = most/127, -8*sum
	}
}

// multiplyInt4 computes outputs lo to hi of an int4 matrix, of which lo begins a strip.
func (m *Matrix) multiplyInt4(x *Rows, y []float32, ldy, lo, hi int, s *Scratch) {
	if m.tier == nil {
		m.plain(x, y, ldy, lo, hi)
		return
	}
	whole := lo + (hi-lo)/stripOut*stripOut
	if whole > lo {
		_ = y[(x.N-1)*ldy+whole-1]
		m.strips(x, unsafe.Pointer(&y[lo]), ldy, lo, whole, &s.tile)
	}
	if whole < hi { // the last strip has outputs that y has no room for
		s.panel = grow(s.panel, x.N*stripOut)
		m.strips(x, unsafe.Pointer(&s.panel[0]), stripOut, whole, whole+stripOut, &s.tile)
		for i := range x.N {
			copy(y[i*ldy+whole:i*ldy+hi], s.panel[i*stripOut:])
		}
	}
}

// strips computes whole strips, outputs lo to hi, whose first is y. Sums take no part of the inner
// dimension before another: an output's spans are added in order, whatever the tiles.
func (m *Matrix) strips(x *Rows, y unsafe.Pointer, ldy, lo, hi int, t *tile) {
	length := uintptr(spansOf(m.In) * spanBytes) // of a strip
	*t = tile{
		ldx: uintptr(x.N) * unsafe.Sizeof(rowSpan{}), k: uintptr(spansOf(m.In)), ldy: uintptr(ldy) * 4,
		x: unsafe.Pointer(&x.spans[0]), w: unsafe.Pointer(m.span(lo, 0)), y: y,
		groups: uintptr(hi-lo) / stripOut, ahead: fetchAhead,
	}
	most := len(m.tier.dot[formatInt4])
	if streams := uintptr(m.tier.lanes / 4); x.N == 1 && t.groups >= streams {
		all := t.groups
		t.groups /= streams
		t.ldw = t.groups * length
		m.tier.stream[formatInt4][0](t)
		done := t.groups * streams
		if done == all {
			return
		}
		t.groups = all - done
		t.w, t.y = unsafe.Add(t.w, done*length), unsafe.Add(t.y, done*stripOut*4)
	}
	if x.N <= most {
		m.tier.dot[formatInt4][x.N-1](t)
		return
	}
	// A block's weights stay in the second-level cache while the rows go over them, in tiles
	// of about one size. The first of these fetches the next block's.
	tiles := (x.N + most - 1) / most
	for strip := uintptr(0); strip < uintptr(hi-lo)/stripOut; strip += blockOut / stripOut {
		t.groups = min(blockOut/stripOut, uintptr(hi-lo)/stripOut-strip)
		t.w, t.ahead = unsafe.Pointer(m.span(lo+int(strip)*stripOut, 0)), t.groups*length
		for i := range tiles {
			from, to := x.N*i/tiles, x.N*(i+1)/tiles
			t.x = unsafe.Pointer(&x.spans[from])
			t.y = unsafe.Add(y, uintptr(from*ldy)*4+strip*stripOut*4)
			m.tier.dot[formatInt4][to-from-1](t)
			t.ahead = 0
		}
	}
}

// plainInt4 computes outputs lo to hi in plain Go, with the bits of the kernels.
func (m *Matrix) plainInt4(x *Rows, y []float32, ldy, lo, hi int) {
	spans := spansOf(m.In)
	for o := lo; o < hi; o++ {
		for i := range x.N {
			y[i*ldy+o] = 0
		}
		for span := range spans {
			at := m.span(o, span)
			codes, scale := at.codes(o%stripOut), at.scale(o%stripOut)
			for i, row := range x.spans[span*x.N : (span+1)*x.N] {
				sum := row.offset
				for d, q := range row.q {
					sum += int32(codes[d]) * int32(q)
				}
				y[i*ldy+o] += float32(float32(sum) * float32(scale*row.scale))
			}
		}
	}
}
