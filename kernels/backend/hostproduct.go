package backend

import (
	"fmt"
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

// productTargets names the custom calls by the axis that each side contracts: 1 is its
// last one, 0 its first.
var productTargets = [2][2]string{
	{"stele.product_tt", "stele.product_tn"}, {"stele.product_nt", "stele.product_nn"},
}

// LeastHostProduct is the least number of multiplications that makes a product worth a call.
const LeastHostProduct = 1 << 17

var registered sync.Map // path of a plugin → func() error

// registerProducts makes host products callable from the programs of the plugin at
// path. The error says why they are not.
func registerProducts(path string) error {
	switch tier := host.Tier(); {
	case isa.InForce() >= isa.AMX:
		return fmt.Errorf("the CPU has AMX")
	case tier != isa.AVX512BF16:
		return fmt.Errorf("the CPU has %v, not avx512_bf16", tier)
	}
	once, _ := registered.LoadOrStore(path, sync.OnceValue(func() error {
		var lock sync.Mutex // XLA runs what does not depend on each other side by side
		contraction := host.NewContraction(host.NewTeam(0))
		for left := range 2 {
			for right := range 2 {
				multiply := func(operands, results []*ffiBuffer) error {
					a, b := operands[0], operands[1]
					x := host.Operand{
						Bits: elements[uint16](a), Rows: int(a.shape()[1-left]), Transposed: left == 0,
					}
					w := host.Operand{
						Bits: elements[uint16](b), Rows: int(b.shape()[1-right]), Transposed: right == 0,
					}
					lock.Lock()
					defer lock.Unlock()
					host.KeepSubnormals(func() {
						contraction.Multiply(elements[float32](results[0]), x, w, int(a.shape()[left]))
					})
					return nil
				}
				if err := registerCall(path, productTargets[left][right], multiply); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	return once.(func() error)()
}

// hostProduct is the mark of a product of two matrices: the axis that each side contracts.
type hostProduct struct{ left, right int }

// MarkHostProduct says that a product of two matrices, which contracts axis left of the one
// and axis right of the other, may be computed by host.Contraction. Programs for xla:cpu do so
// where Device.HostProducts is nil; a product of another dtype than bfloat16, whose result is
// not float32 or which is too small to be worth a call stays as it is.
func MarkHostProduct(product *graph.Node, left, right int) *graph.Node {
	a, b := product.Inputs()[0].Shape(), product.Inputs()[1].Shape()
	if a.DType != dtypes.BFloat16 || b.DType != dtypes.BFloat16 || product.DType() != dtypes.Float32 ||
		product.Shape().Size()*a.Dimensions[left] < LeastHostProduct {
		return product
	}
	return mark(product, hostProduct{left, right})
}

// useHostProducts turns the products that are so marked into custom calls, of which
// registerProducts knows. It returns how many it turned.
func useHostProducts(g *graph.Graph) (calls int, err error) {
	defer internalsChanged(&err)
	call, err := customCall()
	if err != nil {
		return 0, err
	}
	for s, p := range marked[hostProduct](g, "stablehlo.dot_general") {
		s.OpType = call.OpType
		s.Attributes = map[string]any{
			"call_target_name": productTargets[p.left][p.right], "api_version": int32(4),
		}
		calls++
	}
	return calls, nil
}

// customCall returns a statement that is a custom call: the operation has no exported name.
var customCall = sync.OnceValues(func() (*stablehlo.Statement, error) {
	fn := stablehlo.New("custom call").Main()
	x, err := fn.Input(shapes.Make(dtypes.Float32))
	if err != nil {
		return nil, err
	}
	_, err = stablehlo.CustomCallV2("none", "", []*stablehlo.Value{x}, nil, []shapes.Shape{x.Shape()}, nil)
	if err != nil {
		return nil, err
	}
	return fn.Statements[0], nil
})
