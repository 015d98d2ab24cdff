package host

import (
	"math"
	"unsafe"
)

// A product is taken over copies of both sides in strips, a piece of K at a time. A strip is some rows
// that lie together, number by number: [k, rows]. The left side's rows meet as many numbers, each in
// all lanes of a vector, and the right side's rows are the lanes, so nothing is summed across them, and
// a row is widened and turned, if it lies transposed, once for all that it is multiplied by.
//
// Numbers are float32, of float32 operands and of bfloat16 ones that must be widened, or pairs of
// bfloat16 numbers, which one instruction multiplies and adds.

// strips are a tier's kernels for that, by format, and the rows of a strip of each side.
type strips struct {
	left, right int
	multiply    [formatCount]stripsKernel
	columns     [formatCount][2]columnsKernel // by side, too
}

// stripsKernel sets a tile of y [left, right], whose rows lie ldy bytes apart, to the product of a
// strip of each side over k numbers, a multiple of 4; where add is 1 it is added.
type stripsKernel = func(y, a, b unsafe.Pointer, k int, ldy, add uintptr)

// columnsKernel makes some strips, lddst bytes apart, of k numbers of a transposed matrix, whose rows
// lie ldsrc bytes apart.
type columnsKernel = func(dst, src unsafe.Pointer, k int, ldsrc uintptr, strips int, lddst uintptr)

const (
	// mostStripPiece numbers make the longest strip: one of the right side stays in the
	// first-level cache.
	mostStripPiece = 320
	// slabRows of each side lie in strips at a time.
	slabRows = 4032
	// A unit of work is a piece of chunkLeft rows, which stay in the second-level cache, by
	// chunkRight, and of fewer where there would be less than unitsEach for a member of the team.
	// All are whole strips of every tier, and so is a slab.
	chunkLeft, chunkRight = 96, 192
	leastLeft, leastRight = 24, 96
	unitsEach             = 8
)

// plainStrips multiplies in plain Go.
var plainStrips = strips{left: 4, right: 8}

// stripsFor returns the best kernels that can run here, and the format of their numbers.
func stripsFor(bfloat16 bool) (*strips, format) {
	switch {
	case len(tiers) == 0 && bfloat16:
		return &plainStrips, formatWide
	case len(tiers) == 0:
		return &plainStrips, formatF32
	case !bfloat16:
		return &tiers[0].strips, formatF32
	case tiers[0].dot[formatBF16] == nil:
		return &tiers[0].strips, formatWide
	}
	return &tiers[0].strips, formatBF16
}

// slab is the strips of some rows of one side of a product, over a piece of K.
type slab struct {
	side    int // 0 left, 1 right
	format  format
	operand Operand
	width   int // rows of a strip
	chunk   int // rows of a unit of work
	K       int // of the operand
	first   int // row
	rows    int
	from, k int // piece of K
	numbers int // of a row of a strip: a multiple of 4, zeroes beyond k
	strips  []float32
}

// units counts the chunks.
func (s *slab) units() int { return (s.rows + s.chunk - 1) / s.chunk }

// divide chooses the chunks of both sides for a team.
func divide(left, right *slab, members int) {
	left.chunk, right.chunk = chunkLeft, chunkRight
	for left.units()*right.units() < unitsEach*members {
		switch {
		case left.chunk > leastLeft:
			left.chunk /= 2
		case right.chunk > leastRight:
			right.chunk /= 2
		default:
			return
		}
	}
}

// strip returns the strip that row i of the slab begins.
func (s *slab) strip(i int) []float32 { return s.strips[i*s.numbers:][:s.width*s.numbers] }

// each returns how many elements of the operand a number is.
func (s *slab) each() int {
	if s.format == formatBF16 {
		return 2
	}
	return 1
}

// prepare gives a slab a piece of K from an element on, and memory for its strips.
func (s *slab) prepare(from, size int, memory *[]float32) {
	s.from, s.k = from, min(size, s.K-from)
	s.numbers = (s.k/s.each() + s.k%s.each() + 3) &^ 3
	*memory = grow(*memory, (s.rows+s.width-1)/s.width*s.width*s.numbers)
	s.strips = *memory
}

