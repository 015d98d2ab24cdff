package triton

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestLargest compares the kernel with rows that are sorted: numbers of either sign and of all sizes, equal ones,
// zeros of both signs, infinities.
func TestLargest(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 2))
	inf := float32(math.Inf(1))
	for number := range 60 {
		l := Largest{N: 1 + r.IntN(3), V: 1 + r.IntN(pick(r, 5, 300, 9000)), Columns: 3, At: 1}
		x, many := make([]float32, l.N*l.V), make([]int32, 3*l.N)
		for i := range x {
			x[i] = float32(r.NormFloat64() * math.Pow(10, float64(r.IntN(8)-4)))
			if r.IntN(3) == 0 {
				x[i] = pick(r, 1, -1, 0, float32(math.Copysign(0, -1)), -inf, -math.MaxFloat32, 1e-42)
			}
		}
		for n := range l.N {
			many[3*n+1] = int32(r.IntN(min(l.V, pick(r, 3, 9000)) + 1))
		}
		if err := l.Check(); err != nil {
			t.Fatal(err)
		}
		k := l.Kernel()
		program, err := Parse(k.Text)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, l.N)
		if err := program.Run(k.Grid, []*Buffer{{F32: x}, {I32: many}, {F32: got}}, 2); err != nil {
			t.Fatal(err)
		}
		for n := range l.N {
			want, k := -inf, int(many[3*n+1])
			if k > 0 {
				row := slices.Sorted(slices.Values(x[n*l.V : (n+1)*l.V]))
				want = row[l.V-k]
			}
			if got[n] != want {
				t.Errorf("case %d, %+v: number %d in size of row %d is %g, want %g", number, l, k, n, got[n], want)
			}
		}
	}
}
