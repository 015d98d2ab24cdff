package op

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/host"
)

// hostAttention is Attention by host.DenseAttention.
func hostAttention(s Sequences, q, keys, values, position *Node, dtype dtypes.DType, keeps bool) *Node {
	M, H, K, E := q.Shape().Dim(0), q.Shape().Dim(1), keys.Shape().Dim(1), q.Shape().Dim(2)
	pass := host.DensePass{Sequences: s, H: H, K: K, E: E, Round: dtype == dtypes.BFloat16}
	matrix := func(x *Node) *Node { return Reshape(x, M, x.Shape().Size()/M) }
	// As in Attention, one node's custom gradient makes all three gradients.
	var mixed, logSum, adjoint *Node
	all := Concatenate([]*Node{matrix(q), matrix(keys), matrix(values)}, 1)
	all = IdentityWithCustomGradient(all, func(all, _ *Node) *Node {
		away := ReduceSum(Mul(adjoint, mixed), -1) // [M, H]
		return backend.HostAttentionGradient(pass, all, position, matrix(adjoint), logSum, away)
	})
	out := backend.HostAttention(pass, StopGradient(all), position)
	mixed = Reshape(Slice(out, AxisRange(), AxisRange(0, H*E)), M, H, E)
	kept := OptimizationBarriers(mixed, Slice(out, AxisRange(), AxisRange(H*E)))
	mixed, logSum = kept[0], kept[1]
	if keeps {
		mixed = mixed.Checkpoint()
	}
	return IdentityWithCustomGradient(onPath(StopGradient(mixed), all), func(_, v *Node) *Node {
		adjoint = v
		return v
	})
}
