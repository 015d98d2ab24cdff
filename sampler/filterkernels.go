package sampler

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/triton"
)

// byKernels is what largest, with topK, and filtered keep of weights, and the weight of all in total_N1, by one kernel
// each; nil where there are none for the graph.
func byKernels(w_NV, z_NV, draws *Node, topK bool) *nucleus {
	g, N, V := w_NV.Graph(), w_NV.Shape().Dim(0), w_NV.Shape().Dim(1)
	k := triton.Nucleus{N: N, V: V, Block: block, Columns: DrawInts, At: 2 * wordLimits, Floors: topK}
	l := triton.Largest{N: N, V: V, Columns: DrawInts, At: 2 * wordTopK}
	if !backend.CallsKernels(g) || k.Check() != nil || l.Check() != nil {
		return nil
	}
	operands := []*Node{w_NV}
	if topK {
		floors := backend.CallKernel(l.Kernel(), shapes.Make(dtypes.Float32, N), z_NV, draws)
		operands = append(operands, z_NV, floors)
	}
	all := backend.CallKernel(k.Kernel(), shapes.Make(dtypes.Float32, k.Results()), append(operands, draws)...)
	C := k.Blocks()
	part := func(from, columns int) *Node {
		return Reshape(Slice(all, AxisRange(from, from+N*columns)), N, columns)
	}
	return &nucleus{
		w_NV:     part(0, V),
		sums_NC:  ConvertDType(part(N*V, C), dtypes.Float64),
		total_N1: ConvertDType(part(N*(V+C), 1), dtypes.Float64),
	}
}