// fill makes the strips of a chunk.
func (s *slab) fill(kernels *strips, unit int) {
	lo := unit * s.chunk
	hi := min(lo+s.chunk, s.rows)
	whole, done := lo, 0 // rows up to whole are left to kernels, which make their first numbers
	if kernels.multiply[s.format] != nil {
		whole = lo + (hi-lo)/s.width*s.width
		done = s.k / s.each()
	}
	if s.operand.Transposed {
		if whole > lo && done > 0 {
			kernels.columns[s.format][s.side](unsafe.Pointer(&s.strips[lo*s.numbers]), s.at(lo, 0), done,
				s.bytes(s.operand.Rows), (whole-lo)/s.width, uintptr(s.width*s.numbers)*4)
		}
	} else if done &^= 7; done > 0 {
		turn := stripRows[s.format]
		for i := lo; i < whole; i += 4 {
			dst := s.strip(i / s.width * s.width)[i%s.width:]
			turn(unsafe.Pointer(&dst[0]), s.at(i, 0), done, uintptr(s.width)*4, s.bytes(s.K))
		}
	}
	s.plain(lo, whole, done)
	s.plain(whole, hi, 0)
	for i := hi; i%s.width != 0; i++ { // rows that are not there
		strip := s.strip(i / s.width * s.width)
		for n := range s.numbers {
			strip[n*s.width+i%s.width] = 0
		}
	}
}

// plain makes the numbers of rows lo to hi-1 from number n on.
func (s *slab) plain(lo, hi, n int) {
	for i := lo; i < hi; i++ {
		strip := s.strip(i / s.width * s.width)[i%s.width:]
		for n := n; n < s.numbers; n++ {
			strip[n*s.width] = s.number(i, n)
		}
	}
}

// number returns number n of row i.
func (s *slab) number(i, n int) float32 {
	k := n * s.each()
	if k >= s.k {
		return 0
	}
	if s.format == formatF32 {
		return s.operand.Values[s.index(i, k)]
	}
	bits := uint32(s.operand.Bits[s.index(i, k)])
	if s.format == formatWide {
		return math.Float32frombits(bits << 16)
	}
	if k+1 < s.k {
		bits |= uint32(s.operand.Bits[s.index(i, k+1)]) << 16
	}
	return math.Float32frombits(bits)
}

// index returns where the operand has element k of row i of the slab.
func (s *slab) index(i, k int) int {
	if s.operand.Transposed {
		return (s.from+k)*s.operand.Rows + s.first + i
	}
	return (s.first+i)*s.K + s.from + k
}

// at is index as an address.
func (s *slab) at(i, k int) unsafe.Pointer {
	if s.format == formatF32 {
		return unsafe.Pointer(&s.operand.Values[s.index(i, k)])
	}
	return unsafe.Pointer(&s.operand.Bits[s.index(i, k)])
}

// bytes returns what n elements of the operand take.
func (s *slab) bytes(n int) uintptr {
	if s.format == formatF32 {
		return uintptr(n) * 4
	}
	return uintptr(n) * 2
}

// product computes a chunk of each side.
func (kernels *strips) product(y []float32, ldy int, left, right *slab, i, j int, s *Scratch) {
	n, m := kernels.left, kernels.right
	add, multiply := uintptr(min(left.from, 1)), kernels.multiply[left.format]
	s.panel = grow(s.panel, n*m)
	for column := j * right.chunk; column < min((j+1)*right.chunk, right.rows); column += m {
		b := right.strip(column)
		columns := min(m, right.rows-column)
		for row := i * left.chunk; row < min((i+1)*left.chunk, left.rows); row += n {
			a := left.strip(row)
			rows := min(n, left.rows-row)
			at := y[(left.first+row)*ldy+right.first+column:]
			if multiply != nil && rows == n && columns == m {
				_ = at[(n-1)*ldy+m-1]
				multiply(unsafe.Pointer(&at[0]), unsafe.Pointer(&a[0]), unsafe.Pointer(&b[0]),
					left.numbers, uintptr(ldy)*4, add)
				continue
			}
			if multiply == nil {
				multiplyStripsPlain(s.panel, a, b, n, m)
			} else {
				multiply(unsafe.Pointer(&s.panel[0]), unsafe.Pointer(&a[0]), unsafe.Pointer(&b[0]),
					left.numbers, uintptr(m)*4, 0)
			}
			for r := range rows {
				to, part := at[r*ldy:r*ldy+columns], s.panel[r*m:]
				if add == 0 {
					copy(to, part)
					continue
				}
				for c := range to {
					to[c] += part[c]
				}
			}
		}
	}
}

// multiplyStripsPlain sets y [n, m] to the product of a strip of each side.
func multiplyStripsPlain(y, a, b []float32, n, m int) {
	clear(y)
	for k := range len(a) / n {
		numbers := b[k*m : (k+1)*m]
		for r, v := range a[k*n : (k+1)*n] {
			row := y[r*m : (r+1)*m]
			for c, w := range numbers {
				row[c] += v * w
			}
		}
	}
}
