package sampler

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/internal/splitmix"
	"github.com/stele-lm/stele/kernels/backend"
)

// DrawGraph is graph code that draws a token from each row of logits [N, Vocab], float32, with
// the parameters and random numbers of draws [N, DrawInts] (see Draw.Pack; their Row is not
// looked at). The result [N, 2], int32, is for Unpack.
//
// A GPU takes longer to begin a kernel than to read a row, so what is summed up is summed up once:
// greedy draws are races too, and a threshold is searched for in few passes (see search).
//
// Legend of shapes: N draws, V tokens padded to whole blocks, C blocks, L tokens of a
// block, K thresholds.
func DrawGraph(logits, draws *Node, filtering Filtering) *Node {
	g, N, vocab := logits.Graph(), logits.Shape().Dim(0), logits.Shape().Dim(1)
	C := blocks(vocab)
	f32, f64, i32 := dtypes.Float32, dtypes.Float64, dtypes.Int32
	half := func(i int, dtype dtypes.DType) *Node { return Bitcast(Slice(draws, AxisRange(), AxisElem(i)), dtype) }
	word := func(w int) *Node { // [N, 1]
		wide := func(i int) *Node { return ConvertDType(half(i, dtypes.Uint32), dtypes.Uint64) }
		return BitwiseOr(wide(2*w), BitwiseShiftLeftScalar(wide(2*w+1), uint64(32)))
	}
	float := func(w int) *Node { return Bitcast(word(w), f64) }

	z_NV := logits
	if pad := C*block - vocab; pad > 0 {
		z_NV = Concatenate([]*Node{z_NV, BroadcastToDims(Scalar(g, f32, math.Inf(-1)), N, pad)}, 1)
	}
	blocked := func(x *Node) *Node { return Reshape(x, N, C, block) }
	top_NC := apart(ReduceMax(blocked(z_NV), 2))
	top_N1 := ReduceAndKeep(top_NC, ReduceMax, 1)
	temperature_N1 := float(wordTemperature) // 0 where no draw is asked for, whose result is not read
	x_NV := Mul(Sub(z_NV, top_N1), half(2*wordScale, f32))
	// The smallest normal number has this logarithm. The comparison lets NaN through.
	w_NV := Where(LessThan(x_NV, Scalar(g, f32, -126*math.Ln2)), ZerosLike(x_NV), Exp(x_NV))

	var sums_NC, sum_N1 *Node
	var kept *nucleus
	if filtering.Filters {
		kept = byKernels(w_NV, z_NV, draws, filtering.TopK)
	}
	if kept == nil && (!filtering.Filters || filtering.TopK) {
		sums_NC = apart(ReduceSum(ConvertDType(blocked(w_NV), f64), 2))
		sum_N1 = ReduceAndKeep(sums_NC, ReduceSum, 1)
	}
	if filtering.Filters {
		if kept == nil {
			if filtering.TopK {
				w_NV = largest(w_NV, z_NV, word(wordTopK))
			}
			kept = filtered(w_NV, float(wordTail), half(2*wordLimits+1, f32))
		}
		w_NV, sums_NC = kept.w_NV, kept.sums()
		if sum_N1 == nil {
			sum_N1 = kept.total_N1
		}
	}

	// Two races, between blocks and between the tokens of the one that won. Where a draw is greedy the
	// first that has the largest logit wins both.
	greedy_N1, noise_N1 := NotEqual(word(wordGreedy), ZerosLike(word(wordGreedy))), word(wordNoise)
	race := func(steps, weight, logit *Node) *Node { // steps: ids of the runners in steps of the generator
		h := mixed(Add(noise_N1, steps))
		bits := ConvertDType(BitwiseShiftRightLogicalScalar(h, uint64(11)), f64)
		u := MulScalar(AddScalar(bits, 0.5), 1.0/(1<<53))
		time := Div(Neg(Log(u)), weight)
		inTurn := Iota(g, time.Shape(), 1)
		first := Where(Equal(logit, top_N1), inTurn, Scalar(g, f64, math.Inf(1)))
		return ArgMin(Where(BroadcastToDims(greedy_N1, time.Shape().Dimensions...), first, time), 1, i32)
	}
	ids := make([]uint64, C)
	for b := range ids {
		ids[b] = uint64(blockID(b)) * splitmix.Gamma
	}
	row_N1 := Iota(g, shapes.Make(i32, N, 1), 0)
	b_N1 := Reshape(race(Const(g, [][]uint64{ids}), sums_NC, top_NC), N, 1)
	at := Concatenate([]*Node{row_N1, b_N1}, 1)
	inBlock := func(x *Node) *Node { return Gather(blocked(x), at) } // [N, L]
	first_N1 := MulScalar(b_N1, int32(block))
	id_NL := Add(first_N1, Iota(g, shapes.Make(i32, N, block), 1))
	w_NL := inBlock(w_NV)
	if kept != nil {
		w_NL = kept.cut(w_NL, at)
	}
	steps_NL := Mul(ConvertDType(id_NL, dtypes.Uint64), Const(g, splitmix.Gamma))
	l_N := race(steps_NL, ConvertDType(w_NL, f64), inBlock(z_NV))
	token_N1 := Add(first_N1, Reshape(l_N, N, 1))

	z_N1 := Reshape(Gather(z_NV, Concatenate([]*Node{row_N1, token_N1}, 1)), N, 1)
	difference_N1 := Sub(ConvertDType(z_N1, f64), ConvertDType(top_N1, f64))
	logprob_N1 := ConvertDType(Sub(Div(difference_N1, temperature_N1), Log(sum_N1)), f32)
	return Concatenate([]*Node{token_N1, Bitcast(logprob_N1, i32)}, 1)
}

// mixed is splitmix.Mix. The constants go in whole: GoMLX's scalars pass through float64.
func mixed(x *Node) *Node {
	g := x.Graph()
	folded := func(x *Node, bits uint64) *Node {
		return BitwiseXor(x, BitwiseShiftRightLogicalScalar(x, bits))
	}
	x = Add(x, Const(g, splitmix.Gamma))
	x = Mul(folded(x, 30), Const(g, splitmix.Factor1))
	x = Mul(folded(x, 27), Const(g, splitmix.Factor2))
	return folded(x, 31)
}

// apart returns x such that XLA computes it before it reduces it further, and does not go over all the logits a
// second time to reduce them at once.
func apart(x *Node) *Node {
	if !backend.IsXLA(x.Graph()) {
		return x
	}
	return OptimizationBarriers(x, ScalarZero(x.Graph(), x.DType()))[0] // of one alone go-xla makes none
}
