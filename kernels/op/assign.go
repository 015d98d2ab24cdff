package op

import (
	"github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
)

// assign sets the rows of pool that indices [n, 1] name to those of rows, in place where
// pool is donated. Where real [n, 1] is 0 the row is padding, whose destination, page 0,
// may be named many times and stays zero.
//
// GoMLX scatters sums, maxima and minima. On XLA one of maxima is marked as the assignment that
// it becomes. The Go backend updates in place for sums alone: a row is brought to zero by
// subtracting itself, which is exact, and then set.
func assign(pool, indices, rows, real *graph.Node) *graph.Node {
	rows = graph.Mul(rows, real)
	if backend.IsXLA(pool.Graph()) {
		// Indices of padding repeat, but all set the same zeros: they are as good as unique.
		return backend.MarkAssignment(graph.ScatterMax(pool, indices, rows, false, true))
	}
	old := graph.Mul(graph.Gather(pool, indices), real)
	pool = graph.ScatterSum(pool, indices, graph.Neg(old), false, false)
	return graph.ScatterSum(pool, indices, rows, false, false)
}
