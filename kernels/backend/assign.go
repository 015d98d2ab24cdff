package backend

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/go-xla/stablehlo"
	"github.com/gomlx/go-xla/types/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

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
