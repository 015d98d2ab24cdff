package host

import (
	"math"
	"unsafe"
)

const (
	// A block, the unit of work, has blockOut outputs.
	blockOut = 32
	// blockRows rows of x stay in the second-level cache while a block's outputs go over
	// them.
	blockRows = 96
	// From panelRows rows on weights that must be widened are widened once a block instead
	// of for every tile, which is about as fast there, and faster where the processor widens
	// with the units that multiply.
	panelRows = 32
	// A stream of weights is fetched at least fetchAhead bytes before its use.
	fetchAhead = 8 << 10
)

// Scratch is the private memory of a member of a team.
type Scratch struct {
	tile  tile
	panel []float32 // blockOut rows of a piece; in spans, a strip's results

	decoded     []float32 // blockOut rows of a matrix that is held block-wise
	decodedBits []uint16  // the same as bfloat16

	attend attendScratch

	sum int32 // of the numbers that Read reads

	sums []float32 // of outer kernels

	amx amxScratch
}

// grow returns a slice of n elements, of s's memory where that is enough.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// Blocks counts the blocks of outputs that a product with m is divided into.
func (m *Matrix) Blocks() int { return (m.Out + blockOut - 1) / blockOut }

// Matrices are several that rows are multiplied by in one loop, over the blocks of all: one
// matrix's blocks follow the other's.
type Matrices []*Matrix

// Blocks counts the blocks of all of them.
func (list Matrices) Blocks() (n int) {
	for _, m := range list {
		n += m.Blocks()
	}
	return n
}

// EachRange divides the blocks from first to end by matrix: it calls do for each matrix i that
// has some of them, which are its own blocks from first to end.
func (list Matrices) EachRange(first, end int, do func(i, first, end int)) {
	for i, m := range list {
		n := m.Blocks()
		if first < n && end > 0 {
			do(i, max(first, 0), min(end, n))
		}
		first, end = first-n, end-n
	}
}

// Outputs returns the outputs lo to hi-1 that the blocks from first to end are.
func (m *Matrix) Outputs(first, end int) (lo, hi int) {
	return first * blockOut, min(end*blockOut, m.Out)
}

// Product computes the blocks from first to end of y = x·mᵀ: y[i·ldy + o] for every row
// i and the outputs lo ≤ o < hi, which it returns. Few rows are faster with many blocks.
func (m *Matrix) Product(x *Rows, y []float32, ldy, first, end int, s *Scratch) (lo, hi int) {
	if m.blockwise != nil {
		return m.decodedProduct(x, y, ldy, first, end, s)
	}
	lo, hi = m.Outputs(first, end)
	if m.format.inSpans() {
		m.multiplySpans(x, y, ldy, lo, hi, s)
		return lo, hi
	}
	if m.tier == nil {
		m.plain(x, y, ldy, lo, hi)
		return lo, hi
	}
	if kernels := m.amx(x.N); kernels != nil {
		m.amxProduct(kernels, x, y, ldy, lo, hi, s)
		return lo, hi
	}
	first, few := 0, x.N <= m.tier.rows
	if x.inLanes > 0 && m.Out%m.tier.outs == 0 {
		m.outer(x, y, ldy, lo, hi, s)
		if first = x.inLanes; first == x.N {
			return lo, hi
		}
	}
	step := hi - lo
	if !few {
		step = blockOut
	}
	for at := lo; at < hi; at += step {
		to := min(at+step, hi)
		whole := at + (to-at)/4*4 // outputs up to it are left to kernels, which make four at a time
		m.plain(x, y, ldy, whole, to)
		if whole == at {
			continue
		}
		_ = y[(x.N-1)*ldy+whole-1]
		if few {
			m.stream(x, y, ldy, at, whole, &s.tile)
		} else {
			m.tiles(x, y, ldy, at, whole, first, s)
		}
	}
	return lo, hi
}

