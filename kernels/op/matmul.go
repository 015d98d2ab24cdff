package op

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
)

// Convert changes the dtype of x, or returns x where it has it already.
func Convert(x *Node, dtype dtypes.DType) *Node {
	if x.DType() == dtype {
		return x
	}
	return ConvertDType(x, dtype)
}

// Linear returns x·wᵀ in float32: x [.., in], w [out, in] as Hugging Face stores
// it. The product is taken in w's dtype with float32 results; so is its
// gradient, where GoMLX's own would convert both operands to float32 first and
// run a bfloat16 model's backward pass at the speed of float32. All three are
// Products.
func Linear(x, w *Node) *Node {
	last := x.Rank() - 1
	rows := x.Shape().Size() / x.Shape().Dimensions[last]
	flat := Reshape(x, rows, x.Shape().Dimensions[last])
	y := linear(flat, w)
	dims := append([]int{}, x.Shape().Dimensions[:last]...)
	return Reshape(y, append(dims, w.Shape().Dimensions[0])...)
}

// linear returns x·wᵀ for x [rows, in], with its own gradient.
func linear(x, w *Node) *Node {
	dtype := w.DType()
	// The gradients below replace those of the product, which become dead code.
	// w's node is older than x's, so its gradient is asked for last, when
	// adjoint and input are known.
	var adjoint, input *Node
	w = IdentityWithCustomGradient(w, func(_, _ *Node) *Node {
		return Convert(Product(adjoint, input, 0, 0), dtype) // [out, in]
	})
	x = IdentityWithCustomGradient(x, func(n, _ *Node) *Node {
		input = Convert(n, dtype) // rematerialised when the layer is checkpointed
		return Convert(Product(adjoint, w, 1, 0), n.DType())
	})
	y := Product(Convert(x, dtype), w, 1, 1)
	return IdentityWithCustomGradient(y, func(_, v *Node) *Node {
		adjoint = Convert(v, dtype)
		return v
	})
}

// Product multiplies the matrices a and b, contracting axis ac of a with axis bc of b. The
// result is float32, and host kernels may compute it (see backend.MarkHostProduct). No
// accumulator dtype is asked for: with one, go-xla on a CPU rewrites the whole weight on
// every call.
func Product(a, b *Node, ac, bc int) *Node {
	a, b = multiplicable(a), multiplicable(b)
	dot := Dot(a, b)
	if a.DType() != dtypes.Float32 {
		dot = dot.WithAccumulatorDType(dtypes.InvalidDType).WithOutputDType(dtypes.Float32)
	}
	product := dot.General([]int{ac}, nil, []int{bc}, nil)
	return backend.MarkHostProduct(product, ac, bc)
}

// batchDot contracts axis ac of a with axis bc of b for each element of the
// leading batch axis, with float32 result.
func batchDot(a *Node, ac int, b *Node, bc int) *Node {
	a, b = multiplicable(a), multiplicable(b)
	d := Dot(a, b)
	if a.DType() != dtypes.Float32 {
		d = d.WithAccumulatorDType(dtypes.InvalidDType).WithOutputDType(dtypes.Float32)
	}
	return d.General([]int{ac}, []int{0}, []int{bc}, []int{0})
}

// multiplicable returns a side of a product as its backend multiplies it right. On CPUs that have AVX2 and no
// AVX-512 GoMLX's Go backend gives other numbers altogether for 16 bits, where the last axes are contracted
// (findings/gomlx-bfloat16-product-on-avx2.sh).
func multiplicable(x *Node) *Node {
	if backend.IsXLA(x.Graph()) {
		return x
	}
	return Convert(x, dtypes.Float32)
}
