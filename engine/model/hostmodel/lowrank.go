package hostmodel

import (
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/kernels/host"
)

// lowRank is the factors of a product and what they make of a step's rows.
type lowRank struct {
	model.HostFactors
	columns []float32 // of B: its transpose [Rank, out]
	inner   []float32 // Scale·x·Aᵀ [N, Rank]
}

// newLowRank prepares factors of a weight of so many outputs.
func newLowRank(f model.HostFactors, out int) *lowRank {
	l := &lowRank{HostFactors: f, columns: make([]float32, len(f.B))}
	for o := range out {
		for k, v := range f.B[o*f.Rank : (o+1)*f.Rank] {
			l.columns[k*out+o] = v
		}
	}
	return l
}

// innerRows is how many rows a member takes at a time in a product with A.
const innerRows = 8

// multiplyInner computes Scale·x·Aᵀ of the rows for each product of a loop that has factors. Like every
// sum here, that of a number has one order, whatever rows are beside it.
func (h *Model) multiplyInner(l *loop) {
	h.now.adapted = h.now.adapted[:0]
	for i := range l.products {
		if low := l.products[i].low; low != nil {
			low.inner = sized(low.inner, h.now.N*low.Rank)
			h.now.adapted = append(h.now.adapted, low)
		}
	}
	if n := len(h.now.adapted); n > 0 {
		h.team.Run(n*((h.now.N+innerRows-1)/innerRows), h.bodies.inner)
	}
}

// innerUnit computes some rows of a product with A.
func (h *Model) innerUnit(unit, member int) {
	low, rows := h.now.adapted[unit%len(h.now.adapted)], &h.lowRows[member]
	from := unit / len(h.now.adapted) * innerRows
	to := min(from+innerRows, h.now.N)
	D := low.A.In
	rows.N, rows.D, rows.Values = to-from, D, h.rows.Values[from*D:to*D]
	inner := low.inner[from*low.Rank : to*low.Rank]
	low.A.Product(rows, inner, low.Rank, 0, low.A.Blocks(), &h.scratch[member])
	for i := range inner {
		inner[i] *= low.Scale
	}
}

// addLowRank adds what a product's factors make of the rows to outputs lo to hi of its y, whose rows are
// so wide.
func (h *Model) addLowRank(p *product, y []float32, width, lo, hi int) {
	low := p.low
	if low == nil {
		return
	}
	const together = 128 // outputs, whose columns of B stay in the cache for all rows
	for ; lo < hi; lo += together {
		end := min(lo+together, hi)
		for row := range h.now.N {
			host.AddRows(y[row*width+lo:row*width+end], low.inner[row*low.Rank:(row+1)*low.Rank], low.columns[lo:],
				p.m.Out)
		}
	}
}
