package host

import (
	"unsafe"

	"github.com/stele-lm/stele/kernels/isa"
)

// form is how a kernel multiplies: what the weights are in memory, and what
// activations are beside them.
type form int

const (
	formF32  form = iota // float32 by float32
	formWide             // bfloat16 weights, widened, by float32
	formBF16             // bfloat16 by bfloat16, summed in float32
	formInt8             // int8 by int16, summed in int32
	formCount
)

// tile is the argument of a kernel, written for gen.go, which knows the offsets.
// Strides are in bytes.
//
// A dot kernel with R rows computes y[i][j] = Σ x[i]·w[j] for R rows of x and
// 4·groups of w.
//
// The other kernels meet matrices in pages. A score kernel computes y[i][s] = Σ x[i][d]·w[d][s],
// groups vectors of slots s of each page, and a mix kernel y[i][c] += Σ x[i][s]·w[s][c],
// groups of 4 vectors of columns c, over all pages. In bfloat16 they take pairs: x[i][d]
// and w[d][s] are two numbers.
type tile struct {
	x   unsafe.Pointer
	ldx uintptr
	w   unsafe.Pointer // of pages, the list of where they are
	ldw uintptr
	// k is the length of a piece and last that of the last one, both in bytes of w; of
	// pages, k is rows of each, in a mix last those of the last page.
	k, last uintptr
	pieces  uintptr
	y       unsafe.Pointer
	ldy     uintptr
	groups  uintptr
	// ahead is from where on, seen from each row of w, memory is fetched for later, and
	// pace how many bytes of it at each step; of pages, how far behind each in the list
	// the one to fetch is.
	ahead uintptr
	add   uintptr // 1 if the first piece is added to y
	// Of int8 products: scales of the rows of x and of w, and their strides from
	// piece to piece.
	xscale unsafe.Pointer
	ldxs   uintptr
	wscale unsafe.Pointer
	ldws   uintptr
	pace   uintptr
	pages  uintptr
	// step is, in a score, how far y moves from page to page, and in a mix where in a page
	// the columns begin.
	step uintptr
}

// kernel is the inner loop of a product; tile says of which.
type kernel = func(*tile)

// tier is what a kind of machine computes with. Kernels are listed by form and by
// rows - 1; a form that the machine lacks has none.
type tier struct {
	rows  int // most rows of a tile
	lanes int // float32 of a vector
	dot   [formCount][]kernel
	score [formCount][]kernel
	mix   [formCount][]kernel
	// stream is dot for one row, where waiting for w is all there is. The outputs are
	// four parts, groups each, and ldw is how far their weights are apart.
	stream [formCount][]kernel
}

// step is what k is a multiple of.
func (t *tier) step(f form) int {
	if f == formBF16 || f == formInt8 {
		return 2 * t.lanes
	}
	return t.lanes
}

// tierFor returns the best tier that multiplies by rows of in weights of a form, or
// nil.
func tierFor(f form, in int) *tier {
	for _, t := range tiers {
		if t.dot[f] != nil && in%t.step(f) == 0 {
			return t
		}
	}
	return nil
}

// Kind is the best of the instructions that products use here, up to AVX512BF16. Kinds
// differ in the last bits of their results.
func Kind() isa.Tier {
	switch {
	case len(tiers) == 0:
		return isa.Scalar
	case tiers[0].lanes == 8:
		return isa.AVX2
	case tiers[0].dot[formBF16] == nil:
		return isa.AVX512
	}
	return isa.AVX512BF16
}
