package backend

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/go-xla/stablehlo"
	"github.com/gomlx/go-xla/types/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// assignment is the mark of a scatter that sets.
type assignment struct{}

// MarkAssignment makes a scatter, by graph.ScatterMax for instance, set elements instead of
// combining them with what is there. XLA alone can: the Go backend's scatter stays as it is.
func MarkAssignment(scatter *graph.Node) *graph.Node { return mark(scatter, assignment{}) }

// useAssignments makes the scatters that are so marked return the new element of two.
func useAssignments(g *graph.Graph) (err error) {
	defer internalsChanged(&err)
	second := map[dtypes.DType]*stablehlo.Function{}
	for s := range marked[assignment](g, "stablehlo.scatter") {
		dtype := s.Inputs[0].Shape().DType
		fn := second[dtype]
		if fn == nil {
			fn = mainFunction(g).Closure()
			if _, err := fn.NamedInput("old", shapes.Make(dtype)); err != nil {
				return err
			}
			value, err := fn.NamedInput("new", shapes.Make(dtype))
			if err != nil {
				return err
			}
			if err := fn.Return(value); err != nil {
				return err
			}
			second[dtype] = fn
		}
		s.FunctionParameters = []*stablehlo.Function{fn}
	}
	return nil
}
