package op

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
)

// TestSum: sums of many like numbers keep float32's digits on every backend, whatever
// the length of the axis.
func TestSum(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, d := range kernelstest.Open(t) {
		for _, dims := range [][]int{
			{1}, {3, 1}, {64}, {2, 65}, {2, 3, 127}, {3, 4096}, {2, 4097}, {151937}, {1 << 20},
		} {
			n := dims[len(dims)-1]
			rows := 1
			for _, dim := range dims[:len(dims)-1] {
				rows *= dim
			}
			x, want, total := make([]float32, rows*n), make([]float64, rows), 0.0
			for i := range x {
				x[i] = 0.7 + 0.01*float32(r.IntN(7)) // a running sum rounds like numbers alike
				want[i/n] += float64(x[i])
				total += float64(x[i])
			}
			inputs := []backend.Input{{Name: "x", Shape: shapes.Make(dtypes.Float32, dims...)}}
			p, err := backend.Compile(d, "sum", inputs, func(in []*Node) []*Node {
				return []*Node{Sum(in[0]), SumAll(in[0])}
			})
			if err != nil {
				t.Fatal(err)
			}
			out, err := p.Run([]backend.Buffer{upload(t, d, x, dims...)})
			if err != nil {
				t.Fatal(err)
			}
			what := fmt.Sprintf("%s %v", d.Name, dims)
			for i, got := range append(floats(t, out[0]), floats(t, out[1])...) {
				exact := append(want, total)[i]
				if math.Abs(float64(got)-exact) > 1e-6*exact {
					t.Errorf("%s: sum %d is %.9g, want %.9g", what, i, got, exact)
				}
			}
			p.Close()
		}
	}
}

// TestTokenLogProbsDigits compares log-probabilities, entropies and gradients with
// float64 where float32 logits would leave no digits: far from 0, with one token that
// is all but certain, and over a vocabulary whose tokens are nearly alike. Logits are
// products that float32 holds exactly.
func TestTokenLogProbsDigits(t *testing.T) {
	const D = 2
	V := 2*VocabularyBlock + 37
	first := make([]float64, V) // of head; the second is 1
	r := rand.New(rand.NewPCG(7, 8))
	head := make([]float32, V*D)
	certain := int32(VocabularyBlock + 5)
	for v := range V {
		first[v] = float64(r.IntN(33)-16) / 16
		if v == int(certain) {
			first[v] = 2.5
		}
		head[v*D], head[v*D+1] = float32(first[v]), 1
	}
	type row struct {
		scale, offset float64
		target        int32
	}
	var rows []row
	for _, scale := range []float64{0.125, 1, 4, 16} {
		for _, offset := range []float64{0, 40, -40} {
			rows = append(rows, row{scale, offset, certain}, row{scale, offset, int32(V - 1)})
		}
	}
	f32 := dtypes.Float32
	for _, d := range kernelstest.Open(t) {
		p, err := backend.Compile(d, "logprobs", []backend.Input{
			{Name: "h", Shape: shapes.Make(f32, 1, D)}, {Name: "head", Shape: shapes.Make(f32, V, D)},
			{Name: "target", Shape: shapes.Make(dtypes.Int32, 1)}, {Name: "t", Shape: shapes.Make(f32)},
		}, func(in []*Node) []*Node {
			logprob, entropy := TokenLogProbs(in[0], in[1], in[2], in[3])
			return []*Node{logprob, entropy, Gradient(ReduceAllSum(logprob), in[1])[0]}
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range rows {
			h := []float32{float32(x.scale), float32(x.offset)}
			out, err := p.Run([]backend.Buffer{
				upload(t, d, h, 1, D), upload(t, d, head, V, D),
				upload(t, d, []int32{x.target}, 1), upload(t, d, []float32{1}),
			})
			if err != nil {
				t.Fatal(err)
			}
			top := 2.5 * x.scale // the offset cancels
			sum, weighted := 0.0, 0.0
			for _, w := range first {
				z := w*x.scale - top
				sum, weighted = sum+math.Exp(z), weighted+z*math.Exp(z)
			}
			near := func(what string, got float32, want float64) {
				t.Helper()
				if math.Abs(float64(got)-want) > 1e-6*(0.2+math.Abs(want)) {
					t.Errorf("%s %+v: %s is %.9g, want %.9g", d.Name, x, what, got, want)
				}
			}
			near("log-probability", floats(t, out[0])[0], first[x.target]*x.scale-top-math.Log(sum))
			near("entropy", floats(t, out[1])[0], math.Log(sum)-weighted/sum)
			gradient := floats(t, out[2])
			for _, v := range []int32{certain, 0, int32(V - 1)} {
				want := -math.Exp(first[v]*x.scale-top) / sum
				if v == x.target {
					want++
				}
				near(fmt.Sprintf("gradient of token %d", v), gradient[v*D]/h[0], want)
			}
			backend.Free(out...)
		}
		p.Close()
	}
}
