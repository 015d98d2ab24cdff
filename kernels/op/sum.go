package op

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// sumPiece is the most numbers that Sum adds up one after another.
const sumPiece = 64

// Sum adds up the last axis of x, which stays with length 1: pieces of it, then their
// sums, and so on. The Go backend adds all that a reduction is given into one number of
// its dtype, in which small ones are lost beside the sum so far: a float32 sum of a
// million squares is off by a thousandth, and of 33 million by a sixteenth. XLA adds in
// a tree by itself and makes one reduction of this.
func Sum(x *Node) *Node {
	axis := x.Rank() - 1
	n := x.Shape().Dimensions[axis]
	if n <= sumPiece {
		return ReduceAndKeep(x, ReduceSum, axis)
	}
	slice := func(lo, hi int) *Node {
		spec := make([]SliceAxisSpec, axis+1)
		for i := range spec {
			spec[i] = AxisRange()
		}
		spec[axis] = AxisRange(lo, hi)
		return Slice(x, spec...)
	}
	pieces := n / sumPiece
	whole := x
	if pieces*sumPiece < n {
		whole = slice(0, pieces*sumPiece)
	}
	outer := append([]int{}, x.Shape().Dimensions[:axis]...)
	sums := ReduceSum(Reshape(whole, append(append([]int{}, outer...), pieces, sumPiece)...), axis+1)
	if pieces*sumPiece < n {
		sums = Concatenate([]*Node{sums, ReduceAndKeep(slice(pieces*sumPiece, n), ReduceSum, axis)}, axis)
	}
	return Sum(sums)
}

// SumAll adds up all of x, as Sum does, to a scalar.
func SumAll(x *Node) *Node { return Reshape(Sum(Reshape(x, x.Shape().Size()))) }
