package hostmodel

import (
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/kernels/host"
)

// lowRank is the factors of a product and what they make of a step's rows.
type lowRank struct {
	model.HostFactors
	inner []float32 // Scale·x·Aᵀ [N, Rank]
	rows  host.Rows // of inner
}

// lowRankScratch is the private memory of a member of the team for products with factors.
type lowRankScratch struct {
	rows host.Rows
	b    host.Matrix // the rows of B that are multiplied by
	sums []float32
}

// innerRows is how many rows a member takes at a time in a product with A.
const innerRows = 8

// multiplyInner computes Scale·x·Aᵀ of the rows for each product of a loop that has factors. Like every
// sum here, that of a number has one order, whatever rows are beside it.
func (h *Model) multiplyInner(l *loop) {
	h.now.adapted = h.now.adapted[:0]
	for i := range l.products {
		if low := l.products[i].low; low != nil {
			n := h.now.N * low.Rank
			low.inner = sized(low.inner, n)
			low.rows.N, low.rows.D, low.rows.Values = h.now.N, low.Rank, low.inner
			h.now.adapted = append(h.now.adapted, low)
		}
	}
	if n := len(h.now.adapted); n > 0 {
		h.team.Run(n*((h.now.N+innerRows-1)/innerRows), h.bodies.inner)
	}
}

// innerUnit computes some rows of a product with A.
func (h *Model) innerUnit(unit, member int) {
	low, s := h.now.adapted[unit%len(h.now.adapted)], &h.lowRank[member]
	from := unit / len(h.now.adapted) * innerRows
	to := min(from+innerRows, h.now.N)
	D := low.A.In
	s.rows.N, s.rows.D, s.rows.Values = to-from, D, h.rows.Values[from*D:to*D]
	inner := low.inner[from*low.Rank : to*low.Rank]
	low.A.Product(&s.rows, inner, low.Rank, 0, low.A.Blocks(), &h.scratch[member])
	for i := range inner {
		inner[i] *= low.Scale
	}
}

// addLowRank adds what a product's factors make of the rows to outputs lo to hi of its y, whose rows are
// so wide.
func (h *Model) addLowRank(p *product, y []float32, width, lo, hi, member int) {
	low, s := p.low, &h.lowRank[member]
	if low == nil {
		return
	}
	const together = 512 // outputs, so that their sums stay in the cache
	for ; lo < hi; lo += together {
		n := min(together, hi-lo)
		s.b = host.Float32Matrix(low.B[lo*low.Rank:(lo+n)*low.Rank], n, low.Rank)
		s.sums = sized(s.sums, h.now.N*n)
		s.b.Product(&low.rows, s.sums, n, 0, s.b.Blocks(), &h.scratch[member])
		for row := range h.now.N {
			host.Add(y[row*width+lo:row*width+lo+n], s.sums[row*n:(row+1)*n])
		}
	}
}
