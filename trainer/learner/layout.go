package learner

import (
	"iter"

	"github.com/stele-lm/stele/engine/model/dense"
)

// Layout divides the sequences of a mini-batch into gradient passes.
type Layout struct {
	MicroTokens int // tokens of a pass, padding included
	// Packed puts several sequences into a row, none of which sees another. Otherwise
	// sequences in turn that share a prompt, as a group's do, compute it once.
	Packed bool
}

// Batches yields the passes: the indices of their pairs in the order of the batch, and
// the batch. No pair is divided between passes.
func (l Layout) Batches(pairs []dense.Pair) iter.Seq2[[]int, *dense.Batch] {
	return func(yield func([]int, *dense.Batch) bool) {
		if l.Packed {
			for _, p := range dense.Pack(pairs, l.MicroTokens) {
				if !yield(p.Indices(), p.Batch(pairs)) {
					return
				}
			}
			return
		}
		for _, g := range dense.Plan(pairs, l.MicroTokens) {
			if !yield(g.Indices(), g.Batch(pairs)) {
				return
			}
		}
	}
}