// stream computes outputs lo to hi for few rows, which wait for memory.
func (m *Matrix) stream(x *Rows, y []float32, ldy, lo, hi int, t *tile) {
	size := m.piece()
	pieces := (m.In + size - 1) / size
	w, ldw := m.address(lo, 0)
	width := ldw / uintptr(m.In)
	*t = tile{
		w: w, ldw: ldw,
		k: uintptr(size) * width, last: uintptr(m.In-(pieces-1)*size) * width, pieces: uintptr(pieces),
		y: unsafe.Pointer(&y[lo]), ldy: uintptr(ldy) * 4, groups: uintptr(hi-lo) / 4,
		ahead: max(fetchAhead, 4*ldw), pace: uintptr(m.tier.step(m.format)) * width,
	}
	m.setRows(t, x, 0, lo, 0, 0)
	if x.N == 1 {
		t.ldw *= t.groups
		m.tier.stream[m.format][0](t)
		return
	}
	m.tier.dot[m.format][x.N-1](t)
}

// tiles computes outputs lo to hi for many rows, from the first on, a piece of the inner dimension at a
// time. The outputs' weights stay in the second-level cache while the rows go over
// them, and meanwhile the tiles fetch those of the next block, each its share.
func (m *Matrix) tiles(x *Rows, y []float32, ldy, lo, hi, first int, s *Scratch) {
	t, f, rows, size := &s.tile, m.format, m.tier.rows, m.piece()
	widened := f == formatWide && x.N >= panelRows
	if widened {
		f = formatF32
		s.panel = grow(s.panel, blockOut*size)
	}
	step := m.tier.step(f)
	for p, from := 0, 0; from < m.In; p, from = p+1, from+size {
		k := min(size, m.In-from)
		w, ldw := m.address(lo, from)
		next, length := blockOut*ldw, uintptr(k)*ldw/uintptr(m.In)
		if widened {
			for o := lo; o < hi; o++ {
				widenVector(s.panel[(o-lo)*k:(o-lo+1)*k], m.bf16[o*m.In+from:o*m.In+from+k])
			}
			ldw = uintptr(k) * 4
			w, length, next = unsafe.Pointer(&s.panel[0]), ldw, 0
		}
		for row := first; row < x.N; row += blockRows {
			end := min(row+blockRows, x.N)
			tiles := (end - row + rows - 1) / rows
			pace := (int(length)/(k/step) + tiles - 1) / tiles
			if widened {
				pace = 0 // a panel is not followed by the next block's: fetchNext asks for that
			}
			*t = tile{
				w: w, ldw: ldw, k: length, last: length, pieces: 1, ldy: uintptr(ldy) * 4,
				groups: uintptr(hi-lo) / 4, ahead: next, pace: uintptr(pace), add: uintptr(min(p, 1)),
			}
			for i := row; i < end; i += rows {
				if widened {
					m.fetchNext(hi, from, k, i, min(i+rows, end), x.N)
				}
				t.y = unsafe.Pointer(&y[i*ldy+lo])
				m.setRows(t, x, i, lo, p, from)
				m.tier.dot[f][min(rows, end-i)-1](t)
				t.ahead += uintptr(pace * k / step)
			}
		}
	}
}

// fetchNext asks for the share of rows i to end-1 of n in the k inputs from from on of the next block's weights,
// which output o begins.
func (m *Matrix) fetchNext(o, from, k, i, end, n int) {
	for r := o + i*blockOut/n; r < min(o+end*blockOut/n, m.Out); r++ {
		fetchLines(unsafe.Pointer(&m.bf16[r*m.In+from]), 2*k)
	}
}

// address returns the address of output o's weight for input from, and a row's length in bytes.
func (m *Matrix) address(o, from int) (w unsafe.Pointer, ldw uintptr) {
	i := o*m.In + from
	switch m.format {
	case formatF32:
		return unsafe.Pointer(&m.f32[i]), uintptr(m.In) * 4
	case formatInt8:
		return unsafe.Pointer(&m.q[i]), uintptr(m.In)
	case formatInt4, formatW8A8: // of an output that begins a strip, and as if its rows lay apart
		return unsafe.Pointer(&m.span(o, 0)[0]), uintptr(spansOf(m.In) * m.format.spanBytes() / stripOut)
	}
	return unsafe.Pointer(&m.bf16[i]), uintptr(m.In) * 2
}

