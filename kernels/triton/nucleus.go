package triton

import (
	"fmt"
	"math"
)

// Nucleus is what top-p and min-p keep of the weights [N, V] of N rows of tokens, which are at most 1. A program of
// its kernel takes a row: it searches for the threshold of top-p, two bits of it at a time, without sorting, and of
// the tokens that equal it keeps the first.
type Nucleus struct {
	N, V  int
	Block int // tokens whose sums are wanted: a power of two from 16 to 128, of which V is a multiple
	// Limits [N, Columns], int32, have the bits of two float32 from column At on: how much of the whole weight top-p
	// leaves out, 0 where it is off, and the least weight that min-p keeps.
	Columns, At int
	// Floors says that there are numbers [N, V] and a floor for each row, [N], as well, float32: weights of numbers
	// below it count as 0 but in the sum of all.
	Floors bool
}

// Blocks is how many blocks of tokens a row has.
func (k Nucleus) Blocks() int { return k.V / k.Block }

// Results is how many numbers the kernel results in.
func (k Nucleus) Results() int { return k.N * (k.V + k.Blocks() + 1) }

// Check tells why there is no kernel of these sizes, or returns nil.
func (k Nucleus) Check() error {
	switch {
	case k.N < 1 || k.V < 1:
		return fmt.Errorf("%d rows of %d tokens", k.N, k.V)
	case k.Block < 16 || k.Block > 128 || k.Block&(k.Block-1) != 0 || k.V%k.Block != 0:
		return fmt.Errorf("blocks of %d tokens of %d", k.Block, k.V)
	case k.At < 0 || k.At+2 > k.Columns || k.N > math.MaxInt32/k.Columns:
		return fmt.Errorf("limits from column %d on of %d", k.At, k.Columns)
	case k.V >= 1<<24:
		return fmt.Errorf("%d tokens are more than float32 counts", k.V)
	case k.N > math.MaxInt32/(k.V+k.Blocks()+1):
		return fmt.Errorf("%d rows of %d tokens are 2³¹ numbers or more", k.N, k.V)
	}
	return nil
}

// tileOfTokens is how many tokens a turn takes.
const tileOfTokens = 4096

