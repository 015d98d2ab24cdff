package op

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
)

// LowRank returns y + scale·(x·Aᵀ)·Bᵀ in float32: y [.., out] is the product of x [.., in] with a weight,
// however that is held, A [r, in], B [out, r] and the scalar scale are float32. Nothing of the weight's size
// is formed, nor in the gradient: those of A, B and x are products with [rows, r] and with y's gradient.
func LowRank(y, x, A, B, scale *Node) *Node {
	in := A.Shape().Dim(1)
	flat := Reshape(x, x.Shape().Size()/in, in)
	inner := Mul(Dot(flat, A).General([]int{1}, nil, []int{1}, nil), scale) // [rows, r]
	outer := Dot(inner, B).General([]int{1}, nil, []int{1}, nil)
	// Without the barrier XLA adds anew wherever the sum is read, and keeps both products for it until
	// the backward pass. go-xla leaves a barrier of one operand out, and so this one has two.
	return OptimizationBarriers(Add(y, Reshape(outer, y.Shape().Dimensions...)), inner)[0]
}

// CompileFactors builds the program that returns the "product" B·A [out, in] of "A" [r, in] and "B" [out, r]:
// what is added to a weight where factors are merged.
func CompileFactors(d *backend.Device, A, B shapes.Shape) (*backend.NamedProgram, error) {
	inputs := backend.Each(backend.Input{Name: "A", Shape: A}, backend.Input{Name: "B", Shape: B})
	return backend.CompileNamed(d, "merge", inputs, []string{"product"}, func(in backend.Nodes) backend.Nodes {
		product := Dot(in.One("B"), in.One("A")).General([]int{1}, nil, []int{0}, nil)
		return backend.Nodes{"product": {product}}
	})
}