// setRows has a tile multiply the rows of x from i on, beginning at input from, which is where
// a piece begins, by weights of the outputs from o on; it sets x and, for int8, the scales.
func (m *Matrix) setRows(t *tile, x *Rows, i, o, piece, from int) {
	at := (i-x.first)*x.D + from
	switch m.format {
	case formatBF16:
		t.x, t.ldx = unsafe.Pointer(&x.bits[at]), uintptr(x.D)*2
	case formatInt8:
		t.x, t.ldx = unsafe.Pointer(&x.q[at]), uintptr(x.D)*2
		t.xscale, t.ldxs = unsafe.Pointer(&x.scale[piece*x.N+i]), uintptr(x.N)*4
		t.wscale, t.ldws = unsafe.Pointer(&m.scale[piece*m.Out+o]), uintptr(m.Out)*4
	default:
		t.x, t.ldx = unsafe.Pointer(&x.Values[at]), uintptr(x.D)*4
	}
}

// plain computes outputs lo to hi in plain Go.
func (m *Matrix) plain(x *Rows, y []float32, ldy, lo, hi int) {
	if lo == hi {
		return
	}
	if m.format.inSpans() {
		m.plainSpans(x, y, ldy, lo, hi)
		return
	}
	for i := range x.N {
		var row []float32
		if m.format == formatBF16 {
			row = make([]float32, x.D)
			widen(row, x.bits[i*x.D:(i+1)*x.D])
		} else {
			row = x.Values[i*x.D : (i+1)*x.D]
		}
		for o := lo; o < hi; o++ {
			switch m.format {
			case formatF32:
				y[i*ldy+o] = dotPlain(row, m.f32[o*m.In:(o+1)*m.In])
			case formatInt8:
				y[i*ldy+o] = m.plainInt8(x, i, o)
			default:
				y[i*ldy+o] = dotPlainBF16(row, m.bf16[o*m.In:(o+1)*m.In])
			}
		}
	}
}

// plainInt8 returns output o of row i.
func (m *Matrix) plainInt8(x *Rows, i, o int) float32 {
	sum := float32(0)
	for p, from := range x.bounds[:len(x.bounds)-1] {
		total := int32(0)
		for d := from; d < x.bounds[p+1]; d++ {
			total += int32(x.q[i*x.D+d]) * int32(m.q[o*m.In+d])
		}
		sum += float32(total) * x.scale[p*x.N+i] * m.scale[p*m.Out+o]
	}
	return sum
}

// dotPlain sums in eight lanes, as the vector kernels do, for their accuracy and
// for speed: eight sums do not wait for each other.
func dotPlain(x, w []float32) float32 {
	var lane [8]float32
	n := len(x) &^ 7
	for k := 0; k < n; k += 8 {
		a, b := (*[8]float32)(x[k:]), (*[8]float32)(w[k:])
		for l := range lane {
			lane[l] += a[l] * b[l]
		}
	}
	sum := ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]))
	for k := n; k < len(x); k++ {
		sum += x[k] * w[k]
	}
	return sum
}

// dotPlainBF16 is dotPlain for bfloat16 weights.
func dotPlainBF16(x []float32, w []uint16) float32 {
	var lane [8]float32
	n := len(x) &^ 7
	for k := 0; k < n; k += 8 {
		a, b := (*[8]float32)(x[k:]), (*[8]uint16)(w[k:])
		for l := range lane {
			lane[l] += a[l] * math.Float32frombits(uint32(b[l])<<16)
		}
	}
	sum := ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]))
	for k := n; k < len(x); k++ {
		sum += x[k] * math.Float32frombits(uint32(w[k])<<16)
	}
	return sum
}
