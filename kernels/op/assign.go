package op

import (
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/gomlx/core/graph"
)

// assign sets the rows of pool that indices [n, 1] name to those of rows, in place where
// pool is donated. Where real [n, 1] is 0 the row is padding, whose destination, page 0,
// may be named many times and stays zero.
//
// GoMLX scatters sums, maxima and minima. On XLA a maximum stands for the assignment
// until Compile (see useAssignments). The Go backend updates in place for sums alone: a
// row is brought to zero by subtracting itself, which is exact, and then set.
func assign(pool, indices, rows, real *graph.Node) *graph.Node {
	rows = graph.Mul(rows, real)
	if _, ok := pool.Graph().Backend().(*xla.Backend); ok {
		return graph.ScatterMax(pool, indices, rows, false, true) // the same zeros are as good as unique
	}
	old := graph.Mul(graph.Gather(pool, indices), real)
	pool = graph.ScatterSum(pool, indices, graph.Neg(old), false, false)
	return graph.ScatterSum(pool, indices, rows, false, false)
}
