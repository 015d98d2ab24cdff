package host

import (
	"unsafe"

	"github.com/stele-lm/stele/kernels/isa"
)

// format names the dtypes that a kernel multiplies, of the weights and of the activations.
type format int

const (
	formatF32  format = iota // float32 by float32
	formatWide               // bfloat16 weights, widened, by float32
	formatBF16               // bfloat16 by bfloat16, summed in float32
	formatInt8               // int8 by int16, summed in int32
	formatInt4               // 4 bits by int8, see spans.go
	formatW8A8               // 8 bits by int8, likewise
	formatCount
)

// tile is the argument of a kernel; gen.go knows the offsets of its fields. Strides are in
// bytes.
//
// A dot kernel with R rows computes y[i][j] = Σ x[i]·w[j] for R rows of x and
// 4·groups of w.
//
// In spans, groups counts strips, k spans, and x, whose spans lie ldx apart, is rowSpan.
//
// The other kernels multiply by matrices that lie in pages. A score kernel computes
// y[i][s] = Σ x[i][d]·w[d][s] for groups vectors of slots s of each page, and a mix kernel
// y[i][c] += Σ x[i][s]·w[s][c] for groups of 4 vectors of columns c, over all pages. In
// bfloat16 they take pairs: x[i][d] and w[d][s] are two numbers.
//
// An outer kernel computes what dot does of groups of some vectors of rows, which lie ldx apart, and of a tier's outs
// rows of w, over one piece of k bytes: it adds the totals where add is 1, and sets y where pieces, those from
// this one on, is 1, and the totals elsewhere. It fetches pace lines of memory for each lane, from ahead bytes
// after w on.
type tile struct {
	x   unsafe.Pointer
	ldx uintptr
	w   unsafe.Pointer // for pages, the list of their addresses
	ldw uintptr
	// k is the length of a piece and last that of the last one, both in bytes of w. For
	// pages, k counts the rows of each, and in a mix last those of the last page.
	k, last uintptr
	pieces  uintptr
	y       unsafe.Pointer
	ldy     uintptr
	groups  uintptr
	// Memory is fetched for later from ahead bytes after each row of w on, pace bytes at
	// each step. For pages, ahead is the distance in the list, in bytes, from each page to
	// the one to fetch beside it.
	ahead uintptr
	add   uintptr // 1 if the first piece is added to y
	// For int8 products: scales of the rows of x and of w, and their strides from piece to
	// piece.
	xscale unsafe.Pointer
	ldxs   uintptr
	wscale unsafe.Pointer
	ldws   uintptr
	pace   uintptr
	pages  uintptr
	// In a score, y moves by step from page to page; in a mix, step is the offset in a page
	// at which the columns begin.
	step uintptr
	// In an outer kernel, memory for the sums that wait within a piece, and for those of a piece that wait for the
	// next.
	sums, totals unsafe.Pointer
}

// kernel is the inner loop of a product, which a tile describes.
type kernel = func(*tile)

// tier lists the kernels for a width of vectors, by format and by rows - 1. A format that the
// machine lacks has none.
type tier struct {
	rows  int // most rows of a tile, but of spans
	lanes int // float32 of a vector
	dot   [formatCount][]kernel
	score [formatCount][]kernel
	mix   [formatCount][]kernel
	// stream is dot for one row, where waiting for w is all there is. The outputs are divided
	// into four parts of groups outputs each, whose weights begin ldw apart; those in spans into
	// lanes / 4 parts of groups strips each.
	stream [formatCount][]kernel
	// pair is dot for two strips in spans, where there are many rows; none with vectors of 8 lanes.
	pair [formatCount][]kernel
	// outer is dot for many rows, by vectors of rows - 1, and for outs outputs; see outer.go.
	outer    [formatCount][]kernel
	outs     int
	turnRows [formatCount]turnKernel
	strips   strips
	amx      [formatCount]amxKernels // none but with AMX
}

// step returns the number that a row's length must be a multiple of.
func (t *tier) step(f format) int {
	switch f {
	case formatBF16, formatInt8:
		return 2 * t.lanes
	case formatInt4, formatW8A8:
		return 1
	}
	return t.lanes
}

// tierFor returns the best tier that multiplies by rows of in weights of a format, or nil.
func tierFor(f format, in int) *tier {
	for _, t := range tiers {
		if t.dot[f] != nil && in%t.step(f) == 0 {
			return t
		}
	}
	return nil
}

// Vectorised reports whether this machine has what the fast kernels need: AVX2 and
// FMA, in a program built with GOEXPERIMENT=simd.
func Vectorised() bool { return vector }

// Tier returns the best of the instructions that products use here. Products of different tiers
// differ in their last bits, but of int8, w8a8 and int4.
func Tier() isa.Tier {
	switch {
	case len(tiers) == 0:
		return isa.Scalar
	case tiers[0].lanes == 8:
		return isa.AVX2
	case tiers[0].dot[formatBF16] == nil:
		return isa.AVX512
	case tiers[0].amx[formatBF16][0][0] == nil:
		return isa.AVX512BF16
	}
	return isa.AMX
}
