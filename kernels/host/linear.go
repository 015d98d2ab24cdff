package host

import (
	"math"
	"unsafe"
)

// Rows is the left side of products: N rows of D activations, and what the
// weights' form makes of them.
type Rows struct {
	N, D   int
	Values []float32 // [N, D]

	bounds []int     // pieces of D
	q      []int16   // [N, D], for int8 weights
	scale  []float32 // [pieces][N]
}

// blockOut is how many outputs a unit of work computes; groupOut how many rows of
// a piece of w stay in the first-level cache beside a tile of x (of int8 weights
// the whole block does); blockRows how many rows of x stay in the second-level
// cache while a block's groups go over them. From panelRows rows on, a block of bfloat16 weights
// is widened once instead of for every tile.
const (
	blockOut  = 32
	groupOut  = 12
	blockRows = 96
	panelRows = 24
	// streamRows is how many rows still count as few.
	streamRows = 6
)

// Scratch is the private memory of a member of a team.
type Scratch struct {
	panel  []float32 // blockOut rows of a piece
	scores []float32
}

// Set prepares n rows of d values for products with m and its like.
func (x *Rows) Set(t *Team, values []float32, n, d int, m *Matrix) {
	x.N, x.D, x.Values = n, d, values[:n*d]
	if m.q == nil {
		return
	}
	x.bounds = cut(d)
	pieces := len(x.bounds) - 1
	x.q = grow(x.q, n*d)
	x.scale = grow(x.scale, pieces*n)
	t.Run((n+7)/8, func(unit, _ int) {
		for i := unit * 8; i < min(n, unit*8+8); i++ {
			for p := range pieces {
				lo, hi := i*d+x.bounds[p], i*d+x.bounds[p+1]
				x.scale[p*n+i] = quantize(x.q[lo:hi], values[lo:hi])
			}
		}
	})
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

// Product computes block b of y = x·mᵀ: y[i·ldy + o] for every row i and the
// outputs lo ≤ o < hi that it returns.
func (m *Matrix) Product(x *Rows, y []float32, ldy, b int, s *Scratch) (lo, hi int) {
	lo, hi = b*blockOut, min((b+1)*blockOut, m.Out)
	if !m.vectorised() {
		m.plain(x, y, ldy, lo, hi)
		return lo, hi
	}
	whole := lo + (hi-lo)/4*4
	m.plain(x, y, ldy, whole, hi) // fewer than four outputs are left over
	together := groupOut
	if m.q != nil {
		together = blockOut
	}
	if x.N <= streamRows {
		m.stream(x, y, ldy, lo, whole)
		return lo, hi
	}
	size := m.piece()
	for p, from := 0, 0; from < m.In; p, from = p+1, from+size {
		to := min(from+size, m.In)
		t := tile{x: x, m: m, y: y, ldy: ldy, piece: p, from: from, k: to - from, add: p > 0}
		if m.bf16 != nil && x.N >= panelRows {
			s.panel = grow(s.panel, blockOut*pieceFloat)
			for o := lo; o < whole; o++ {
				widenVector(s.panel[(o-lo)*t.k:(o-lo+1)*t.k], m.bf16[o*m.In+from:o*m.In+to])
			}
			t.panel, t.panelFirst = s.panel, lo
		}
		for row := 0; row < x.N; row += blockRows {
			end := min(row+blockRows, x.N)
			for group := lo; group < whole; group += together {
				last := min(group+together, whole)
				for i := row; i < end; i += 3 {
					for o := group; o < last; o += 4 {
						t.dot(i, min(3, end-i), o)
					}
				}
			}
		}
	}
	return lo, hi
}

// stream is Product for few rows, which wait for memory: outputs in the order in
// which their weights lie there.
func (m *Matrix) stream(x *Rows, y []float32, ldy, lo, hi int) {
	size := m.piece()
	for o := lo; o < hi; o += 4 {
		for p, from := 0, 0; from < m.In; p, from = p+1, from+size {
			t := tile{x: x, m: m, y: y, ldy: ldy, piece: p, from: from, k: min(from+size, m.In) - from, add: p > 0}
			for i := 0; i < x.N; i += 3 {
				t.dot(i, min(3, x.N-i), o)
			}
		}
	}
}

// tile is the part of a product that one piece of D makes.
type tile struct {
	x          *Rows
	m          *Matrix
	panel      []float32
	panelFirst int
	y          []float32
	ldy        int
	piece      int
	from, k    int
	add        bool
}

// dot computes rows i.. of x by outputs o..o+3.
func (t *tile) dot(i, rows, o int) {
	y := unsafe.Pointer(&t.y[i*t.ldy+o])
	_ = t.y[(i+rows-1)*t.ldy+o+3]
	ldy := uintptr(t.ldy) * 4
	if t.m.q != nil {
		x, ldx := unsafe.Pointer(&t.x.q[i*t.x.D+t.from]), uintptr(t.x.D)*2
		w, ldw := unsafe.Pointer(&t.m.q[o*t.m.In+t.from]), uintptr(t.m.In)
		xs, ws := unsafe.Pointer(&t.x.scale[t.piece*t.x.N+i]), unsafe.Pointer(&t.m.scale[t.piece*t.m.Out+o])
		dotInt8(x, ldx, rows, w, ldw, t.k, y, ldy, xs, ws, t.add)
		return
	}
	x, ldx := unsafe.Pointer(&t.x.Values[i*t.x.D+t.from]), uintptr(t.x.D)*4
	switch {
	case t.panel != nil:
		dotF32(x, ldx, rows, unsafe.Pointer(&t.panel[(o-t.panelFirst)*t.k]), uintptr(t.k)*4, t.k, y, ldy, t.add)
	case t.m.bf16 != nil:
		dotBF16(x, ldx, rows, unsafe.Pointer(&t.m.bf16[o*t.m.In+t.from]), uintptr(t.m.In)*2, t.k, y, ldy, t.add)
	default:
		dotF32(x, ldx, rows, unsafe.Pointer(&t.m.f32[o*t.m.In+t.from]), uintptr(t.m.In)*4, t.k, y, ldy, t.add)
	}
}

// plain is Product for outputs lo..hi in plain Go.
func (m *Matrix) plain(x *Rows, y []float32, ldy, lo, hi int) {
	for o := lo; o < hi; o++ {
		for i := range x.N {
			row := x.Values[i*x.D : (i+1)*x.D]
			switch {
			case m.f32 != nil:
				y[i*ldy+o] = dotPlain(row, m.f32[o*m.In:(o+1)*m.In])
			case m.bf16 != nil:
				y[i*ldy+o] = dotPlainBF16(row, m.bf16[o*m.In:(o+1)*m.In])
			default:
				sum := float32(0)
				for p, from := range x.bounds[:len(x.bounds)-1] {
					total := int32(0)
					for d := from; d < x.bounds[p+1]; d++ {
						total += int32(x.q[i*x.D+d]) * int32(m.q[o*m.In+d])
					}
					sum += float32(total) * x.scale[p*x.N+i] * m.scale[p*m.Out+o]
				}
				y[i*ldy+o] = sum
			}
		}
	}
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
