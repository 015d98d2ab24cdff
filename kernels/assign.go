package kernels

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/stablehlo"
	"github.com/gomlx/go-xla/types/shapes"
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

// useAssignments makes every scatter of maxima an assignment; no other code asks for one.
func useAssignments(g *graph.Graph) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the internals of gomlx or go-xla changed: %v", r)
		}
	}()
	main := mainFunction(g)
	assignments := map[dtypes.DType]*stablehlo.Function{}
	for _, s := range main.Statements {
		if s.OpType.ToStableHLO() != "stablehlo.scatter" || s.FunctionParameters[0].Statements[0].OpType.ToStableHLO() != "stablehlo.maximum" {
			continue
		}
		dtype := s.Inputs[0].Shape().DType
		second := assignments[dtype]
		if second == nil {
			second = main.Closure()
			if _, err := second.NamedInput("old", shapes.Make(dtype)); err != nil {
				return err
			}
			value, err := second.NamedInput("new", shapes.Make(dtype))
			if err != nil {
				return err
			}
			if err := second.Return(value); err != nil {
				return err
			}
			assignments[dtype] = second
		}
		s.FunctionParameters = []*stablehlo.Function{second}
	}
	return nil
}
