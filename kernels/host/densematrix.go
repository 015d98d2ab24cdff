package host

import (
	"math"
	"unsafe"
)

// denseMatrix is a matrix [n, E] in the forms that tiles take it in, filled with zeros up to pad
// rows: its rows and its columns as a tile's left side, float32 or bfloat16, and either as its
// right side, where bfloat16 come in pairs of one after the other. Columns lie in panels of
// denseStep rows: with all rows beside each other their starts would share a few sets of a cache.
type denseMatrix struct {
	n, pad, E          int
	pairs, rounded     bool      // rounded: float32 that are bfloat16
	rows, cols         []float32 // [pad, E], [pad/denseStep, E, denseStep]
	rowBits, colBits   []uint16
	rowPairs, colPairs []uint32 // [pad/2, E], [pad/denseStep, E/2, denseStep]
}

// A form of a denseMatrix beside its rows.
type denseForm int

const (
	byRow  denseForm = 1 << iota // its rows as a right side
	across                       // its columns
)

// padded returns the rows that a matrix of n rows is filled up to.
func padded(n int) int { return (n + denseStep - 1) / denseStep * denseStep }

// bfloat16Pairs reports whether tiles take heads E wide in pairs of bfloat16.
func bfloat16Pairs(E int) bool {
	return len(tiers) > 0 && tiers[0].dot[formatBF16] != nil && E%(4*tiers[0].lanes) == 0
}

// set makes the forms of n rows of E numbers times scale that lie ld apart.
func (m *denseMatrix) set(from []float32, ld, n, E int, scale float32, round bool, forms denseForm) {
	m.n, m.E, m.pad = n, E, padded(n)
	m.pairs = round && bfloat16Pairs(E)
	m.rounded = round && !m.pairs
	m.rows = grow(m.rows, m.pad*E)
	for i := range n {
		scaleRow(m.rows[i*E:(i+1)*E], from[i*ld:i*ld+E], scale)
	}
	clear(m.rows[n*E : m.pad*E])
	if m.rounded {
		roundRowInPlace(m.rows[:n*E])
	}
	if forms&across != 0 {
		m.cols = grow(m.cols, m.pad*E)
		for i := 0; i < m.pad*E; i += denseStep * E {
			transpose(m.cols[i:i+denseStep*E], m.rows[i:], denseStep, E)
		}
	}
	if !m.pairs {
		return
	}
	m.rowBits = grow(m.rowBits, m.pad*E)
	roundBits(m.rowBits, m.rows[:m.pad*E])
	if forms&byRow != 0 {
		m.rowPairs = grow(m.rowPairs, m.pad/2*E)
		for i := range m.pad / 2 {
			interleave(m.rowPairs[i*E:(i+1)*E], m.rowBits[2*i*E:], m.rowBits[(2*i+1)*E:])
		}
	}
	if forms&across != 0 {
		m.colBits, m.colPairs = grow(m.colBits, m.pad*E), grow(m.colPairs, m.pad/2*E)
		roundBits(m.colBits, m.cols[:m.pad*E])
		for i := 0; i < m.pad*E; i += 2 * denseStep {
			interleave(m.colPairs[i/2:i/2+denseStep], m.colBits[i:], m.colBits[i+denseStep:])
		}
	}
}

// side is a side of a product of tiles: memory, the bytes from row to row, and of a right side those
// from one panel of denseStep columns to the next.
type side struct {
	p         unsafe.Pointer
	ld, panel int
}

// leftRows is rows from i on as a left side.
func (m *denseMatrix) leftRows(i int) side {
	if m.pairs {
		return side{unsafe.Pointer(&m.rowBits[i*m.E]), m.E * 2, 0}
	}
	return side{unsafe.Pointer(&m.rows[i*m.E]), m.E * 4, 0}
}

// leftColumns is the columns, from row i, which begins a panel, as a left side of E rows.
func (m *denseMatrix) leftColumns(i int) side {
	if m.pairs {
		return side{unsafe.Pointer(&m.colBits[i*m.E]), denseStep * 2, 0}
	}
	return side{unsafe.Pointer(&m.cols[i*m.E]), denseStep * 4, 0}
}

// rightRows is rows from i, an even number, on as a right side of E columns.
func (m *denseMatrix) rightRows(i int) side {
	if m.pairs {
		return side{unsafe.Pointer(&m.rowPairs[i/2*m.E]), m.E * 4, denseStep * 4}
	}
	return side{unsafe.Pointer(&m.rows[i*m.E]), m.E * 4, denseStep * 4}
}

