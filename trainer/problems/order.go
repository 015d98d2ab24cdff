package problems

import (
	"cmp"
	"slices"

	"github.com/stele-lm/stele/internal/splitmix"
)

// Order is the endless sequence of problems that a run takes its steps from: the
// training set epoch after epoch, each time in another order that depends on the
// seed alone, so that a resumed run goes on with the same problems.
type Order struct {
	Problems   []Problem
	Seed       uint64
	Curriculum bool // by level within an epoch

	epoch int // whose permutation is held
	held  []int
}

// Take returns count problems from a position of the sequence, counted from 0.
func (o *Order) Take(position, count int) []Problem {
	chosen := make([]Problem, 0, count)
	for len(chosen) < count {
		epoch, at := position/len(o.Problems), position%len(o.Problems)
		if o.held == nil || o.epoch != epoch {
			o.epoch, o.held = epoch, permutation(len(o.Problems), o.Seed, uint64(epoch))
			if o.Curriculum {
				slices.SortStableFunc(o.held, func(a, b int) int {
					return cmp.Compare(o.Problems[a].Level,
						o.Problems[b].Level)
				})
			}
		}
		take := min(count-len(chosen), len(o.Problems)-at)
		for _, i := range o.held[at : at+take] {
			chosen = append(chosen, o.Problems[i])
		}
		position += take
	}
	return chosen
}

// permutation is a random order of 0..n-1 that depends on (seed, epoch) alone.
func permutation(n int, seed, epoch uint64) []int {
	order := make([]int, n)
	rank := make([]uint64, n)
	for i := range order {
		order[i] = i
		rank[i] = splitmix.Mix(splitmix.Mix(splitmix.Mix(seed)+epoch) + uint64(i))
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(rank[a], rank[b]),
			cmp.Compare(a, b))
	})
	return order
}
