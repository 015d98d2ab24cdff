package host

import "unsafe"

// Many rows are multiplied with a lane for each row: a number of a weight meets as many rows as a vector has
// lanes, which were turned once a product (Rows.turn). Nothing is summed across lanes, and weights are still read
// where they are, number by number.
//
// A row's result has to be that of a dot kernel, bit for bit, which sums in lanes along the inner dimension and
// then the lanes, in the order of a tree. So a piece of the inner dimension is gone over lane by lane: for the
// first lane's sum what is every 16th number (with vectors of 16), then for the second's. The lanes' sums are
// added as the tree says; that takes an addition for each of them beside some tens of products.

// turnKernel makes a vector of rows for an outer kernel, whose lanes lie lddst bytes apart, of some steps of rows
// that lie ldsrc bytes apart.
type turnKernel = func(dst, src unsafe.Pointer, steps int, lddst, ldsrc uintptr)

const (
	// From outerRows rows on they are multiplied so.
	outerRows = 32
	// A part of rows is a multiple of partRows, whatever the lanes of a tier.
	partRows = 16
	// outerBytes of x at a time meet the weights: they stay in the second-level cache.
	outerBytes = 448 << 10
	// outerSums is the numbers that wait in an outer kernel: of 24 vectors of 16 lanes on four levels.
	outerSums = 4 * 24 * 16
)

// outerRows returns how many of n rows outer kernels multiply by m. The others are left to dot kernels.
func (m *Matrix) outerRows(n int) int {
	if n < outerRows || m.tier == nil || m.tier.outer[m.format] == nil || m.Out%m.tier.outs != 0 || m.amx(n) != nil {
		return 0
	}
	return n / m.tier.lanes * m.tier.lanes
}

// growLanes makes room for the rows that turn turns for products with m.
func (x *Rows) growLanes(m *Matrix) {
	x.rowWords = x.D / m.format.perWord()
	x.words = grow(x.words, x.inLanes*x.rowWords)
}

// Parts returns into how many parts rows are best divided for what several products make of each: they stay in
// the second-level cache then.
func (x *Rows) Parts() int {
	return max(1, min((x.inLanes*x.rowWords*4+outerBytes-1)/outerBytes, x.inLanes/partRows))
}

// Part returns one of some parts of the rows, and which row it begins with.
func (x *Rows) Part(i, parts int) (part Rows, from int) {
	part = *x
	if parts == 1 {
		return part, 0
	}
	first, end := rangeOf(x.inLanes/partRows, i, parts)
	from, end = first*partRows, end*partRows
	if i+1 == parts {
		end = x.N
	}
	part.N, part.inLanes, part.words = end-from, min(end, x.inLanes)-from, x.words[from*x.rowWords:]
	if x.first > 0 {
		part.first = x.first - from
	} else {
		part.Values = x.Values[from*x.D:]
	}
	return part, from
}

// perWord returns how many numbers of a format are a word of 32 bits.
func (f format) perWord() int {
	if f == formatBF16 {
		return 2
	}
	return 1
}

// turn turns a vector of rows, those from row i on, to where outer kernels read them: of each vector piece by
// piece, lane by lane in the order of the tree, and number by number. values has the columns from lo on, ld numbers
// to a row.
func (x *Rows) turn(m *Matrix, i int, values []float32, ld, lo, columns int) {
	lanes, each := m.tier.lanes, m.format.perWord()
	_ = values[(lanes-1)*ld+columns-1]
	for at, end := lo, lo+columns; at < end; {
		piece := at / m.piece() * m.piece()
		size := min(m.piece(), m.In-piece)
		n := min(end, piece+size) - at
		first := (i*m.In+piece*lanes)/each + (at-piece)/each // of the words
		m.tier.turnRows[m.format](unsafe.Pointer(&x.words[first]), unsafe.Pointer(&values[at-lo]), n/each/lanes,
			uintptr(size/each)*4, uintptr(ld)*4)
		at += n
	}
}

// outerTiles divides vectors of rows into tiles of one, two and three: of three as far as none is left with one.
func outerTiles(vectors int) (of [3]int) {
	if of[2] = vectors / 3; vectors%3 == 1 && vectors > 1 {
		of[2]--
	}
	rest := vectors - 3*of[2]
	of[1], of[0] = rest/2, rest%2
	return of
}

// outer computes outputs lo to hi of the rows that are turned. While some of them, which stay in the second-level
// cache, meet a tile's outputs, it fetches the weights of the next.
func (m *Matrix) outer(x *Rows, y []float32, ldy, lo, hi int, s *Scratch) {
	lanes, outs, kernels := m.tier.lanes, m.tier.outs, m.tier.outer[m.format]
	_ = y[(x.inLanes-1)*ldy+hi-1]
	size := m.piece()
	pieces := (m.In + size - 1) / size
	_, ldw := m.address(lo, 0)
	vector := int(ldw) * lanes // bytes
	vectors := x.inLanes / lanes
	parts := (vectors + max(3, outerBytes/vector) - 1) / max(3, outerBytes/vector)
	s.sums = grow(s.sums, outerSums+(vectors/parts+1)*outs*lanes)
	for part := range parts {
		first, end := rangeOf(vectors, part, parts)
		of := outerTiles(end - first)
		visits := lanes * pieces * (of[0] + of[1] + of[2]) // of lanes
		pace := (outs*int(ldw)/lineBytes + visits - 1) / visits
		for o := lo; o < hi; o += outs {
			w, _ := m.address(o, 0)
			ahead := outs * int(ldw)
			for p, from := 0, 0; from < m.In; p, from = p+1, from+size {
				before, k := from*int(ldw)/m.In, min(size, m.In-from)*int(ldw)/m.In // bytes
				t, at := &s.tile, first
				*t = tile{
					w: unsafe.Add(w, before), ldw: ldw, k: uintptr(k), pieces: uintptr(pieces - p),
					add: uintptr(min(p, 1)), ldx: uintptr(vector), ldy: uintptr(ldy) * 4, pace: uintptr(pace),
					sums: unsafe.Pointer(&s.sums[0]),
				}
				for v := len(of) - 1; v >= 0; v-- {
					if of[v] == 0 {
						continue
					}
					t.x = unsafe.Add(unsafe.Pointer(&x.words[at*vector/4]), before*lanes)
					t.y = unsafe.Pointer(&y[at*lanes*ldy+o])
					t.totals = unsafe.Pointer(&s.sums[outerSums+(at-first)*outs*lanes])
					t.groups, t.ahead = uintptr(of[v]), uintptr(ahead-before)
					kernels[v](t)
					at += of[v] * (v + 1)
					ahead += pace * lineBytes * lanes * of[v]
				}
			}
		}
	}
}
