package host

import (
	"math"
	"unsafe"
)

// Rows is the left side of products: N rows of D activations, and what the
// weights' form makes of them.
type Rows struct {
	N, D   int
	Values []float32 // [N, D]; nil where bits are all there is

	bits   []uint16  // [N, D], for formBF16
	bounds []int     // pieces of D, for int8 weights
	q      []int16   // [N, D]
	scale  []float32 // [pieces][N]
}

const (
	// blockOut is how many outputs a unit of work computes.
	blockOut = 32
	// blockRows is how many rows of x stay in the second-level cache while a block's
	// outputs go over them.
	blockRows = 96
	// panelRows is from how many rows on a block of weights that must be widened is
	// widened once instead of for every tile.
	panelRows = 24
	// fetchAhead is how far before its use a stream of weights is fetched at least.
	fetchAhead = 8 << 10
)

// Scratch is the private memory of a member of a team.
type Scratch struct {
	tile  tile
	panel []float32 // blockOut rows of a piece

	// Of attention; queries, probs and last, a slot's values beside zeroes, are bfloat16.
	rows, scores, out    []float32
	queries, probs, last []uint16
	pages                []unsafe.Pointer // see Pool.list
	listed               int

	sum int32 // of what Read reads
}

// Set prepares n rows of d values for products with m and its like.
func (x *Rows) Set(t *Team, values []float32, n, d int, m *Matrix) {
	x.N, x.D, x.Values = n, d, values[:n*d]
	switch m.form {
	case formBF16:
		x.bits = grow(x.bits, n*d)
	case formInt8:
		x.bounds = cut(x.bounds[:0], d)
		x.q = grow(x.q, n*d)
		x.scale = grow(x.scale, (len(x.bounds)-1)*n)
	default:
		return
	}
	const together = 8
	if n <= together {
		x.convert(m.form, 0, n)
		return
	}
	t.Run((n+together-1)/together, func(unit, _ int) { x.convert(m.form, unit*together, min(n, (unit+1)*together)) })
}

