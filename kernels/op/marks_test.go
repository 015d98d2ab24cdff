package op

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
)

// TestRecomputedHostProducts: products that a checkpointed layer computes again in the backward
// pass are host products like the first ones, and the gradients have the same bits.
func TestRecomputedHostProducts(t *testing.T) {
	const N, width = 64, 64
	r := rand.New(rand.NewPCG(9, 10))
	x, w1, w2 := random(r, N*width, 1), random(r, width*width, 0.2), random(r, width*width, 0.2)
	for _, d := range kernelstest.Open(t) {
		if !d.IsXLA() {
			continue
		}
		layer := func(x, w *Node) *Node { return Tanh(Linear(x, w)) }
		run := func(remat bool) (calls int, gradients [3][]float32) {
			p, err := backend.Compile(d, "layers", []backend.Input{
				{Name: "x", Shape: shapes.Make(dtypes.Float32, N, width)},
				{Name: "w1", Shape: shapes.Make(dtypes.BFloat16, width, width)},
				{Name: "w2", Shape: shapes.Make(dtypes.BFloat16, width, width)},
			}, func(in []*Node) []*Node {
				x := in[0]
				if remat {
					x = x.Checkpoint()
				}
				y := layer(layer(x, in[1]), in[2])
				if remat {
					y = y.StopCheckpoint()
				}
				return Gradient(ReduceAllSum(Square(y)), in...)
			})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			buffers := []backend.Buffer{upload(t, d, x, N, width)}
			for _, w := range [][]float32{w1, w2} {
				b, err := backend.UploadFloat32(d, dtypes.BFloat16, w, width, width)
				if err != nil {
					t.Fatal(err)
				}
				buffers = append(buffers, b)
			}
			out, err := p.Run(buffers)
			if err != nil {
				t.Fatal(err)
			}
			return p.HostProducts(), [3][]float32{floats(t, out[0]), floats(t, out[1]), floats(t, out[2])}
		}
		calls, gradients := run(false)
		callsAgain, gradientsAgain := run(true)
		for i := range gradients {
			if !slices.Equal(gradients[i], gradientsAgain[i]) {
				t.Errorf("%s: gradient %d has other bits where the layer is computed again", d.Name, i)
			}
		}
		// Forward, dx and dw of each layer; with recomputation each forward product twice more,
		// as what the layer's tanh needs and, unused, for its own gradient.
		want, wantAgain := 6, 10
		if d.HostProducts(dtypes.BFloat16, 1) != nil {
			want, wantAgain = 0, 0
		}
		if calls != want || callsAgain != wantAgain {
			t.Errorf("%s: %d host products, %d with recomputation; want %d and %d",
				d.Name, calls, callsAgain, want, wantAgain)
		}
	}
}

// TestOwnOperationsStay: only what is marked is rewritten. A product and a scatter of maxima
// that somebody else makes stay what they are, in a program that has marked ones besides.
func TestOwnOperationsStay(t *testing.T) {
	const n = 64
	for _, d := range kernelstest.Open(t) {
		dtype := dtypes.BFloat16
		if !d.IsXLA() {
			dtype = dtypes.Float32 // the Go backend holds weights as float32
		}
		p, err := backend.Compile(d, "own", []backend.Input{
			{Name: "a", Shape: shapes.Make(dtype, n, n)}, {Name: "b", Shape: shapes.Make(dtype, n, n)},
			{Name: "pool", Shape: shapes.Make(dtypes.Float32, 3, 1)},
			{Name: "index", Shape: shapes.Make(dtypes.Int32, 2, 1)},
			{Name: "rows", Shape: shapes.Make(dtypes.Float32, 2, 1)},
			{Name: "real", Shape: shapes.Make(dtypes.Float32, 2, 1)},
		}, func(in []*Node) []*Node {
			own := Dot(in[0], in[1]).WithAccumulatorDType(dtypes.InvalidDType).
				WithOutputDType(dtypes.Float32).General([]int{1}, nil, []int{1}, nil)
			return []*Node{
				Product(in[0], in[1], 1, 1), own,
				assign(in[2], in[3], in[4], in[5]), ScatterMax(in[2], in[3], in[4], false, true),
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		ones := slices.Repeat([]float32{1}, n*n)
		var buffers []backend.Buffer
		for range 2 {
			b, err := backend.UploadFloat32(d, dtype, ones, n, n)
			if err != nil {
				t.Fatal(err)
			}
			buffers = append(buffers, b)
		}
		out, err := p.Run(append(buffers,
			upload(t, d, []float32{5, 6, 7}, 3, 1), upload(t, d, []int32{0, 2}, 2, 1),
			upload(t, d, []float32{1, 9}, 2, 1), upload(t, d, []float32{1, 1}, 2, 1)))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			near(t, d.Name+" product", floats(t, out[i]), slices.Repeat([]float32{n}, n*n), 0)
		}
		near(t, d.Name+" assignment", floats(t, out[2]), []float32{1, 6, 9}, 0)
		near(t, d.Name+" maximum", floats(t, out[3]), []float32{5, 6, 9}, 0)
		if d.HostProducts(dtypes.BFloat16, 1) != nil {
			continue
		}
		products := 0
		for _, operation := range p.Operations() {
			if operation == "stablehlo.dot_general" {
				products++
			}
		}
		if products != 1 || p.HostProducts() != 1 {
			t.Errorf("%s: %d products of XLA and %d of the host, want one of each",
				d.Name, products, p.HostProducts())
		}
	}
}