// Kernel is given the weights, float32, numbers and floors, where there are, and Limits. It results in one tensor of
// the weights that are kept, 0 for others, [N, V], their sums by blocks, [N, V/Block], and the sum of all weights of
// each row, [N]. NaN among the weights makes that NaN.
func (k Nucleus) Kernel() Kernel {
	const name = "stele_nucleus"
	f := NewFunction(name)
	weights := f.Argument("w", F32)
	var numbers, floors Value
	if k.Floors {
		numbers, floors = f.Argument("x", F32), f.Argument("floors", F32)
	}
	limits, out := f.Argument("limits", I32), f.Argument("out", F32)
	row := f.ProgramID(0)
	weights = weights.At(row.Times(k.V))
	if k.Floors {
		numbers, floors = numbers.At(row.Times(k.V)), floors.At(row).Load()
	}
	limits = limits.At(row.Times(k.Columns).Plus(k.At))
	tail, least := limits.Load().Bits(F32), limits.At(f.Int(1)).Load().Bits(F32)
	zero := f.Full(F32, 0)

	// turns goes over the row, B blocks of L tokens a turn.
	L := k.Block
	B := tileOfTokens / L
	turns := func(carried []Value, body func(first, token, x, valid Value, carried []Value) []Value) []Value {
		return f.For(f.Int(0), f.Int(k.V), tileOfTokens, carried, func(first Value, carried []Value) []Value {
			token := f.Range(B).Times(L).Column().Add(f.Range(L).Row()).Add(first)
			valid := token.Indexes(k.V)
			x := weights.At(token).LoadWhere(valid, 0)
			if k.Floors {
				x = floors.As(B, L).AtMost(numbers.At(token).LoadWhere(valid, 0)).Choose(x, f.Full(F32, 0, B, L))
			}
			return body(first, token, x, valid, carried)
		})
	}
	none := f.Full(F32, 0, B, L)
	sum := func(tile Value) Value { return tile.SumOver(1).SumOver(0) }
	add := func(_, _, x, _ Value, sums []Value) []Value { return []Value{sums[0].Add(x)} }
	given := sum(turns([]Value{none}, add)[0])
	total := given
	if k.Floors {
		total = sum(f.For(f.Int(0), f.Int(k.V), tileOfTokens, []Value{none}, func(first Value, sums []Value) []Value {
			token := f.Range(B).Times(L).Column().Add(f.Range(L).Row()).Add(first)
			return []Value{sums[0].Add(weights.At(token).LoadWhere(token.Indexes(k.V), 0))}
		})[0])
	}
	limit := tail.Mul(given)

	// The bits of a positive float32 grow with it. The threshold is the largest below which there is no more than
	// the limit; gone is what there is.
	const digits = 15 // of two bits: 2³⁰ is above the bits of 1
	found := f.For(f.Int(0), f.Int(digits), 1, []Value{f.Int(0), f.Int(1 << (2*digits - 2)), zero},
		func(_ Value, now []Value) []Value {
			low, unit, gone := now[0], now[1], now[2]
			var thresholds [3]Value
			for d := range thresholds {
				thresholds[d] = low.Add(unit.Times(d + 1)).Bits(F32)
			}
			sums := turns([]Value{none, none, none}, func(_, _, x, _ Value, sums []Value) (next []Value) {
				for d, t := range thresholds {
					next = append(next, sums[d].Add(x.Less(t).Choose(x, none)))
				}
				return next
			})
			digit := f.Int(0)
			for d := range thresholds {
				mass := sum(sums[d])
				fits := mass.AtMost(limit)
				digit, gone = fits.Choose(f.Int(d+1), digit), fits.Choose(mass, gone)
			}
			return []Value{low.Add(unit.Mul(digit)), unit.Over(4), gone}
		})
	threshold := found[0].Min(f.Int(int(math.Float32bits(1)))).Bits(F32)
	threshold = tail.AtMost(zero).Choose(f.Full(F32, -1), threshold)
	floor := threshold.Max(least)

	// Of those that equal it, ties, the last go, as many as the limit leaves room for, but for one.
	isTie := func(x, valid Value) Value {
		return x.AtMost(threshold).And(threshold.AtMost(x)).And(floor.AtMost(x)).And(valid)
	}
	one := f.Full(F32, 1, B, L)
	ties := sum(turns([]Value{none}, func(_, _, x, valid Value, n []Value) []Value {
		return []Value{n[0].Add(isTie(x, valid).Choose(one, none))}
	})[0])
	room := limit.Sub(found[2]).Div(threshold.Max(f.Full(F32, 1e-38))).Min(f.Full(F32, 1e9))
	keep := ties.Sub(room.To(I32).To(F32).Min(ties.Sub(f.Full(F32, 1))).Max(zero))

	// Ties are counted in the order of tokens, within blocks as a product with what is 1 above the diagonal.
	of := func(n int) (i, j Value) { return f.Range(n).Column().As(n, n), f.Range(n).Row().As(n, n) }
	i, j := of(L)
	ahead := i.Less(j).Choose(f.Full(F32, 1, L, L), f.Full(F32, 0, L, L)).To(BF16)
	noneOf := f.Full(F32, 0, B, B)
	turns([]Value{zero}, func(first, token, x, valid Value, before []Value) []Value {
		tie := isTie(x, valid)
		counted := tie.Choose(one, none)
		ofBlock := counted.SumOver(1)
		i, j := of(B)
		ofEarlier := j.Less(i).Choose(ofBlock.Row().As(B, B), noneOf).SumOver(1)
		rank := Dot(counted.To(BF16), ahead, none).Add(ofEarlier.Column()).Add(before[0])
		kept := tie.Choose(rank.Less(keep.As(B, L)).Choose(x, none), x)
		kept = floor.As(B, L).AtMost(x).Choose(kept, none)
		out.At(row.Times(k.V)).At(token).StoreWhere(kept, valid)
		block := first.Over(L).Add(f.Range(B))
		sums := out.At(row.Times(k.Blocks()).Plus(k.N * k.V))
		sums.At(block).StoreWhere(kept.SumOver(1), block.Indexes(k.Blocks()))
		return []Value{before[0].Add(ofBlock.SumOver(0))}
	})
	out.At(row.Plus(k.N*(k.V+k.Blocks()))).StoreWhere(total, f.Full(I1, 1))
	return Kernel{Name: name, Text: f.Text(), Grid: [3]int{k.N, 1, 1}, Warps: 16, Stages: 2}
}
