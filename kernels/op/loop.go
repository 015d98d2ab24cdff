package op

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
)

// pair is the indices of two blocks that meet in a turn of a loop.
type pair struct{ query, key int }

// turn computes a turn of a loop from the indices of its pair (int32 scalars), from nodes that
// stay as they are and from the state, and returns the next state.
type turn func(query, key *Node, fixed, state []*Node) []*Node

// loop takes the turns of some pairs one after another, and nothing of a turn but the state
// outlives it: a graph holds one turn, however many pairs there are. One pair needs no loop, and its
// turn may begin a state where there is none.
func loop(pairs []pair, fixed, state []*Node, do turn) []*Node {
	g := fixed[0].Graph()
	if len(pairs) == 1 {
		at := func(i int) *Node { return Scalar(g, dtypes.Int32, i) }
		return do(at(pairs[0].query), at(pairs[0].key), fixed, state)
	}
	query, key := make([]int32, len(pairs)), make([]int32, len(pairs))
	for i, p := range pairs {
		query[i], key[i] = int32(p.query), int32(p.key)
	}
	// What a turn reads it is given: a closure's own use of a node outside would still mean that
	// node when a layer is computed again.
	variables := append(append([]*Node{Scalar(g, dtypes.Int32, 0)}, fixed...), state...)
	parameters := func(g *Graph) []*Node {
		all := make([]*Node, len(variables))
		for i, v := range variables {
			all[i] = Parameter(g, fmt.Sprintf("variable%d", i), v.Shape())
		}
		return all
	}
	more := backend.NewClosure(g, func(g *Graph) []*Node {
		return []*Node{LessThan(parameters(g)[0], Scalar(g, dtypes.Int32, len(pairs)))}
	})
	body := backend.NewClosure(g, func(g *Graph) []*Node {
		now := parameters(g)
		fixed, state := now[1:1+len(fixed)], now[1+len(fixed):]
		next := do(slab(Const(g, query), now[0]), slab(Const(g, key), now[0]), fixed, state)
		return append(append([]*Node{AddScalar(now[0], 1)}, fixed...), next...)
	})
	return While(more, body, variables...)[1+len(fixed):]
}

// slab returns element i (an int32 scalar) of the first axis of x, without that axis.
func slab(x, i *Node) *Node {
	dims := x.Shape().Dimensions
	if dims[0] == 1 {
		return Reshape(x, dims[1:]...)
	}
	if !backend.IsXLA(x.Graph()) { // which has no DynamicSlice
		return Gather(x, Reshape(i, 1))
	}
	sizes := append([]int{1}, dims[1:]...)
	return Reshape(DynamicSlice(x, starts(x, i), sizes), dims[1:]...)
}

// setSlab returns x with y as element i of its first axis.
func setSlab(x, i, y *Node) *Node {
	dims := x.Shape().Dimensions
	y = Reshape(y, append([]int{1}, dims[1:]...)...)
	if dims[0] == 1 {
		return y
	}
	if !backend.IsXLA(x.Graph()) { // which has no DynamicUpdateSlice
		index := shapes.Make(dtypes.Int32, dims...)
		return Where(Equal(Iota(x.Graph(), index, 0), i), BroadcastToDims(y, dims...), x)
	}
	return DynamicUpdateSlice(x, y, starts(x, i))
}

// starts returns the indices of element i of the first axis.
func starts(x, i *Node) []*Node {
	all := make([]*Node, x.Rank())
	all[0] = i
	for axis := 1; axis < len(all); axis++ {
		all[axis] = ScalarZero(x.Graph(), dtypes.Int32)
	}
	return all
}
