package sampler

import (
	"math"
	"math/bits"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
)

// Filters keep what is above a threshold, which is found by its bits without sorting: the bits of a
// positive float32 grow with it. Shapes are those of DrawGraph.

// mostThresholds is how many thresholds a pass over the logits tries on a GPU, those of all draws together:
// with so many a pass takes about as long as beginning its kernels.
const mostThresholds = 2048

// passBits is how many bits of a threshold a pass finds: on a GPU many, as each pass is two kernels, elsewhere,
// where it takes as long as there are thresholds, one.
func passBits(g *Graph, N int) int {
	if !backend.IsCUDA(g) {
		return 1
	}
	return min(max(bits.Len(uint(mostThresholds/N))-1, 2), 10)
}

// search returns for each draw [N, 1] the largest of low_N1 + 0 … low_N1 + 2^width - 1 that fits, int32 or
// int64: the lowest does, and of the others those up to some number. fits says of candidates [N, K] which do.
func search(low_N1 *Node, width int, fits func(candidates_NK *Node) *Node) *Node {
	g, dtype := low_N1.Graph(), low_N1.DType()
	N := low_N1.Shape().Dim(0)
	for most := passBits(g, N); width > 0; {
		digit := min(most, width)
		width -= digit
		unit := Scalar(g, dtype, int64(1)<<width)
		steps := make([]int64, 1<<digit-1)
		for i := range steps {
			steps[i] = int64(i+1) << width
		}
		fit_NK := fits(Add(low_N1, ConvertDType(Const(g, [][]int64{steps}), dtype)))
		// What is added to the sum goes into it: XLA for CUDA makes two kernels of a sum and what follows.
		first := Equal(Iota(g, shapes.Make(dtypes.Int32, fit_NK.Shape().Dimensions...), 1), Scalar(g, dtypes.Int32, 0))
		all := BroadcastToDims(low_N1, fit_NK.Shape().Dimensions...)
		zero := ZerosLike(all)
		found := Add(Where(fit_NK, BroadcastToDims(unit, all.Shape().Dimensions...), zero), Where(first, all, zero))
		low_N1 = ReduceAndKeep(found, ReduceSum, 1)
	}
	return low_N1
}

// pieces is how many numbers of a row are added up by one thread on a GPU before threads add theirs: the
// fewer numbers that leaves are one kernel and not two.
const pieces = 16

// overTokens adds up f of tokens and thresholds, of the same shape, over the tokens of x [N, V] for each of the
// thresholds t [N, K]: a few in the dtype of f, their sums in another.
func overTokens(x_NV, t_NK *Node, total dtypes.DType, f func(x, t *Node) *Node) *Node {
	N, V, K := x_NV.Shape().Dim(0), x_NV.Shape().Dim(1), t_NK.Shape().Dim(1)
	if !backend.IsCUDA(x_NV.Graph()) {
		x := BroadcastToDims(Reshape(x_NV, N, 1, V/block, block), N, K, V/block, block)
		t := BroadcastToDims(Reshape(t_NK, N, K, 1, 1), N, K, V/block, block)
		return ReduceSum(ConvertDType(ReduceSum(f(x, t), 3), total), 2)
	}
	P := V / pieces
	t := BroadcastToDims(Reshape(t_NK, N, K, 1), N, K, P)
	var sum *Node
	for i := range pieces {
		x := Reshape(Slice(x_NV, AxisRange(), AxisRange(i*P, (i+1)*P)), N, 1, P)
		if y := f(BroadcastToDims(x, N, K, P), t); sum == nil {
			sum = y
		} else {
			sum = Add(sum, y)
		}
	}
	return ReduceSum(ConvertDType(sum, total), 2)
}

// largest sets the weights of all but the topK_N1 tokens of the largest logits z_NV, and of those that equal the
// last of them, to zero. A topK of 0 leaves all.
func largest(w_NV, z_NV, topK_N1 *Node) *Node {
	g, N := w_NV.Graph(), w_NV.Shape().Dim(0)
	f32, i32 := dtypes.Float32, dtypes.Int32
	k_N1 := ConvertDType(topK_N1, dtypes.Int64)
	// Floats as integers in their order, from -Inf to what is NaN, which nothing reaches.
	infinity := int64(math.Float32bits(float32(math.Inf(1))))
	float := func(key *Node) *Node {
		b := ConvertDType(MinScalar(key, infinity+1), i32)
		negative := BitwiseXor(b, Scalar(g, i32, math.MaxInt32))
		return Bitcast(Where(LessThan(b, ZerosLike(b)), negative, b), f32)
	}
	low_N1 := BroadcastToDims(Scalar(g, dtypes.Int64, -infinity-1), N, 1)
	floor_N1 := float(search(low_N1, 32, func(key_NK *Node) *Node {
		count_NK := overTokens(z_NV, float(key_NK), dtypes.Int64, func(z, t *Node) *Node {
			return ConvertDType(GreaterOrEqual(z, t), i32)
		})
		return GreaterOrEqual(count_NK, k_N1)
	}))
	all_NV := BroadcastToDims(Equal(k_N1, ZerosLike(k_N1)), w_NV.Shape().Dimensions...)
	return Where(LogicalOr(GreaterOrEqual(z_NV, floor_N1), all_NV), w_NV, ZerosLike(w_NV))
}

// nucleus is what top-p and min-p keep: the tokens above a threshold, and of those that equal it, ties, the
// first by id.
type nucleus struct {
	w_NV     *Node // weights, 0 below the threshold
	total_N1 *Node // weight of all that the filters were given; float64
	// sums_NC are those of the blocks, float64, where a kernel has set the ties that go to zero as well; nil
	// elsewhere, where the rest says which do.
	sums_NC      *Node
	threshold_N1 *Node // float32; -1 where top-p is off
	above_NC     *Node // weights of the blocks without ties; float64
	tied_NC      *Node // ties of each block, int32
	before_NC    *Node // ties in earlier blocks
	keep_N1      *Node // ties that stay
}

