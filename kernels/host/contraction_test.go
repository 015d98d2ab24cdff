package host

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestContraction compares products of matrices in each layout with those in
// float64, on shapes with and without rests, and teams of one and three, bit for bit.
func TestContraction(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		one, three := NewTeam(1), NewTeam(3)
		defer one.Close()
		defer three.Close()
		alone, together := NewContraction(one), NewContraction(three)
		for _, shape := range [][3]int{{1, 1, 1}, {7, 9, 33}, {40, 72, 64}, {130, 37, 100}, {200, 64, 1700}} {
			n, m, K := shape[0], shape[1], shape[2]
			a, b := bits(r, n*K), bits(r, m*K)
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
				left, right := Operand{Bits: a, Rows: n}, Operand{Bits: b, Rows: m}
				if layout&1 != 0 {
					left = Operand{turned(a, n, K), n, true}
				}
				if layout&2 != 0 {
					right = Operand{turned(b, m, K), m, true}
				}
				y, again := make([]float32, n*m), make([]float32, n*m)
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
// y = x·wᵀ, dx = dy·w, dw = dyᵀ·x.
func BenchmarkContraction(b *testing.B) {
	const N, in, out = 1152, 576, 1536
	r := rand.New(rand.NewPCG(7, 8))
	x, dy, w := bits(r, N*in), bits(r, N*out), bits(r, out*in)
	team := NewTeam(0)
	defer team.Close()
	c := NewContraction(team)
	y := make([]float32, N*out)
	for _, p := range []struct {
		name string
		a, b Operand
		K    int
	}{
		{"y", Operand{x, N, false}, Operand{w, out, false}, in},
		{"dx", Operand{dy, N, false}, Operand{w, in, true}, out},
		{"dw", Operand{dy, out, true}, Operand{x, in, true}, N},
	} {
		b.Run(fmt.Sprintf("%s-%d", p.name, team.Size()), func(b *testing.B) {
			for b.Loop() {
				c.Multiply(y, p.a, p.b, p.K)
			}
			b.ReportMetric(2*N*in*out*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
