package host

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestContraction compares products of matrices of each dtype and in each layout with those in
// float64, on shapes with and without rests, and teams of one and three, bit for bit.
func TestContraction(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		one, three := NewTeam(1), NewTeam(3)
		defer one.Close()
		defer three.Close()
		alone, together := NewContraction(one), NewContraction(three)
		shapes := [][3]int{
			{1, 1, 1}, {7, 9, 33}, {40, 72, 64}, {130, 37, 100}, {50, 40, 1700}, {97, 193, 350},
			{slabRows + 5, 3, 9}, {2, slabRows + 33, 6},
		}
		for i := range 2 * len(shapes) {
			n, m, K, wide := shapes[i/2][0], shapes[i/2][1], shapes[i/2][2], i%2 == 1
			shape := fmt.Sprint(shapes[i/2], ", float32 ", wide)
			a, b := bits(r, n*K), bits(r, m*K)
			operand := func(bits []uint16, rows int, transposed bool) Operand {
				if !wide {
					return Operand{Bits: bits, Rows: rows, Transposed: transposed}
				}
				values := make([]float32, len(bits))
				widen(values, bits)
				return Operand{Values: values, Rows: rows, Transposed: transposed}
			}
			want := make([]float64, n*m)
			for i := range n {
				for j := range m {
					for k := range K {
						want[i*m+j] += value(a[i*K+k]) * value(b[j*K+k])
					}
				}
			}
			var first []float32
			for layout := range 4 {
				left, right := operand(a, n, false), operand(b, m, false)
				if layout&1 != 0 {
					left = operand(turned(a, n, K), n, true)
				}
				if layout&2 != 0 {
					right = operand(turned(b, m, K), m, true)
				}
				y, again := random(r, n*m), random(r, n*m)
				together.Multiply(y, left, right, K)
				alone.Multiply(again, left, right, K)
				if !slices.Equal(y, again) {
					t.Fatalf("%v, layout %d: a team of three has other bits than one thread", shape, layout)
				}
				if first == nil {
					first = y
				}
				if !slices.Equal(y, first) {
					t.Fatalf("%v: layout %d has other bits", shape, layout)
				}
				for i, v := range y {
					if math.Abs(float64(v)-want[i]) > 3e-6*float64(K) {
						t.Fatalf("%v, layout %d: y[%d] = %g, want %g", shape, layout, i, v, want[i])
					}
				}
			}
		}
	})
}

func bits(r *rand.Rand, n int) []uint16 {
	out := make([]uint16, n)
	narrow(out, random(r, n))
	return out
}

func value(b uint16) float64 { return float64(math.Float32frombits(uint32(b) << 16)) }

// turned is x [rows, columns] as [columns, rows].
func turned(x []uint16, rows, columns int) []uint16 {
	out := make([]uint16, len(x))
	for i := range rows {
		for j := range columns {
			out[j*rows+i] = x[i*columns+j]
		}
	}
	return out
}

// BenchmarkContraction is a linear layer of SmolLM2-135M's in training, 1152 tokens:
// y = x·wᵀ, dx = dy·w, dw = dyᵀ·x, on one thread and on all.
func BenchmarkContraction(b *testing.B) {
	const N, in, out = 1152, 576, 1536
	r := rand.New(rand.NewPCG(7, 8))
	x, dy, w := random(r, N*in), random(r, N*out), random(r, out*in)
	y := make([]float32, N*out)
	all := tiers
	defer func() { tiers = all }()
	type kind struct {
		name  string
		wide  bool // float32
		tiers []*tier
	}
	var kinds []kind
	for i, one := range all {
		kinds = append(kinds, kind{name: fmt.Sprintf("float32/%dbits", 32*one.lanes), wide: true, tiers: all[i:]})
		if one.dot[formatBF16] != nil {
			kinds = append(kinds, kind{name: "bfloat16/dot", tiers: all[i:]})
		}
		without := *one
		without.dot[formatBF16] = nil
		kinds = append(kinds, kind{name: fmt.Sprintf("bfloat16/%dbits", 32*one.lanes), tiers: []*tier{&without}})
	}
	for _, k := range kinds {
		tiers = k.tiers
		operand := func(values []float32, rows int, transposed bool) Operand {
			if k.wide {
				return Operand{Values: values, Rows: rows, Transposed: transposed}
			}
			bits := make([]uint16, len(values))
			narrow(bits, values)
			return Operand{Bits: bits, Rows: rows, Transposed: transposed}
		}
		for _, p := range []struct {
			name string
			a, b Operand
			K    int
		}{
			{"y", operand(x, N, false), operand(w, out, false), in},
			{"dx", operand(dy, N, false), operand(w, in, true), out},
			{"dw", operand(dy, out, true), operand(x, in, true), N},
		} {
			for _, threads := range []int{1, 0} {
				team := NewTeam(threads)
				c := NewContraction(team)
				b.Run(fmt.Sprintf("%s/%s-%d", k.name, p.name, team.Size()), func(b *testing.B) {
					best := time.Hour
					for b.Loop() {
						began := time.Now()
						c.Multiply(y, p.a, p.b, p.K)
						best = min(best, time.Since(began))
					}
					b.ReportMetric(2*N*in*out/best.Seconds()/1e9, "GFLOP/s")
				})
				team.Close()
			}
		}
	}
}
