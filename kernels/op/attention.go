package op

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// inverseSqrt returns 1/√n.
func inverseSqrt(n int) float64 { return 1 / math.Sqrt(float64(n)) }

// CausalAttention computes attention of q [B, T, H, E] over keys and values
// [B, T, K, E] of the same tokens: each position sees itself and those before, back
// to the one that start [B, T] (int32) names, or to the row's first where start is
// nil. Rows padded on the right need no mask. Products are taken in dtype, scores
// and softmax in float32. The result is [B, T, H, E], float32.
func CausalAttention(q, keys, values, start *Node, dtype dtypes.DType) *Node {
	g := q.Graph()
	d := q.Shape().Dimensions
	B, T, H, E := d[0], d[1], d[2], d[3]
	K := keys.Shape().Dimensions[2]
	headMajor := func(x *Node) *Node {
		return Reshape(TransposeAllAxes(Convert(x, dtype), 0, 2, 1, 3), B*K, T, E)
	}
	shape := shapes.Make(dtypes.Int32, 1, 1, T, T)
	key := Iota(g, shape, 3)
	sees := LessOrEqual(key, Iota(g, shape, 2)) // [1 or B·K, 1, T, T]
	if start != nil {
		begins := BroadcastToDims(Reshape(start, B, 1, 1, T, 1), B, K, 1, T, T)
		sees = LogicalAnd(sees, GreaterOrEqual(key, Reshape(begins, B*K, 1, T, T)))
	}
	bias := Where(sees, ScalarZero(g, dtypes.Float32), Scalar(g, dtypes.Float32, -1e30))

	scores := batchDot(groupHeads(q, K, dtype), 2, headMajor(keys), 2)
	scores = Add(Reshape(scores, B*K, H/K, T, T), bias)
	probs := Reshape(Convert(Softmax(scores), dtype), B*K, H/K*T, T)
	return ungroupHeads(batchDot(probs, 2, headMajor(values), 1), B, T, H, K)
}

// ContinuedAttention computes attention of q [B, T, H, E] over keys and values
// [B, T, K, E] of the same tokens, each of which sees itself and those before in its
// row, and over the first length [P] (int32) of promptKeys and promptValues
// [P, S, K, E]: the rows are P groups in turn, and each goes on where its group's
// prompt ends. Precision and result are those of CausalAttention. The gradient of a
// prompt's keys and values sums over its rows.
func ContinuedAttention(q, keys, values, promptKeys, promptValues, length *Node, dtype dtypes.DType) *Node {
	g := q.Graph()
	d, p := q.Shape().Dimensions, promptKeys.Shape().Dimensions
	B, T, H, E := d[0], d[1], d[2], d[3]
	P, S, K := p[0], p[1], p[2]
	G, J := B/P, H/K
	// Groups' rows lie side by side for the product with their prompt.
	q = Convert(MulScalar(q, inverseSqrt(E)), dtype)
	q = TransposeAllAxes(Reshape(q, P, G, T, K, J, E), 0, 3, 1, 4, 2, 5) // [P, K, G, J, T, E]
	own := func(x *Node) *Node {
		return Reshape(TransposeAllAxes(Reshape(Convert(x, dtype), P, G, T, K, E), 0, 3, 1, 2, 4),
			P*K*G, T, E)
	}
	prompt := func(x *Node) *Node {
		return Reshape(TransposeAllAxes(Convert(x, dtype), 0, 2, 1, 3), P*K, S, E)
	}
	hide := func(visible *Node) *Node {
		return Where(visible, ScalarZero(g, dtypes.Float32), Scalar(g, dtypes.Float32, -1e30))
	}
	square, line := shapes.Make(dtypes.Int32, 1, 1, 1, T, T), shapes.Make(dtypes.Int32, P, 1, 1, 1, S)
	before := hide(LessOrEqual(Iota(g, square, 4), Iota(g, square, 3)))
	within := hide(LessThan(Iota(g, line, 4), Reshape(length, P, 1, 1, 1, 1)))
	scores := Add(Reshape(batchDot(Reshape(q, P*K*G, J*T, E), 2, own(keys), 2), P, K, G*J, T, T), before)
	promptScores := batchDot(Reshape(q, P*K, G*J*T, E), 2, prompt(promptKeys), 2)
	promptScores = Add(Reshape(promptScores, P, K, G*J, T, S), within)

	// One softmax over both, its denominator applied at the end.
	maximum := StopGradient(Max(
		ReduceAndKeep(scores, ReduceMax, -1), ReduceAndKeep(promptScores, ReduceMax, -1)))
	e, promptE := Exp(Sub(scores, maximum)), Exp(Sub(promptScores, maximum))
	sum := Add(ReduceAndKeep(e, ReduceSum, -1), ReduceAndKeep(promptE, ReduceSum, -1))
	mixed := Add(
		Reshape(batchDot(Reshape(Convert(e, dtype), P*K*G, J*T, T), 2, own(values), 1), P, K, G*J, T, E),
		Reshape(batchDot(Reshape(Convert(promptE, dtype), P*K, G*J*T, S), 2, prompt(promptValues), 1),
			P, K, G*J, T, E))
	o := Reshape(Div(mixed, sum), P, K, G, J, T, E)
	return Reshape(TransposeAllAxes(o, 0, 2, 4, 1, 3, 5), B, T, H, E)
}
