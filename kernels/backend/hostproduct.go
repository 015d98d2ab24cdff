package backend

import (
	"errors"
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/host"
	"github.com/stele-lm/stele/kernels/isa"
)

// XLA multiplies at the machine's speed where the shared axis is the left side's last, but bfloat16
// without AVX512_BF16 at two thirds of it, and more slowly where it is the first, as in dw = dyᵀ·x:
// with AVX-512 in float32 by a tenth and more, and bfloat16 at half the speed of AVX512_BF16 or less.
// There the products of a compiled program are calls of host.Contraction. In bfloat16 all are, which costs
// nothing where XLA's are as fast. With AMX, which host.Contraction does not use, all stay XLA's.

// productTargets names the custom calls by the axis that each side contracts: 1 is its
// last one, 0 its first.
var productTargets = [2][2]string{
	{"stele.product_tt", "stele.product_tn"}, {"stele.product_nt", "stele.product_nn"},
}

// LeastHostProduct is the least number of multiplications that makes a product worth a call.
const LeastHostProduct = 1 << 17

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

// registerProducts makes host products callable from the programs of the plugin at path.
func registerProducts(path string, workers *hostWorkers) error {
	contraction := host.NewContraction(workers.team)
	for left := range 2 {
		for right := range 2 {
			multiply := func(c hostCall) error {
				a, b := c.operands[0], c.operands[1]
				x := host.Operand{Rows: int(a.shape()[1-left]), Transposed: left == 0}
				w := host.Operand{Rows: int(b.shape()[1-right]), Transposed: right == 0}
				if a.dtype == ffiBFloat16 {
					x.Bits, w.Bits = elements[uint16](a), elements[uint16](b)
				} else {
					x.Values, w.Values = elements[float32](a), elements[float32](b)
				}
				workers.do(func() {
					contraction.Multiply(elements[float32](c.results[0]), x, w, int(a.shape()[left]))
				})
				return nil
			}
			if err := registerCall(path, productTargets[left][right], multiply); err != nil {
				return err
			}
		}
	}
	return nil
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
	for s, p := range marked[hostProduct](g, "stablehlo.dot_general") {
		if d.hostProducts(p) != nil {
			continue
		}
		if err := becomeCall(s, productTargets[p.left][p.right], nil); err != nil {
			return calls, err
		}
		calls++
	}
	return calls, nil
}
