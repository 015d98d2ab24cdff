package op

import . "github.com/gomlx/gomlx/core/graph"

// LowRank returns Linear(x, w) for a w [out, in] that already holds B·A, and lets the
// gradient reach A [r, in] and B [out, r], float32, by products with x and with the
// result's gradient: that of w is never formed, and nothing is kept for it but x.
func LowRank(x, w, A, B *Node) *Node {
	in, out := A.Shape().Dim(1), B.Shape().Dim(0)
	// Nodes made earlier are asked for their gradients later: adjoint and input are
	// known when those of the factors are asked for. An x that depends on nothing that
	// is trained is not asked.
	var adjoint *Node
	input := x
	flat := func(x *Node, width int) *Node { return Reshape(x, x.Shape().Size()/width, width) }
	factorA, factorB := A, B
	A = IdentityWithCustomGradient(A, func(_, _ *Node) *Node {
		inner := Product(flat(adjoint, out), factorB, 1, 0) // [rows, r]
		return Product(inner, flat(input, in), 0, 0)
	})
	B = IdentityWithCustomGradient(B, func(_, _ *Node) *Node {
		inner := Product(flat(input, in), factorA, 1, 1) // [rows, r]
		return Product(flat(adjoint, out), inner, 0, 0)
	})
	x = IdentityWithCustomGradient(x, func(n, v *Node) *Node {
		input = n // computed again when the layer is checkpointed
		return v
	})
	y := onPath(Linear(x, w), A, B)
	return IdentityWithCustomGradient(y, func(_, v *Node) *Node {
		adjoint = v
		return v
	})
}

// onPath returns y, and makes the nodes, which have custom gradients, a part of what
// it is computed from: GoMLX asks no others for their gradients. XLA finds that they
// are never chosen.
func onPath(y *Node, nodes ...*Node) *Node {
	never := Const(y.Graph(), false)
	for _, n := range nodes {
		first := ReduceAllSum(Slice(n, AxisElem(0), AxisElem(0)))
		y = Where(never, BroadcastToDims(Convert(first, y.DType()), y.Shape().Dimensions...), y)
	}
	return y
}
