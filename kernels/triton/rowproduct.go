package triton

import (
	"fmt"
	"math"
)

// RowProduct is what a layer does with one row x [In], float32, up to where all of a product's results are needed
// together: its norm, x / √(mean(x²) + Epsilon) · scale, the product with a weight, a bias, and what is made of
// pairs of results. A program of its kernels takes some pairs. It reads their rows of the weight once and the
// row x, which is short, as a whole: its squares need no kernel of their own.
type RowProduct struct {
	In      int
	Elem    Elem // of scale [In], weight and bias
	Epsilon float64
	Bias    bool
}

// Heads are those that a Rotated row is divided into: H of queries, K of keys and K of values, of width E.
type Heads struct{ H, K, E int }

// width is how many results there are.
func (h Heads) width() int { return (h.H + 2*h.K) * h.E }

// Check tells why there are no kernels for so many results, or returns nil.
func (p RowProduct) Check(out int) error {
	switch {
	case p.In < 1 || out < 1:
		return fmt.Errorf("a product of %d numbers to %d", p.In, out)
	case p.Elem != F32 && p.Elem != BF16:
		return fmt.Errorf("weights are %s", p.Elem)
	case out > math.MaxInt32/p.In:
		return fmt.Errorf("a weight of %d·%d numbers, 2³¹ or more", out, p.In)
	}
	return nil
}

// pairsAtOnce is how many pairs a program takes: few, so that there are programs for a whole GPU, and two tiles of
// the weight of a thousand numbers are read at once.
const pairsAtOnce = 2

// columns is how many numbers of the row a turn takes.
func (p RowProduct) columns() int { return min(512, nextPower(p.In)) }

// rowInputs are the arguments that all kernels begin with.
type rowInputs struct{ x, scale, w, bias Value }

func (p RowProduct) inputs(f *Function) rowInputs {
	in := rowInputs{x: f.Argument("x", F32), scale: f.Argument("scale", p.Elem), w: f.Argument("w", p.Elem)}
	if p.Bias {
		in.bias = f.Argument("bias", p.Elem)
	}
	return in
}

// results computes those of two rows of the weight for each of some pairs, where they are within the weight.
func (p RowProduct) results(f *Function, in rowInputs, rows [2]Value, within Value) (results [2]Value) {
	n, C := rows[0].Dims[0], p.columns()
	zero := f.Full(F32, 0, n, C)
	sums := f.For(f.Int(0), f.Int(p.In), C, []Value{zero, zero, f.Full(F32, 0, C)},
		func(i Value, sums []Value) []Value {
			column := f.Range(C).Add(i)
			valid := column.Indexes(p.In)
			x := in.x.At(column).LoadWhere(valid, 0)
			scaled := x.Mul(in.scale.At(column).LoadWhere(valid, 0).To(F32)).Row()
			mask := within.Column().As(n, C).And(valid.Row().As(n, C))
			var next []Value
			for k, row := range rows {
				at := row.Times(p.In).Column().Add(column.Row())
				next = append(next, sums[k].Add(in.w.At(at).LoadWhere(mask, 0).To(F32).Mul(scaled)))
			}
			return append(next, sums[2].Add(x.Mul(x)))
		})
	meanSquare := sums[2].SumOver(0).Scaled(1 / float64(p.In))
	norm := f.Full(F32, 1).Div(meanSquare.Add(f.Full(F32, p.Epsilon)).Sqrt())
	for k, row := range rows {
		results[k] = sums[k].SumOver(1).Mul(norm)
		if p.Bias {
			results[k] = results[k].Add(in.bias.At(row).LoadWhere(within, 0).To(F32))
		}
	}
	return results
}

// pairs are the numbers of the pairs that a program takes, at their offsets.
func pairs(f *Function) Value { return f.ProgramID(0).Times(pairsAtOnce).Add(f.Range(pairsAtOnce)) }

// kernel ends a kernel of n pairs.
func (p RowProduct) kernel(f *Function, name string, n int) Kernel {
	programs := (n + pairsAtOnce - 1) / pairsAtOnce
	return Kernel{Name: name, Text: f.Text(), Grid: [3]int{programs, 1, 1}, Warps: 4, Stages: 2}
}

// Gated is the kernel of out results [out], float32: SiLU(g)·u of the gate g and the up u, whose weights lie one
// below the other in w [2·out, In], as do their biases.
func (p RowProduct) Gated(out int) Kernel {
	const name = "stele_gated_row"
	f := NewFunction(name)
	in := p.inputs(f)
	result := f.Argument("out", F32)
	i := pairs(f)
	within := i.Indexes(out)
	gateUp := p.results(f, in, [2]Value{i, i.Plus(out)}, within)
	gate := gateUp[0]
	silu := gate.Div(gate.Scaled(-math.Log2E).Exp2().Add(f.Full(F32, 1)))
	result.At(i).StoreWhere(silu.Mul(gateUp[1]), within)
	return p.kernel(f, name, out)
}

// Rotated is the kernel of queries, keys and values, whose weights lie one below the other in w [(H+2K)·E, In], as
// do their biases: of results [(H+2K)·E] as into. Behind weight and bias it is given cosines and sines [E/2],
// float32, by which it turns the halves of each head of queries and keys. Queries are divided by √E as well.
func (p RowProduct) Rotated(h Heads, into Elem) Kernel {
	const name = "stele_rotated_row"
	f := NewFunction(name)
	in := p.inputs(f)
	cosines, sines, result := f.Argument("cos", F32), f.Argument("sin", F32), f.Argument("out", into)
	half := h.E / 2
	pair, n := pairs(f), h.width()/2
	within := pair.Indexes(n)
	head, i := pair.Over(half), pair.Modulo(half)
	rows := [2]Value{head.Times(h.E).Add(i)}
	rows[1] = rows[0].Plus(half)
	ab := p.results(f, in, rows, within)
	turns := head.Indexes(h.H + h.K)
	cos, sin := cosines.At(i).LoadWhere(turns, 1), sines.At(i).LoadWhere(turns, 0)
	scale := f.Full(F32, 1/math.Sqrt(float64(h.E))).Or(1, head.Indexes(h.H))
	for k, y := range []Value{ab[0].Mul(cos).Sub(ab[1].Mul(sin)), ab[1].Mul(cos).Add(ab[0].Mul(sin))} {
		result.At(rows[k]).StoreWhere(y.Mul(scale).To(into), within)
	}
	return p.kernel(f, name, n)
}
