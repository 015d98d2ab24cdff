package host

import "math"

// Rows is the left side of products: N rows of D activations, as float32 and in the format
// that the weights' one asks for.
type Rows struct {
	N, D   int
	Values []float32 // [N, D]; nil where bits are all there is

	bits   []uint16  // [N, D], for formatBF16
	bounds []int     // where D is cut into pieces, for int8 weights
	q      []int16   // [N, D], for int8 weights
	scale  []float32 // [pieces][N], for int8 weights
	spans  []rowSpan // [spans][apart], for weights in spans
	apart  int

	words []uint32 // bits, or q, as registers of AMX hold them, see turned
	steps int      // of all pieces, for int8 weights

	// inLanes rows are in words for outer kernels. Then bits, and Values of rows that came in parts, hold only those
	// that follow, from row first on.
	inLanes, first int
	rowWords       int
	own            []float32 // Values of rows that came in parts
}

// Set prepares n rows of d values, which it keeps, for products with some matrices of one format and width. The
// team shares the work.
func (x *Rows) Set(t *Team, values []float32, n, d int, matrices ...*Matrix) {
	m := matrices[0]
	x.N, x.D, x.Values, x.inLanes, x.first = n, d, values[:n*d], n, 0
	for _, m := range matrices {
		x.inLanes = min(x.inLanes, m.outerRows(n))
	}
	if x.inLanes > 0 {
		x.growLanes(m)
	}
	switch m.format {
	case formatBF16:
		x.first = x.inLanes
		x.bits = grow(x.bits, (n-x.first)*d)
	case formatInt8:
		x.bounds = pieceBounds(x.bounds[:0], d)
		x.q = grow(x.q, n*d)
		x.scale = grow(x.scale, (len(x.bounds)-1)*n+3) // kernels read four at a time
	case formatInt4, formatW8A8:
		x.growSpans()
	default:
		if x.inLanes > 0 {
			lanes := m.tier.lanes
			t.Run(x.inLanes/lanes, func(unit, _ int) { x.turn(m, unit*lanes, values[unit*lanes*d:], d, 0, d) })
		}
		return
	}
	together := 8
	if x.inLanes > 0 {
		together = m.tier.lanes
	}
	turns := m.amx(n) != nil
	if turns {
		together = registerRows
		x.growWords(m.format)
	}
	convert := func(from int) {
		if from < x.inLanes {
			x.turn(m, from, values[from*d:], d, 0, d)
			return
		}
		x.convert(m.format, from, min(n, from+together))
		switch {
		case turns && m.format == formatBF16:
			x.turnBits(from)
		case turns:
			x.turnLevels(from)
		}
	}
	if n <= together {
		convert(0)
		return
	}
	t.Run((n+together-1)/together, func(unit, _ int) { convert(unit * together) })
}

// SetParts prepares for n rows of d values of which SetPart sets some columns at a time, for products with m. It
// reports whether it can: where not, whole rows are for Set.
func (x *Rows) SetParts(n, d int, m *Matrix) bool {
	x.N, x.D, x.Values, x.inLanes, x.first = n, d, nil, 0, 0
	switch {
	case m.format.inSpans():
		x.growSpans()
		return true
	case m.outerRows(n) > 0 && d%blockOut == 0:
		x.inLanes = m.outerRows(n)
		x.first = x.inLanes
		x.growLanes(m)
		if m.format == formatBF16 {
			x.bits = grow(x.bits, (n-x.first)*d)
		} else {
			x.own = grow(x.own, (n-x.first)*d)
			x.Values = x.own
		}
		return true
	case m.format == formatBF16 && d%blockOut == 0 && m.amx(n) == nil:
		x.bits = grow(x.bits, n*d)
		return true
	}
	return false
}

// SetPart sets columns of some rows, those from row on: the outputs lo to hi-1 of a block of another matrix, values
// [rows, hi - lo]. Threads may set different columns at once. Several vectors of rows come together, but for the last;
// in spans, all rows.
func (x *Rows) SetPart(values []float32, row, lo, hi int, m *Matrix) {
	width := hi - lo
	n := len(values) / width
	switch {
	case x.inLanes > 0:
		for i := row; i < min(row+n, x.inLanes); i += m.tier.lanes {
			x.turn(m, i, values[(i-row)*width:], width, lo, width)
		}
		first := max(row, x.inLanes)
		if first >= row+n {
			return
		}
		rest, at := values[(first-row)*width:], (first-x.first)*x.D
		if m.format == formatBF16 {
			roundBlock(x.bits[at+lo:], x.D, rest)
			return
		}
		for i := range len(rest) / width {
			copy(x.own[at+i*x.D+lo:at+i*x.D+hi], rest[i*width:])
		}
	case !m.format.inSpans():
		roundBlock(x.bits[row*x.D+lo:], x.D, values)
	case width == spanIn:
		quantizeRowSpans(x.spans[lo/spanIn*x.apart:], 1, values, m.format.codeBits()-1)
	default:
		for i := range n {
			var last [spanIn]float32
			copy(last[:], values[i*width:(i+1)*width])
			quantizeRowSpans(x.spans[lo/spanIn*x.apart+i:], 1, last[:], m.format.codeBits()-1)
		}
	}
}

// roundBlockScalar rounds rows of blockOut numbers to bfloat16; those of dst begin ld apart.
func roundBlockScalar(dst []uint16, ld int, src []float32) {
	for i := range len(src) / blockOut {
		roundBits(dst[i*ld:i*ld+blockOut], src[i*blockOut:(i+1)*blockOut])
	}
}

// convert rounds or quantises the rows from to to-1 as weights of a format ask for.
func (x *Rows) convert(f format, from, to int) {
	if f == formatBF16 {
		roundBits(x.bits[(from-x.first)*x.D:(to-x.first)*x.D], x.Values[from*x.D:to*x.D])
		return
	}
	if f.inSpans() {
		for i := from; i < to; i++ {
			x.setSpans(f, i)
		}
		return
	}
	for i := from; i < to; i++ {
		for p, first := range x.bounds[:len(x.bounds)-1] {
			lo, hi := i*x.D+first, i*x.D+x.bounds[p+1]
			x.scale[p*x.N+i] = quantize(x.q[lo:hi], x.Values[lo:hi])
		}
	}
}

// levels is the largest magnitude of an activation beside int8 weights: 1024
// products of 127 by it stay inside 32 bits.
const levels = 8191

// quantizeScalar rounds src to integers of at most levels in magnitude and returns their scale:
// dst·scale is about src.
func quantizeScalar(dst []int16, src []float32) (scale float32) {
	most := float32(0)
	for _, v := range src {
		most = max(most, float32(math.Abs(float64(v))))
	}
	if most == 0 {
		clear(dst)
		return 0
	}
	up := levels / most
	for i, v := range src {
		dst[i] = int16(math.RoundToEven(float64(v * up)))
	}
	return most / levels
}
