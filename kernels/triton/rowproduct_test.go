package triton

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// rowCase is a product of random numbers, as the kernels are given it and as they are to compute it.
type rowCase struct {
	kernel          RowProduct
	x, scale, w     []float32
	bias            []float32
	expected, sizes []float64 // results before what is made of pairs, and of their addends
}

func newRowCase(r *rand.Rand, p RowProduct, out int) *rowCase {
	random := func(n int, elem Elem) []float32 {
		all := make([]float32, n)
		for i := range all {
			all[i] = float32(round(elem, r.NormFloat64()))
		}
		return all
	}
	c := &rowCase{kernel: p, x: random(p.In, F32), scale: random(p.In, p.Elem), w: random(out*p.In, p.Elem),
		bias: random(out, p.Elem)}
	square := 0.0
	for _, v := range c.x {
		square += float64(v) * float64(v)
	}
	norm := 1 / math.Sqrt(square/float64(p.In)+p.Epsilon)
	for o := range out {
		sum, size := 0.0, 0.0
		for i, v := range c.x {
			addend := float64(v) * float64(c.scale[i]) * float64(c.w[o*p.In+i]) * norm
			sum, size = sum+addend, size+math.Abs(addend)
		}
		if p.Bias {
			sum, size = sum+float64(c.bias[o]), size+math.Abs(float64(c.bias[o]))
		}
		c.expected, c.sizes = append(c.expected, sum), append(c.sizes, size)
	}
	return c
}

// run interprets a kernel with what it is given behind the bias, and returns its n results.
func (c *rowCase) run(t *testing.T, k Kernel, into Elem, n int, more ...*Buffer) []float32 {
	t.Helper()
	p := c.kernel
	memory := []*Buffer{{F32: c.x}, buffer(p.Elem, c.scale), buffer(p.Elem, c.w)}
	if p.Bias {
		memory = append(memory, buffer(p.Elem, c.bias))
	}
	out := buffer(into, slices.Repeat([]float32{float32(math.NaN())}, n))
	program, err := Parse(k.Text)
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Run(k.Grid, append(append(memory, more...), out), 2); err != nil {
		t.Fatal(err)
	}
	if into == F32 {
		return out.F32
	}
	all := make([]float32, n)
	for i, bits := range out.BF16 {
		all[i] = fromBFloat16(bits)
	}
	return all
}

// rowProducts are those that are tested: rows that are one turn, several, and no whole number of turns.
func rowProducts() (all []RowProduct) {
	for _, in := range []int{1, 48, 512, 896, 1100} {
		for _, elem := range []Elem{F32, BF16} {
			all = append(all, RowProduct{In: in, Elem: elem, Epsilon: 1e-6, Bias: in%3 == 0})
		}
	}
	return append(all, RowProduct{In: 64, Elem: F32, Epsilon: 10})
}

// TestGatedRow compares the kernel with its definition in float64, for an even and an odd number of results.
func TestGatedRow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	for _, p := range rowProducts() {
		for _, out := range []int{1, 6, 11} {
			c := newRowCase(r, p, 2*out)
			for i, got := range c.run(t, p.Gated(out), F32, out) {
				gate, up := c.expected[i], c.expected[out+i]
				want := gate / (1 + math.Exp(-gate)) * up
				bound := 1e-6 * (1 + c.sizes[i]) * (1 + c.sizes[out+i])
				if d := math.Abs(float64(got) - want); !(d <= bound) {
					t.Fatalf("%+v, %d results: %d is %g, want %g", p, out, i, got, want)
				}
			}
		}
	}
}

// TestRotatedRow compares the kernel with its definition in float64: queries and keys are rotated, values are not.
func TestRotatedRow(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 9))
	for _, p := range rowProducts() {
		for _, h := range []Heads{{1, 1, 2}, {4, 2, 16}, {3, 1, 10}} {
			for _, into := range []Elem{F32, BF16} {
				checkRotated(t, r, p, h, into)
			}
		}
	}
}

func checkRotated(t *testing.T, r *rand.Rand, p RowProduct, h Heads, into Elem) {
	t.Helper()
	n, half := h.width(), h.E/2
	c := newRowCase(r, p, n)
	cos, sin := make([]float32, half), make([]float32, half)
	for i := range cos {
		angle := r.Float64() * 6
		cos[i], sin[i] = float32(math.Cos(angle)), float32(math.Sin(angle))
	}
	got := c.run(t, p.Rotated(h, into), into, n, &Buffer{F32: cos}, &Buffer{F32: sin})
	for head := range n / h.E {
		for i := range half {
			a, b := head*h.E+i, head*h.E+i+half
			x, y := c.expected[a], c.expected[b]
			if head < h.H+h.K {
				x, y = x*float64(cos[i])-y*float64(sin[i]), y*float64(cos[i])+x*float64(sin[i])
			}
			for k, want := range []float64{x, y} {
				if head < h.H {
					want /= math.Sqrt(float64(h.E))
				}
				bound := 1e-6 * (1 + c.sizes[a] + c.sizes[b])
				if into == BF16 {
					bound += math.Abs(want) / 256
				}
				if d := math.Abs(float64(got[[]int{a, b}[k]]) - want); !(d <= bound) {
					t.Fatalf("%+v, %+v as %s: %d is %g, want %g", p, h, into, a, got[a], want)
				}
			}
		}
	}
}

// TestRowRefused: sizes that an index of 32 bits does not reach have no kernel.
func TestRowRefused(t *testing.T) {
	p := RowProduct{In: 4096, Elem: BF16}
	for out, ok := range map[int]bool{0: false, 128256: true, 1 << 19: false} {
		if err := p.Check(out); (err == nil) != ok {
			t.Errorf("%d results: %v", out, fmt.Sprint(err))
		}
	}
	if (RowProduct{In: 1, Elem: I32}).Check(1) == nil {
		t.Error("weights of integers have a kernel")
	}
}