// convert makes of rows from to to-1 what a form meets.
func (x *Rows) convert(f form, from, to int) {
	if f == formBF16 {
		roundBits(x.bits[from*x.D:to*x.D], x.Values[from*x.D:to*x.D])
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

// grow returns a slice of n elements, of s's memory where that is enough.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// Blocks is how many units of work a product with m is divided into.
func (m *Matrix) Blocks() int { return (m.Out + blockOut - 1) / blockOut }

// Matrices are several that rows are multiplied by in one loop, over the blocks of all:
// one matrix's after the other's.
type Matrices []*Matrix

// Blocks is how many all of them have.
func (list Matrices) Blocks() (n int) {
	for _, m := range list {
		n += m.Blocks()
	}
	return n
}

// Through calls do with the blocks that matrix i has of those from first to end.
func (list Matrices) Through(first, end int, do func(i, first, end int)) {
	for i, m := range list {
		n := m.Blocks()
		if first < n && end > 0 {
			do(i, max(first, 0), min(end, n))
		}
		first, end = first-n, end-n
	}
}

// Product computes the blocks from first to end of y = x·mᵀ: y[i·ldy + o] for every row
// i and the outputs lo ≤ o < hi that it returns. Few rows are faster with many blocks.
func (m *Matrix) Product(x *Rows, y []float32, ldy, first, end int, s *Scratch) (lo, hi int) {
	lo, hi = first*blockOut, min(end*blockOut, m.Out)
	if m.tier == nil {
		m.plain(x, y, ldy, lo, hi)
		return lo, hi
	}
	step := hi - lo
	if x.N > m.tier.rows {
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
		if x.N <= m.tier.rows {
			m.stream(x, y, ldy, at, whole, &s.tile)
		} else {
			m.tiles(x, y, ldy, at, whole, s)
		}
	}
	return lo, hi
}

// stream computes outputs lo to hi for few rows, which wait for memory.
func (m *Matrix) stream(x *Rows, y []float32, ldy, lo, hi int, t *tile) {
	size := m.piece()
	pieces := (m.In + size - 1) / size
	w, ldw := m.at(lo, 0)
	width := ldw / uintptr(m.In)
	*t = tile{
		w: w, ldw: ldw, k: uintptr(size) * width, last: uintptr(m.In-(pieces-1)*size) * width, pieces: uintptr(pieces),
		y: unsafe.Pointer(&y[lo]), ldy: uintptr(ldy) * 4, groups: uintptr(hi-lo) / 4, ahead: max(fetchAhead, 4*ldw),
		pace: uintptr(m.tier.step(m.form)) * width,
	}
	m.beside(t, x, 0, lo, 0, 0)
	if x.N == 1 {
		t.ldw *= t.groups
		m.tier.stream[m.form][0](t)
		return
	}
	m.tier.dot[m.form][x.N-1](t)
}

// tiles computes outputs lo to hi for many rows, a piece of the inner dimension at a
// time. The outputs' weights stay in the second-level cache while the rows go over
// them, and meanwhile the tiles fetch those of the next block, each its share.
func (m *Matrix) tiles(x *Rows, y []float32, ldy, lo, hi int, s *Scratch) {
	t, f, rows, size := &s.tile, m.form, m.tier.rows, m.piece()
	widened := f == formWide && x.N >= panelRows
	if widened {
		f = formF32
		s.panel = grow(s.panel, blockOut*size)
	}
	step := m.tier.step(f)
	for p, from := 0, 0; from < m.In; p, from = p+1, from+size {
		k := min(size, m.In-from)
		w, ldw := m.at(lo, from)
		next, length := blockOut*ldw, uintptr(k)*ldw/uintptr(m.In)
		if widened {
			for o := lo; o < hi; o++ {
				widenVector(s.panel[(o-lo)*k:(o-lo+1)*k], m.bf16[o*m.In+from:o*m.In+from+k])
			}
			ldw = uintptr(k) * 4
			w, length = unsafe.Pointer(&s.panel[0]), ldw
		}
		for row := 0; row < x.N; row += blockRows {
			end := min(row+blockRows, x.N)
			tiles := (end - row + rows - 1) / rows
			pace := (int(length)/(k/step) + tiles - 1) / tiles
			*t = tile{
				w: w, ldw: ldw, k: length, last: length, pieces: 1, ldy: uintptr(ldy) * 4,
				groups: uintptr(hi-lo) / 4, ahead: next, pace: uintptr(pace), add: uintptr(min(p, 1)),
			}
			for i := row; i < end; i += rows {
				t.y = unsafe.Pointer(&y[i*ldy+lo])
				m.beside(t, x, i, lo, p, from)
				m.tier.dot[f][min(rows, end-i)-1](t)
				t.ahead += uintptr(pace * k / step)
			}
		}
	}
}

// at is where the weights of output o begin at an input, and a row's length in bytes.
func (m *Matrix) at(o, from int) (w unsafe.Pointer, ldw uintptr) {
	i := o*m.In + from
	switch m.form {
	case formF32:
		return unsafe.Pointer(&m.f32[i]), uintptr(m.In) * 4
	case formInt8:
		return unsafe.Pointer(&m.q[i]), uintptr(m.In)
	}
	return unsafe.Pointer(&m.bf16[i]), uintptr(m.In) * 2
}

// beside fills in what of x a tile of rows i.. meets outputs o.. with, and its scales.
func (m *Matrix) beside(t *tile, x *Rows, i, o, piece, from int) {
	at := i*x.D + from
	switch m.form {
	case formBF16:
		t.x, t.ldx = unsafe.Pointer(&x.bits[at]), uintptr(x.D)*2
	case formInt8:
		t.x, t.ldx = unsafe.Pointer(&x.q[at]), uintptr(x.D)*2
		t.xscale, t.ldxs = unsafe.Pointer(&x.scale[piece*x.N+i]), uintptr(x.N)*4
		t.wscale, t.ldws = unsafe.Pointer(&m.scale[piece*m.Out+o]), uintptr(m.Out)*4
	default:
		t.x, t.ldx = unsafe.Pointer(&x.Values[at]), uintptr(x.D)*4
	}
}

// plain is Product for outputs lo to hi in plain Go.
func (m *Matrix) plain(x *Rows, y []float32, ldy, lo, hi int) {
	if lo == hi {
		return
	}
	for i := range x.N {
		var row []float32
		if m.form == formBF16 {
			row = make([]float32, x.D)
			widen(row, x.bits[i*x.D:(i+1)*x.D])
		} else {
			row = x.Values[i*x.D : (i+1)*x.D]
		}
		for o := lo; o < hi; o++ {
			switch m.form {
			case formF32:
				y[i*ldy+o] = dotPlain(row, m.f32[o*m.In:(o+1)*m.In])
			case formInt8:
				y[i*ldy+o] = m.plainInt8(x, i, o)
			default:
				y[i*ldy+o] = dotPlainBF16(row, m.bf16[o*m.In:(o+1)*m.In])
			}
		}
	}
}

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
