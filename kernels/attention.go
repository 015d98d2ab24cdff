package kernels

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

func inverseSqrt(n int) float64 { return 1 / math.Sqrt(float64(n)) }

// CausalAttention is attention of q [B, T, H, E] over keys and values
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

	scores := BatchDot(groupHeads(q, K, dtype), 2, headMajor(keys), 2)
	scores = Add(Reshape(scores, B*K, H/K, T, T), bias)
	probs := Reshape(Convert(Softmax(scores), dtype), B*K, H/K*T, T)
	return ungroupHeads(BatchDot(probs, 2, headMajor(values), 1), B, T, H, K)
}
