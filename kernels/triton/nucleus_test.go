package triton

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestNucleus compares the kernel with tokens that are sorted, over weights and limits whose sums float32 has
// exactly: many ties, one token that has nearly all weight, weights of 0, limits that are off.
func TestNucleus(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	for number := range 60 {
		k := Nucleus{N: 1 + r.IntN(3), Block: pick(r, 16, 64), V: 64 * (1 + r.IntN(pick(r, 3, 100)))}
		k.Floors = number%3 == 1
		if number == 0 {
			k.V = 4096
		}
		kinds := pick(r, 2, 7, 1000)
		w, limits := make([]float32, k.N*k.V), make([]float32, 2*k.N)
		numbers, floors := make([]float32, k.N*k.V), make([]float32, k.N)
		for n := range k.N {
			row := w[n*k.V : (n+1)*k.V]
			for i := range row {
				row[i] = float32(r.IntN(kinds)*r.IntN(2)) / 1024
			}
			row[r.IntN(k.V)] = 1
			if k.Floors {
				floors[n] = float32(r.IntN(3)) / 1024
				for i := range row { // of which what is below counts as 0
					numbers[n*k.V+i] = pick(r, floors[n], floors[n]+1, floors[n]-1, float32(math.NaN()))
				}
				numbers[n*k.V+slices.Index(row, 1)] = 5
			}
			limits[2*n] = pick[float32](r, 0, 0.125, 0.5, 0.875)
			limits[2*n+1] = pick[float32](r, 0, 0, 2./1024, 1)
		}
		got := runNucleus(t, k, w, limits, numbers, floors)
		for n := range k.N {
			row, tail, least := slices.Clone(w[n*k.V:(n+1)*k.V]), float64(limits[2*n]), limits[2*n+1]
			order, all, total := make([]int, k.V), 0.0, 0.0
			for i, x := range row {
				order[i] = i
				all += float64(x)
				if k.Floors && !(numbers[n*k.V+i] >= floors[n]) {
					row[i] = 0
				}
				total += float64(row[i])
			}
			slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(row[j], row[i]) })
			want := slices.Clone(row)
			gone, left := 0.0, k.V
			for left > 1 && gone+float64(row[order[left-1]]) <= tail*total {
				left--
				gone += float64(row[order[left]])
				want[order[left]] = 0
			}
			sums := make([]float64, k.Blocks())
			for i := range want {
				if want[i] < least {
					want[i] = 0
				}
				if x := got[n*k.V+i]; x != want[i] {
					t.Fatalf("case %d, %+v, tail %g, least %g: token %d of row %d has %g, want %g", number, k, tail,
						least, i, n, x, want[i])
				}
				sums[i/k.Block] += float64(want[i])
			}
			for b, want := range sums {
				if sum := got[k.N*k.V+n*k.Blocks()+b]; float64(sum) != want {
					t.Fatalf("case %d, %+v: block %d of row %d sums up to %g, want %g", number, k, b, n, sum, want)
				}
			}
			if sum := got[k.N*(k.V+k.Blocks())+n]; float64(sum) != all {
				t.Fatalf("case %d, %+v: row %d sums up to %g, want %g", number, k, n, sum, all)
			}
		}
	}
}

// TestNucleusOfNaN: a weight that is not a number shows in the row's sum, and in no other row's.
func TestNucleusOfNaN(t *testing.T) {
	k := Nucleus{N: 2, V: 128, Block: 64}
	w := slices.Repeat([]float32{1}, 2*k.V)
	w[k.V+5] = float32(math.NaN())
	got := runNucleus(t, k, w, []float32{0.5, 0, 0.5, 0}, nil, nil)
	good, bad := got[k.Results()-2], got[k.Results()-1]
	if good != 128 || bad == bad {
		t.Errorf("the rows sum up to %g and %g, want 128 and NaN", good, bad)
	}
}

func runNucleus(t *testing.T, k Nucleus, w, limits, numbers, floors []float32) []float32 {
	t.Helper()
	k.Columns, k.At = 5, 3
	bits := slices.Repeat([]int32{-1}, 5*k.N)
	for i, limit := range limits {
		bits[i/2*k.Columns+k.At+i%2] = int32(math.Float32bits(limit))
	}
	if err := k.Check(); err != nil {
		t.Fatal(err)
	}
	kernel := k.Kernel()
	program, err := Parse(kernel.Text)
	if err != nil {
		t.Fatal(err)
	}
	out := slices.Repeat([]float32{-7}, k.Results())
	memory := []*Buffer{{F32: w}}
	if k.Floors {
		memory = append(memory, &Buffer{F32: numbers}, &Buffer{F32: floors})
	}
	if err := program.Run(kernel.Grid, append(memory, &Buffer{I32: bits}, &Buffer{F32: out}), 2); err != nil {
		t.Fatal(err)
	}
	return out
}
