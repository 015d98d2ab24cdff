package op

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/triton"
)

// Row returns x·wᵀ in float32 of one row x [.., in] and w [out, in], as a sum over in and not as a product of
// matrices. XLA for CUDA makes one kernel of the sum and of what x is computed from and what is computed of each
// result, and reads w once, which is all the time that it takes: a product of matrices takes kernels before and
// after it. x is not rounded to the dtype of w. It has no gradient of its own, as Linear has.
func Row(x, w *Node) *Node {
	return sumRow(x, w, nil, func(x, w *Node) *Node { return Mul(x, w) })
}

// RowOnto returns to + Row(x, w), to [.., out] in float32. It goes into the sum: XLA for CUDA makes two kernels of
// a sum and what follows.
func RowOnto(to, x, w *Node) *Node {
	return sumRow(x, w, to, func(x, w *Node) *Node { return Mul(x, w) })
}

// RowAndSquare returns Row(x·scale, w) and the sum of x's squares beside each of its results, of the same shape.
// XLA for CUDA computes both in one kernel, where the squares' sum alone would be one more.
func RowAndSquare(x, scale, w *Node) (product, square *Node) {
	product = Row(Mul(x, Convert(ExpandLeftToRank(scale, x.Rank()), dtypes.Float32)), w)
	// What depends on no weight would be added up once, by itself.
	square = sumRow(x, w, nil, func(x, w *Node) *Node { return Add(Mul(x, x), MulScalar(w, 0)) })
	return product, square
}

// longestSum is how many numbers XLA for CUDA adds up in one kernel.
const longestSum = 8192

// sumRow adds up f of x and w, of the same shape, over the last axis, to what there is, unless that is nil.
func sumRow(x, w, to *Node, f func(x, w *Node) *Node) *Node {
	out, in := w.Shape().Dim(0), w.Shape().Dim(1)
	dims := append([]int{}, x.Shape().Dimensions[:x.Rank()-1]...)
	pieces := 1
	for in%(2*pieces) == 0 && in/pieces > longestSum {
		pieces *= 2
	}
	n := in / pieces
	x = Reshape(Convert(x, dtypes.Float32), 1, in)
	var sum *Node
	for i := range pieces {
		columns := AxisRange(i*n, (i+1)*n)
		y := f(BroadcastToDims(Slice(x, AxisRange(), columns), out, n),
			Convert(Slice(w, AxisRange(), columns), dtypes.Float32))
		if sum == nil {
			sum = y
		} else {
			sum = Add(sum, y)
		}
	}
	if to != nil {
		first := Equal(Iota(w.Graph(), shapes.Make(dtypes.Int32, out, n), 1), Scalar(w.Graph(), dtypes.Int32, 0))
		sum = Add(sum, Where(first, BroadcastToDims(Reshape(to, out, 1), out, n), ZerosLike(sum)))
	}
	return Reshape(ReduceSum(sum, 1), append(dims, out)...)
}

// NormedRow is a row x [.., In], float32, that a norm with scale [In] comes before, and what a kernel multiplies the
// row by then: w [out, In] and a bias [out], or nil. Scale, weight and bias are of one dtype. See triton.RowProduct.
type NormedRow struct {
	X, Scale, Weight, Bias *Node
	Epsilon                float64
}

// HasKernel reports whether the graph calls kernels and has one of these sizes.
func (r NormedRow) HasKernel() bool {
	dtype := r.Weight.DType()
	one := r.Scale.DType() == dtype && (r.Bias == nil || r.Bias.DType() == dtype)
	return one && backend.CallsKernels(r.X.Graph()) && r.product().Check(r.Weight.Shape().Dim(0)) == nil
}

// Gated returns SiLU(g)·u, float32, [.., out/2] of the results g and u that lie one behind the other.
func (r NormedRow) Gated() *Node {
	x := r.X.Shape()
	out := r.Weight.Shape().Dim(0) / 2
	gated := backend.CallKernel(r.product().Gated(out), shapes.Make(dtypes.Float32, out), r.operands()...)
	return Reshape(gated, append(append([]int{}, x.Dimensions[:x.Rank()-1]...), out)...)
}

// Rotated returns queries, which are divided by √E, keys and values one behind the other [(H+2K)·E], queries and keys
// turned by cosines and sines [E/2], float32, in a dtype.
func (r NormedRow) Rotated(h triton.Heads, cos, sin *Node, dtype dtypes.DType) *Node {
	operands := append(r.operands(), Reshape(cos, h.E/2), Reshape(sin, h.E/2))
	return backend.CallKernel(r.product().Rotated(h, elems[dtype]), shapes.Make(dtype, r.Weight.Shape().Dim(0)),
		operands...)
}

func (r NormedRow) operands() []*Node {
	all := []*Node{Reshape(r.X, r.X.Shape().Size()), r.Scale, r.Weight}
	if r.Bias != nil {
		all = append(all, r.Bias)
	}
	return all
}

func (r NormedRow) product() triton.RowProduct {
	return triton.RowProduct{In: r.Weight.Shape().Dim(1), Elem: elems[r.Weight.DType()], Epsilon: r.Epsilon,
		Bias: r.Bias != nil}
}
