package trainer

import (
	"iter"

	"stele/engine/model"
)

// batches lays pairs out for the gradient passes of a mini-batch: their indices in
// the order of a batch, and the batch. What GRPO's pairs have in common, a group's
// prompt, is computed once; examples of SFT have nothing in common and are packed.
func (c Config) batches(pairs []model.Pair) iter.Seq2[[]int, *model.Batch] {
	u := c.Update
	u.Packing = u.Packing && c.Algorithm == AlgorithmSFT
	return u.batches(pairs)
}

func (u Update) batches(pairs []model.Pair) iter.Seq2[[]int, *model.Batch] {
	return func(yield func([]int, *model.Batch) bool) {
		if u.Packing {
			for _, p := range model.Pack(pairs, u.MicroTokens) {
				if !yield(p.Indices(), p.Batch(pairs)) {
					return
				}
			}
			return
		}
		for _, g := range model.Plan(pairs, u.MicroTokens) {
			if !yield(g.Indices(), g.Batch(pairs)) {
				return
			}
		}
	}
}
