package op

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/blockwise"
)

// BlockwiseShapes returns the shapes of the tensors that hold n numbers in a format: codes
// [blocks, bytes of a block], uint8, and magnitudes [blocks], float32; where these are quantised
// as well, [groups + 1], and their codes [groups, blocks of a group], uint8.
func BlockwiseShapes(f blockwise.Format, n int) []shapes.Shape {
	all := []shapes.Shape{shapes.Make(dtypes.Uint8, f.Blocks(n), f.BlockBytes())}
	if !f.Double {
		return append(all, shapes.Make(dtypes.Float32, f.Blocks(n)))
	}
	return append(all, shapes.Make(dtypes.Float32, f.Groups(n)+1),
		shapes.Make(dtypes.Uint8, f.Groups(n), blockwise.Group))
}

// Blockwise is a frozen weight [Out, In] that a graph is given block-wise.
type Blockwise struct {
	Format  blockwise.Format
	Out, In int
	Parts   []*Node // of the shapes that BlockwiseShapes names
	// DType is that of products with the weight, Rounded what its numbers are rounded to before.
	DType, Rounded dtypes.DType
}

// Linear returns x·wᵀ in float32, as the function Linear does, and lets the gradient reach x. The
// weight as numbers exists within this product alone, and is made anew for the gradient.
func (w Blockwise) Linear(x *Node) *Node {
	last := x.Rank() - 1
	dims := append([]int{}, x.Shape().Dimensions[:last]...)
	x = Reshape(x, x.Shape().Size()/w.In, w.In)
	var adjoint *Node
	x = IdentityWithCustomGradient(x, func(n, _ *Node) *Node {
		return Convert(Product(adjoint, w.Numbers(adjoint), 1, 0), n.DType())
	})
	input := StopGradient(x)
	y := onPath(StopGradient(Product(Convert(input, w.DType), w.Numbers(input), 1, 1)), x)
	y = IdentityWithCustomGradient(y, func(_, v *Node) *Node {
		adjoint = Convert(v, w.DType)
		return v
	})
	return Reshape(y, append(dims, w.Out)...)
}

// Numbers returns the weight's numbers [Out, In], which cannot be computed before a matrix is
// there. XLA computes what depends on parameters alone once, as early as it likes, and would
// otherwise hold the numbers of all layers at once.
func (w Blockwise) Numbers(after *Node) *Node {
	g, n := after.Graph(), w.Out*w.In
	blocks := w.Format.Blocks(n)
	first := Convert(Reshape(Slice(after, AxisElem(0), AxisElem(0))), dtypes.Float32)
	never := LessThan(Mul(first, first), Scalar(g, dtypes.Float32, -1)) // NaN is not less, either
	parts := make([]*Node, len(w.Parts))
	for i, part := range w.Parts {
		parts[i] = Where(never, ZerosLike(part), part)
	}
	codes, absmax := parts[0], Reshape(w.absmax(parts), blocks, 1, 1)
	var values *Node // [blocks, …, …]
	if w.Format.Code == blockwise.Int8 {
		k := AddScalar(ConvertDType(codes, dtypes.Float32), float64(-blockwise.Zero))
		values = Mul(Reshape(k, blocks, blockwise.Block, 1), MulScalar(absmax, blockwise.Part))
	} else {
		pairs := BroadcastToDims(Reshape(codes, blocks, blockwise.Block/2, 1), blocks, blockwise.Block/2, 2)
		upper := Equal(Iota(g, pairs.Shape(), 2), ZerosLike(pairs))
		code := Where(upper, BitwiseShiftRightLogicalScalar(pairs, uint8(4)),
			BitwiseAnd(pairs, Scalar(g, dtypes.Uint8, uint8(15))))
		values = Mul(choose(code, blockwise.NF4Values[:]), absmax)
	}
	values = Convert(Convert(Reshape(values, blocks*blockwise.Block), w.Rounded), w.DType)
	if n < blocks*blockwise.Block {
		values = Slice(values, AxisRange(0, n))
	}
	return Reshape(values, w.Out, w.In)
}

// absmax returns the largest magnitude of each block [blocks], float32.
func (w Blockwise) absmax(parts []*Node) *Node {
	if !w.Format.Double {
		return parts[1]
	}
	groups := w.Format.Groups(w.Out * w.In)
	largest := Reshape(Slice(parts[1], AxisRange(0, groups)), groups, 1)
	mean := Reshape(Slice(parts[1], AxisElem(groups)))
	index := Reshape(ConvertDType(parts[2], dtypes.Int32), groups, blockwise.Group, 1)
	values := Gather(Const(largest.Graph(), blockwise.DynamicValues[:]), index)
	absmax := Reshape(Add(Mul(values, largest), mean), groups*blockwise.Group)
	return Slice(absmax, AxisRange(0, w.Format.Blocks(w.Out*w.In)))
}

// choose returns values[code] for codes of four bits, uint8: a tree of choices, which vector
// instructions and GPUs make side by side where they would look each value up alone.
func choose(code *Node, values []float32) *Node {
	g := code.Graph()
	level := make([]*Node, len(values))
	for i, v := range values {
		level[i] = Scalar(g, dtypes.Float32, v)
	}
	for bit := uint8(1); len(level) > 1; bit <<= 1 {
		set := NotEqual(BitwiseAnd(code, Scalar(g, dtypes.Uint8, bit)), ZerosLike(code))
		next := make([]*Node, len(level)/2)
		for i := range next {
			next[i] = Where(set, level[2*i+1], level[2*i])
		}
		level = next
	}
	return level[0]
}
