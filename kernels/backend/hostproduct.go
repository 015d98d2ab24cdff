package backend

import (
	"errors"
	"fmt"
	"sync"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/go-xla/stablehlo"
	"github.com/gomlx/go-xla/types/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/host"
	"github.com/stele-lm/stele/kernels/isa"
)

// XLA multiplies at the machine's speed where the shared axis is the left side's last, but bfloat16
// without AVX512_BF16 at two thirds of it, and more slowly where it is the first, as in dw = dyᵀ·x:
// with AVX-512 in float32 by a tenth and more, and bfloat16 at half the speed of AVX512_BF16 or less.
// There the products of a compiled program are calls of host.Contraction. In bfloat16 all are, which costs
// nothing where XLA's are as fast. With AMX, which host has no kernels for, all stay XLA's.

// productTargets names the custom calls by the axis that each side contracts: 1 is its
// last one, 0 its first.
var productTargets = [2][2]string{
	{"stele.product_tt", "stele.product_tn"}, {"stele.product_nt", "stele.product_nn"},
}

// LeastHostProduct is the least number of multiplications that makes a product worth a call.
const LeastHostProduct = 1 << 17

var registered sync.Map // path of a plugin → func() error

// leftToXLA says why XLA computes products on a CPU of a tier, or returns nil.
func leftToXLA(p hostProduct, tier isa.Tier) error {
	switch {
	case tier >= isa.AMX:
		return errors.New("the CPU has AMX")
	case tier < isa.AVX2:
		return fmt.Errorf("the CPU has %v, not avx2", tier)
	case p.dtype == dtypes.Float32 && (p.left == 1 || tier < isa.AVX512):
		return errors.New("XLA's are as fast")
	}
	return nil
}

// registerProducts makes host products callable from the programs of the plugin at
// path. The error says why they are not.
func registerProducts(path string) error {
	once, _ := registered.LoadOrStore(path, sync.OnceValue(func() error {
		var lock sync.Mutex // XLA runs what does not depend on each other side by side
		contraction := host.NewContraction(host.NewTeam(0))
		for left := range 2 {
			for right := range 2 {
				multiply := func(operands, results []*ffiBuffer) error {
					a, b := operands[0], operands[1]
					x := host.Operand{Rows: int(a.shape()[1-left]), Transposed: left == 0}
					w := host.Operand{Rows: int(b.shape()[1-right]), Transposed: right == 0}
					if a.dtype == ffiBFloat16 {
						x.Bits, w.Bits = elements[uint16](a), elements[uint16](b)
					} else {
						x.Values, w.Values = elements[float32](a), elements[float32](b)
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

// hostProduct is the mark of a product of two matrices: the axis that each side contracts, and their
// dtype.
type hostProduct struct {
	left, right int
	dtype       dtypes.DType
}

// MarkHostProduct says that a product of two matrices, which contracts axis left of the one
// and axis right of the other, may be computed by host.Contraction. Programs for xla:cpu do so
// where Device.HostProducts says so; a product of another dtype than bfloat16 and float32, whose result
// is not float32 or which is too small to be worth a call stays as it is.
func MarkHostProduct(product *graph.Node, left, right int) *graph.Node {
	a, b := product.Inputs()[0].Shape(), product.Inputs()[1].Shape()
	if a.DType != b.DType || a.DType != dtypes.BFloat16 && a.DType != dtypes.Float32 ||
		product.DType() != dtypes.Float32 || product.Shape().Size()*a.Dimensions[left] < LeastHostProduct {
		return product
	}
	return mark(product, hostProduct{left, right, a.DType})
}

// useHostProducts turns the products that are so marked into custom calls, of which
// registerProducts knows, but those that the device leaves to XLA. It returns how many it turned.
func (d *Device) useHostProducts(g *graph.Graph) (calls int, err error) {
	defer internalsChanged(&err)
	call, err := customCall()
	if err != nil {
		return 0, err
	}
	for s, p := range marked[hostProduct](g, "stablehlo.dot_general") {
		if d.hostProducts(p) != nil {
			continue
		}
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