// rightColumns is the columns, from row i, which begins a panel, as a right side of E rows.
func (m *denseMatrix) rightColumns(i int) side {
	if m.pairs {
		return side{unsafe.Pointer(&m.colPairs[i/2*m.E]), denseStep * 4, m.E / 2 * denseStep * 4}
	}
	return side{unsafe.Pointer(&m.cols[i*m.E]), denseStep * 4, m.E * denseStep * 4}
}

// accumulate adds to y, rows ldy numbers apart, the product of rows rows of k numbers and of k rows
// of columns numbers, in pairs of bfloat16 or in float32. panel is the numbers from one panel of y
// of denseStep columns to the next.
func (s *denseScratch) accumulate(
	y []float32, ldy, panel int, left, right side, rows, k, columns int, pairs bool,
) {
	for c := 0; c < columns; c += denseStep {
		at := right // the garbage collector must not meet a pointer past the last panel
		at.p = unsafe.Add(right.p, c/denseStep*right.panel)
		s.accumulatePanel(y[c/denseStep*panel:], ldy, left, at, rows, k, min(denseStep, columns-c), pairs)
	}
}

// accumulatePanel is accumulate for at most denseStep columns.
func (s *denseScratch) accumulatePanel(
	y []float32, ldy int, left, right side, rows, k, columns int, pairs bool,
) {
	_ = y[(rows-1)*ldy+columns-1]
	f := formatF32
	if pairs {
		f, k = formatBF16, (k+1)/2
	}
	column := 0
	for _, tier := range tiers {
		groups := (columns - column) / (4 * tier.lanes)
		if groups == 0 {
			continue
		}
		s.page = right.p
		s.tile = tile{
			w: unsafe.Pointer(&s.page), pages: 1, k: uintptr(k), last: uintptr(k),
			ldx: uintptr(left.ld), ldw: uintptr(right.ld), ldy: uintptr(ldy) * 4,
			groups: uintptr(groups), step: uintptr(column) * 4,
		}
		for i := 0; i < rows; i += tier.rows {
			s.tile.x = unsafe.Add(left.p, i*left.ld)
			s.tile.y = unsafe.Pointer(&y[i*ldy+column])
			tier.mix[f][min(tier.rows, rows-i)-1](&s.tile)
		}
		column += groups * 4 * tier.lanes
	}
	if column == columns {
		return
	}
	for i := range rows { // float32 alone: pairs have whole tiles
		x := unsafe.Slice((*float32)(unsafe.Add(left.p, i*left.ld)), k)
		to := y[i*ldy+column : i*ldy+columns]
		for l, v := range x {
			w := unsafe.Slice((*float32)(unsafe.Add(right.p, l*right.ld)), columns)[column:]
			for c := range to {
				to[c] += v * w[c]
			}
		}
	}
}

// scaleRowScalar sets dst to src times scale; they may be the same.
func scaleRowScalar(dst, src []float32, scale float32) {
	for i, v := range src {
		dst[i] = v * scale
	}
}

// subtractScalar takes b off a, element by element.
func subtractScalar(a, b []float32) {
	for i := range a {
		a[i] -= b[i]
	}
}

// ofSoftmaxScalar sets of, the gradient of probabilities, to that of their scores.
func ofSoftmaxScalar(of, probs, away []float32) {
	for i, p := range probs {
		of[i] = p * (of[i] - away[i])
	}
}

// roundScalar rounds x to bfloat16, ties to even, as float32.
func roundScalar(x []float32) {
	for i, v := range x {
		x[i] = math.Float32frombits(uint32(bfloat16Bits(v)) << 16)
	}
}

// transposeScalar sets dst [columns, rows] to src [rows, columns], for the rows from row to end and
// the columns from column on.
func transposeScalar(dst, src []float32, rows, columns, row, end, column int) {
	for c := column; c < columns; c++ {
		for r := row; r < end; r++ {
			dst[c*rows+r] = src[r*columns+c]
		}
	}
}

// largestScalar returns the largest of x, which is not empty, or NaN where one of them is not finite.
func largestScalar(x []float32) float32 {
	top := x[0]
	for _, v := range x {
		top = max(top, v+v*0)
	}
	return top
}

// expRowScalar sets x to e^(x - shift) and returns the sum.
func expRowScalar(x []float32, shift float32) (sum float32) {
	for i, v := range x {
		x[i] = float32(math.Exp(float64(v - shift)))
		sum += x[i]
	}
	return sum
}

// interleaveScalar sets dst to pairs of one number of a and one of b, 16 bits each.
func interleaveScalar(dst []uint32, a, b []uint16) {
	for i := range dst {
		dst[i] = uint32(a[i]) | uint32(b[i])<<16
	}
}
