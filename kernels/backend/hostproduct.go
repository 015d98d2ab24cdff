package backend

import (
	"fmt"
	"regexp"
	"sync"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/go-xla/stablehlo"
	"github.com/gomlx/go-xla/types/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/host"
	"github.com/stele-lm/stele/kernels/isa"
)

// Where a CPU multiplies bfloat16 by itself (AVX512_BF16), XLA's products run at its
// speed when the shared axis is the left side's last, and at less than half of it for
// dw = dyᵀ·x, which it computes in float32. There the products of a compiled program
// are calls of host.Contraction. With AMX, which host has no kernels for, XLA's stay.

// productTargets are the custom calls by the axis that each side contracts: 1 is its
// last one, 0 its first.
var productTargets = [2][2]string{{"stele.product_tt", "stele.product_tn"}, {"stele.product_nt", "stele.product_nn"}}

// LeastHostProduct is how many multiplications a product has at least that is worth a call.
const LeastHostProduct = 1 << 17

var registered sync.Map // path of a plugin → func() error

// registerProducts makes host products callable from the programs of the plugin at
// path. The error says why they are not.
func registerProducts(path string) error {
	switch kind := host.Kind(); {
	case isa.InForce() >= isa.AMX:
		return fmt.Errorf("the CPU has AMX")
	case kind != isa.AVX512BF16:
		return fmt.Errorf("the CPU has %v, not avx512_bf16", kind)
	}
	once, _ := registered.LoadOrStore(path, sync.OnceValue(func() error {
		var lock sync.Mutex // XLA runs what does not depend on each other side by side
		contraction := host.NewContraction(host.NewTeam(0))
		for left := range 2 {
			for right := range 2 {
				err := registerCall(path, productTargets[left][right], func(operands, results []*ffiBuffer) error {
					a, b := operands[0], operands[1]
					x := host.Operand{Bits: elements[uint16](a), Rows: int(a.shape()[1-left]), Transposed: left == 0}
					w := host.Operand{Bits: elements[uint16](b), Rows: int(b.shape()[1-right]), Transposed: right == 0}
					lock.Lock()
					defer lock.Unlock()
					host.Sharply(func() { contraction.Multiply(elements[float32](results[0]), x, w, int(a.shape()[left])) })
					return nil
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	}))
	return once.(func() error)()
}

var dotAxes = regexp.MustCompile(`(?s)lhs_batching_dimensions = \[\],.*rhs_batching_dimensions = \[\],.*` +
	`lhs_contracting_dimensions = \[([01])\],.*rhs_contracting_dimensions = \[([01])\]`)

// useHostProducts turns a graph's products of bfloat16 matrices with float32 result
// into custom calls, of which registerProducts knows. GoMLX has no custom calls: the
// statements of the finished graph are rewritten, so that whatever made them, gradients
// and rematerialisation too, is none the wiser. It returns how many it turned.
func useHostProducts(g *graph.Graph) (calls int, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the internals of gomlx or go-xla changed: %v", r)
		}
	}()
	call, err := customCall()
	if err != nil {
		return 0, err
	}
	for _, s := range mainFunction(g).Statements {
		if s.OpType.ToStableHLO() != "stablehlo.dot_general" {
			continue
		}
		a, b, y := s.Inputs[0].Shape(), s.Inputs[1].Shape(), s.Outputs[0].Shape()
		if a.DType != dtypes.BFloat16 || b.DType != dtypes.BFloat16 || y.DType != dtypes.Float32 || y.Rank() != 2 {
			continue
		}
		axes := dotAxes.FindStringSubmatch(fmt.Sprint(s.Attributes["dot_dimension_numbers"]))
		if axes == nil || a.Rank() != 2 || b.Rank() != 2 {
			continue
		}
		left, right := int(axes[1][0]-'0'), int(axes[2][0]-'0')
		if y.Size()*a.Dimensions[left] < LeastHostProduct {
			continue
		}
		s.OpType = call.OpType
		s.Attributes = map[string]any{"call_target_name": productTargets[left][right], "api_version": int32(4)}
		calls++
	}
	return calls, nil
}

// customCall is a statement of that kind, whose type has no exported name.
var customCall = sync.OnceValues(func() (*stablehlo.Statement, error) {
	fn := stablehlo.New("custom call").Main()
	x, err := fn.Input(shapes.Make(dtypes.Float32))
	if err != nil {
		return nil, err
	}
	if _, err := stablehlo.CustomCallV2("none", "", []*stablehlo.Value{x}, nil, []shapes.Shape{x.Shape()}, nil); err != nil {
		return nil, err
	}
	return fn.Statements[0], nil
})
