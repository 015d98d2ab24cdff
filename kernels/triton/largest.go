package triton

import (
	"fmt"
	"math"
)

// Largest finds the k-th largest number of each of N rows of V. A program of its kernel takes a row: it searches
// among the bits of numbers, two at a time, without sorting.
type Largest struct {
	N, V int
	// How many [N, Columns], int32, has each row's k in column At; 0 asks for nothing.
	Columns, At int
}

// Check tells why there is no kernel of these sizes, or returns nil.
func (l Largest) Check() error {
	switch {
	case l.N < 1 || l.V < 1 || l.V >= 1<<24 || l.N > math.MaxInt32/l.V:
		return fmt.Errorf("%d rows of %d numbers", l.N, l.V)
	case l.At < 0 || l.At >= l.Columns || l.N > math.MaxInt32/l.Columns:
		return fmt.Errorf("column %d of %d", l.At, l.Columns)
	}
	return nil
}

// Kernel is given the rows [N, V], float32, and how many. It results in the k-th largest number of each row [N], -Inf
// where k is 0. Numbers that are NaN are less than any.
func (l Largest) Kernel() Kernel {
	const name = "stele_largest"
	f := NewFunction(name)
	rows, many, out := f.Argument("x", F32), f.Argument("many", I32), f.Argument("out", F32)
	row := f.ProgramID(0)
	k := many.At(row.Times(l.Columns).Plus(l.At)).Load()
	n := k.To(F32)

	// Floats as integers in their order, from -Inf to what is NaN, which nothing reaches.
	infinity := int(math.Float32bits(float32(math.Inf(1))))
	float := func(key Value) Value {
		key = key.Max(f.Int(-infinity - 1))
		negative := f.Int(math.MinInt32).Sub(key.Plus(1))
		return key.Less(f.Int(0)).Choose(negative, key).Bits(F32)
	}
	const width = 64
	const height = tileOfTokens / width
	none, one := f.Full(F32, 0, height, width), f.Full(F32, 1, height, width)
	const digits = 16 // of two bits
	found := f.For(f.Int(0), f.Int(digits), 1, []Value{f.Int(math.MinInt32), f.Int(1 << (2*digits - 2))},
		func(_ Value, now []Value) []Value {
			low, unit := now[0], now[1]
			var floors [3]Value
			for d := range floors {
				floors[d] = float(low.Add(unit.Times(d + 1)))
			}
			counts := f.For(f.Int(0), f.Int(l.V), tileOfTokens, []Value{none, none, none},
				func(first Value, counts []Value) (next []Value) {
					at := f.Range(height).Times(width).Column().Add(f.Range(width).Row()).Add(first)
					valid := at.Indexes(l.V)
					x := rows.At(row.Times(l.V)).At(at).LoadWhere(valid, 0)
					for d, floor := range floors {
						reaches := floor.As(height, width).AtMost(x).And(valid)
						next = append(next, counts[d].Add(reaches.Choose(one, none)))
					}
					return next
				})
			digit := f.Int(0)
			for d, count := range counts {
				digit = n.AtMost(count.SumOver(1).SumOver(0)).Choose(f.Int(d+1), digit)
			}
			return []Value{low.Add(unit.Mul(digit)), unit.Over(4)}
		})
	asked := f.Int(0).Less(k)
	floor := asked.Choose(found[0], f.Int(-infinity-1))
	out.At(row).StoreWhere(float(floor), f.Full(I1, 1))
	return Kernel{Name: name, Text: f.Text(), Grid: [3]int{l.N, 1, 1}, Warps: 16, Stages: 2}
}
