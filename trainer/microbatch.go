package trainer

import (
	"iter"

	"github.com/stele-lm/stele/engine/model"
)

// batches lays pairs out for the gradient passes of a mini-batch: their indices in
// the order of a batch, and the batch. What GRPO's pairs have in common, a group's
// prompt, is computed once; examples of SFT have nothing in common and may be packed.
func (c Config) batches(pairs []model.Pair) iter.Seq2[[]int, *model.Batch] {
	return func(yield func([]int, *model.Batch) bool) {
		if c.Update.Packing && c.Algorithm == AlgorithmSFT {
			for _, p := range model.Pack(pairs, c.Update.MicroTokens) {
				if !yield(p.Indices(), p.Batch(pairs)) {
					return
				}
			}
			return
		}
		for _, g := range model.Plan(pairs, c.Update.MicroTokens) {
			if !yield(g.Indices(), g.Batch(pairs)) {
				return
			}
		}
	}
}
