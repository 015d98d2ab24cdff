package op

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
)

// rowsBlock is the number of rows whose equality with all is a matrix at a time.
const rowsBlock = 1024

// Rows returns the rows of table [V, D] that index [N] (int32) names, [N, D].
//
// GoMLX's gradient scatters sums, which a GPU adds in the order in which its threads come: the same program gives
// other bits each time, or, where XLA is told to keep an order, takes long. For GPUs the rows of one index are
// summed by a product here, and each row of the gradient is then written once.
func Rows(table, index *Node) *Node {
	N := index.Shape().Dimensions[0]
	if !backend.IsCUDA(table.Graph()) {
		return Gather(table, Reshape(index, N, 1))
	}
	// The table's node is older than the result's: it is asked for its gradient when that is known.
	var gradient *Node
	in := IdentityWithCustomGradient(table, func(_, _ *Node) *Node { return gradient })
	rows := onPath(Gather(StopGradient(in), Reshape(index, N, 1)), in)
	return IdentityWithCustomGradient(rows, func(_, v *Node) *Node {
		gradient = sumRows(v, index, table.Shape())
		return v
	})
}

// sumRows returns a table of zeros to each row of which those of v [N, D] are added whose index it has.
func sumRows(v, index *Node, table shapes.Shape) *Node {
	g, N, V := v.Graph(), index.Shape().Dimensions[0], table.Dimensions[0]
	column, line := Reshape(index, N, 1), Reshape(index, 1, N)
	var sums, firsts []*Node
	for lo := 0; lo < N; lo += rowsBlock {
		hi := min(lo+rowsBlock, N)
		same := Equal(Slice(column, AxisRange(lo, hi)), line) // [hi-lo, N]
		sums = append(sums, Product(Convert(same, v.DType()), v, 1, 0))
		own := AddScalar(Iota(g, shapes.Make(dtypes.Int32, hi-lo, N), 0), lo)
		before := And(same, LessThan(Iota(g, shapes.Make(dtypes.Int32, hi-lo, N), 1), own))
		firsts = append(firsts, Equal(ReduceSum(Convert(before, dtypes.Int32), 1), ScalarZero(g, dtypes.Int32)))
	}
	// The first row of an index has the sum; the others have places beyond the table, where nothing is written.
	beyond := AddScalar(Iota(g, shapes.Make(dtypes.Int32, N), 0), V)
	place := Where(Concatenate(firsts, 0), index, beyond)
	return Scatter(Reshape(place, N, 1), Convert(Concatenate(sums, 0), table.DType), table, false, true)
}