// filtered finds what top-p, which leaves out a tail, and min-p, float32, keep of weights that top-k has left.
func filtered(w_NV, tail_N1, minP_N1 *Node) *nucleus {
	g, N := w_NV.Graph(), w_NV.Shape().Dim(0)
	C := w_NV.Shape().Dim(1) / block
	f32, f64, i32 := dtypes.Float32, dtypes.Float64, dtypes.Int32
	n := &nucleus{}

	// The largest threshold below which there is no more than the tail. The likeliest token, of weight 1, is
	// never below it.
	one := math.Float32bits(1)
	var limit_N1, gone_N1 *Node // what may go, and goes below the threshold
	low_N1 := search(BroadcastToDims(Scalar(g, i32, 0), N, 1), bits.Len32(one), func(bits_NK *Node) *Node {
		t_NK, K := Bitcast(bits_NK, f32), bits_NK.Shape().Dim(1)
		if gone_N1 == nil { // the first pass adds up all as well
			t_NK = Concatenate([]*Node{t_NK, BroadcastToDims(Scalar(g, f32, math.Inf(1)), N, 1)}, 1)
		}
		mass_NK := overTokens(w_NV, t_NK, f64, func(w, t *Node) *Node {
			return Where(GreaterOrEqual(w, t), ZerosLike(w), w) // NaN is added
		})
		if gone_N1 == nil {
			n.total_N1 = Slice(mass_NK, AxisRange(), AxisRange(K))
			limit_N1 = Mul(tail_N1, n.total_N1)
			gone_N1 = ZerosLike(n.total_N1)
			mass_NK = Slice(mass_NK, AxisRange(), AxisRange(0, K))
		}
		fit_NK := LessOrEqual(mass_NK, limit_N1)
		gone_N1 = Max(gone_N1, ReduceAndKeep(Where(fit_NK, mass_NK, ZerosLike(mass_NK)), ReduceMax, 1))
		return fit_NK
	})
	// With top-p off nothing is below the threshold and nothing equals it.
	n.threshold_N1 = Where(Equal(tail_N1, ZerosLike(tail_N1)), BroadcastToDims(Scalar(g, f32, -1), N, 1),
		Bitcast(MinScalar(low_N1, int32(one)), f32))
	floor_N1 := Max(n.threshold_N1, minP_N1) // min-p comes after top-p
	n.w_NV = Where(GreaterOrEqual(w_NV, floor_N1), w_NV, ZerosLike(w_NV))

	// Of the ties those go that are left for the tail, the last by id, but for one.
	tie_NV := Equal(n.w_NV, n.threshold_N1)
	above_NV := Where(tie_NV, ZerosLike(n.w_NV), n.w_NV)
	n.above_NC = ReduceSum(ConvertDType(Reshape(above_NV, N, C, block), f64), 2)
	n.tied_NC = ReduceSum(Reshape(ConvertDType(tie_NV, i32), N, C, block), 2)
	before := before(n.tied_NC) // [N, C+1]
	n.before_NC = Slice(before, AxisRange(), AxisRange(0, C))
	ties_N1 := Slice(before, AxisRange(), AxisRange(C))
	weight_N1 := MaxScalar(ConvertDType(n.threshold_N1, f64), 1e-300)
	room_N1 := MinScalar(Div(Sub(limit_N1, gone_N1), weight_N1), 1e9)
	go_N1 := Min(ConvertDType(Floor(room_N1), i32), AddScalar(ties_N1, int32(-1)))
	n.keep_N1 = Sub(ties_N1, MaxScalar(go_N1, int32(0)))
	return n
}

// before returns the sums of the elements before each of x [N, M], and of all: [N, M+1].
func before(x_NM *Node) *Node {
	g, N, M := x_NM.Graph(), x_NM.Shape().Dim(0), x_NM.Shape().Dim(1)
	index := shapes.Make(dtypes.Int32, N, M+1, M)
	x := BroadcastToDims(Reshape(x_NM, N, 1, M), index.Dimensions...)
	return ReduceSum(Where(LessThan(Iota(g, index, 2), Iota(g, index, 1)), x, ZerosLike(x)), 2)
}

// sums returns the weights of the blocks [N, C], float64, with the ties that stay.
func (n *nucleus) sums() *Node {
	if n.sums_NC != nil {
		return n.sums_NC
	}
	stay_NC := Max(Min(Sub(n.keep_N1, n.before_NC), n.tied_NC), ZerosLike(n.tied_NC))
	weight_N1 := MaxScalar(ConvertDType(n.threshold_N1, dtypes.Float64), 0)
	return Add(n.above_NC, Mul(ConvertDType(stay_NC, dtypes.Float64), weight_N1))
}

// cut sets the weights of the ties that go to zero among those of a block w_NL, at which is its row and number.
func (n *nucleus) cut(w_NL, at *Node) *Node {
	if n.sums_NC != nil {
		return w_NL
	}
	N, C := n.before_NC.Shape().Dim(0), n.before_NC.Shape().Dim(1)
	first_N1 := Reshape(Gather(Reshape(n.before_NC, N, C, 1), at), N, 1)
	tie_NL := Equal(w_NL, n.threshold_N1)
	inBlock_NL := Slice(before(ConvertDType(tie_NL, dtypes.Int32)), AxisRange(), AxisRange(0, block))
	goes_NL := LogicalAnd(tie_NL, GreaterOrEqual(Add(first_N1, inBlock_NL), n.keep_N1))
	return Where(goes_NL, ZerosLike(w_NL), w_NL)
}
