package op

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// CodeBlock is the length of a block: the numbers that share a scale in an 8-bit block code.
const CodeBlock = 256

// BlockCode is an 8-bit code of float32 tensors: each block of CodeBlock numbers, in
// row-major order, is divided by its largest magnitude, and what is left is rounded
// to the nearest of 256 values. The values are those of the dynamic code of
// Dettmers et al., "8-bit Optimizers via Block-wise Quantization" (2022), as
// bitsandbytes' create_dynamic_map has them: seven decades below 1, each divided
// into twice as many equal parts as the one below, whose middles are values; besides
// them 0 and 1. A byte is the index of its value among all of them, in ascending order.
type BlockCode struct {
	// Signed numbers have half the values on either side of 0.
	Signed bool
}

const decades = 7

// parts counts the parts of decade i on one side of zero. Decade 0 begins at
// 10^-7, decade 6 ends at 1.
func (c BlockCode) parts(i int) float64 {
	if c.Signed {
		return float64(int(1) << i)
	}
	return float64(int(2) << i)
}

// value returns the middle of part k of decade i.
func (c BlockCode) value(i int, k float64) float64 {
	return math.Pow10(i+1-decades) * (0.1 + 0.9*(k+0.5)/c.parts(i))
}

// first returns the number of decade i's first value: values above zero are counted from 1.
func (c BlockCode) first(i int) float64 { return 1 + c.parts(i) - c.parts(0) }

// one returns the number of the value 1.
func (c BlockCode) one() float64 { return c.first(decades) }

// zero returns the byte of 0.
func (c BlockCode) zero() float64 { return 255 - c.one() }

// Blocks returns the number of blocks that n numbers make.
func (c BlockCode) Blocks(n int) int { return (n + CodeBlock - 1) / CodeBlock }

// Shapes returns the shapes of the two tensors that hold n numbers: codes [blocks,
// CodeBlock], uint8, and scales [blocks, 1], float32.
func (c BlockCode) Shapes(n int) (codes, scales shapes.Shape) {
	return shapes.Make(dtypes.Uint8, c.Blocks(n), CodeBlock), shapes.Make(dtypes.Float32, c.Blocks(n), 1)
}

// Encode returns the codes and scales of x, float32 of any shape.
func (c BlockCode) Encode(x *Node) (codes, scales *Node) {
	n := x.Shape().Size()
	x = Reshape(x, n)
	if rest := c.Blocks(n)*CodeBlock - n; rest > 0 {
		x = Concatenate([]*Node{x, Zeros(x.Graph(), shapes.Make(dtypes.Float32, rest))}, 0)
	}
	x = Reshape(x, c.Blocks(n), CodeBlock)
	scales = ReduceAndKeep(Abs(x), ReduceMax, -1)
	x = Div(x, Where(GreaterThan(scales, ZerosLike(scales)), scales, OnesLike(scales)))
	size := Abs(x)

	// Neighbouring values meet halfway, also where decades do.
	edges := make([]float64, decades)
	below := 0.0
	for i := range edges {
		edges[i] = (below + c.value(i, 0)) / 2
		below = c.value(i, c.parts(i)-1)
	}
	decade := func(f func(i int) float64) *Node { return staircase(size, 0, edges, f) }
	part := Floor(Sub( // of the decade, whose lower end is 1/9 of its length above 0
		Mul(size, decade(func(i int) float64 { return math.Pow10(decades-1-i) * c.parts(i) / 0.9 })),
		decade(func(i int) float64 { return c.parts(i) / 9 })))
	part = Max(Min(part, decade(func(i int) float64 { return c.parts(i) - 1 })), ZerosLike(part))
	number := Add(part, decade(c.first))
	if c.Signed { // -1 is not among the values
		number = Where(LessThan(x, ZerosLike(x)), Neg(number), number)
	}
	scalar := func(value float64) *Node { return Scalar(x.Graph(), dtypes.Float32, value) }
	number = Where(GreaterThan(x, scalar((below+1)/2)), scalar(c.one()), number)
	return ConvertDType(AddScalar(number, c.zero()), dtypes.Uint8), scales
}

// Decode returns the numbers of codes and scales, float32, as a tensor of the given
// dimensions.
func (c BlockCode) Decode(codes, scales *Node, dims ...int) *Node {
	number := AddScalar(ConvertDType(codes, dtypes.Float32), -c.zero())
	count := Abs(number)
	edges := make([]float64, decades+1)
	for i := range edges {
		edges[i] = c.first(i) - 0.5
	}
	decade := func(one float64, f func(i int) float64) *Node {
		return staircase(count, 0, edges, func(i int) float64 {
			if i == decades {
				return one
			}
			return f(i)
		})
	}
	part := Sub(count, decade(c.one(), c.first))
	size := Add(Mul(part, decade(0, func(i int) float64 { return c.value(i, 1) - c.value(i, 0) })),
		decade(1, func(i int) float64 { return c.value(i, 0) }))
	n := shapes.Make(dtypes.Float32, dims...).Size()
	x := Reshape(Mul(Mul(size, Sign(number)), scales), c.Blocks(n)*CodeBlock)
	return Reshape(Slice(x, AxisRange(0, n)), dims...)
}

// staircase returns f(i) for the last of the ascending edges that x is above, and first
// below all of them.
func staircase(x *Node, first float64, edges []float64, f func(i int) float64) *Node {
	g := x.Graph()
	y := Scalar(g, x.DType(), first)
	for i, edge := range edges {
		y = Where(GreaterThan(x, Scalar(g, x.DType(), edge)), Scalar(g, x.DType(), f(i)), y)
	}
	return y
}
