package op

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/blockwise"
	"github.com/stele-lm/stele/kernels/kernelstest"
)

// blockwiseFormats lists every format.
func blockwiseFormats() []blockwise.Format {
	return []blockwise.Format{
		{Code: blockwise.NF4}, {Code: blockwise.NF4, Double: true},
		{Code: blockwise.Int8}, {Code: blockwise.Int8, Double: true},
	}
}

// uploadBlockwise quantises a weight [out, in] and uploads its parts.
func uploadBlockwise(t *testing.T, d *backend.Device, f blockwise.Format, w []float32) (
	*blockwise.Tensor, []backend.Buffer,
) {
	t.Helper()
	q, err := f.Quantize(w)
	if err != nil {
		t.Fatal(err)
	}
	parts := BlockwiseShapes(f, len(w))
	buffers := []backend.Buffer{upload(t, d, q.Codes, parts[0].Dimensions...),
		upload(t, d, q.Absmax, parts[1].Dimensions...)}
	if f.Double {
		buffers = append(buffers, upload(t, d, q.AbsmaxCodes, parts[2].Dimensions...))
	}
	return q, buffers
}

// blockwiseInputs declares the parts of a weight.
func blockwiseInputs(name string, f blockwise.Format, n int) []backend.Input {
	var inputs []backend.Input
	for i, shape := range BlockwiseShapes(f, n) {
		inputs = append(inputs, backend.Input{Name: fmt.Sprint(name, i), Shape: shape})
	}
	return inputs
}

// TestBlockwise compares the numbers of a weight that is held block-wise with those that the package
// blockwise decodes; and the product with it and its gradient with those of the decoded weight, bit for
// bit. A row of NaN makes no other row NaN.
func TestBlockwise(t *testing.T) {
	const N = 5
	r := rand.New(rand.NewPCG(3, 14))
	for _, d := range kernelstest.Open(t) {
		for _, shape := range [][2]int{{48, 64}, {7, 33}, {160, 128}} {
			for _, f := range blockwiseFormats() {
				for _, dtype := range []dtypes.DType{dtypes.Float32, dtypes.BFloat16} {
					out, in := shape[0], shape[1]
					product := dtype
					if !d.IsXLA() {
						product = dtypes.Float32
					}
					q, parts := uploadBlockwise(t, d, f, random(r, out*in, 0.02))
					want := make([]float32, q.N)
					q.Decode(want, 0)
					if dtype == dtypes.BFloat16 {
						backend.RoundBFloat16(want)
					}
					whole, err := backend.UploadFloat32(d, product, want, out, in)
					if err != nil {
						t.Fatal(err)
					}
					inputs := append([]backend.Input{
						{Name: "x", Shape: shapes.Make(dtypes.Float32, N, in)},
						{Name: "whole", Shape: shapes.Make(product, out, in)},
					}, blockwiseInputs("w", f, out*in)...)
					p, err := backend.Compile(d, "blockwise", inputs, func(nodes []*Node) []*Node {
						x := nodes[0]
						w := Blockwise{Format: f, Out: out, In: in, Parts: nodes[2:], DType: product, Rounded: dtype}
						result := func(y *Node) []*Node {
							weight := MulScalar(AddScalar(Iota(y.Graph(), y.Shape(), 1), 1), 1/float64(out))
							return append([]*Node{y}, Gradient(ReduceAllSum(Mul(Sin(y), weight)), x)...)
						}
						all := []*Node{Convert(w.Numbers(x), dtypes.Float32)}
						all = append(all, result(w.Linear(x))...)
						return append(all, result(Linear(x, nodes[1]))...)
					})
					if err != nil {
						t.Fatal(err)
					}
					what := fmt.Sprintf("%s, %v in %s of %v: ", d.Name, f, dtype, shape)
					x := random(r, N*in, 1)
					run := func() (all [][]float32) {
						outputs, err := p.Run(append([]backend.Buffer{upload(t, d, x, N, in), whole}, parts...))
						if err != nil {
							t.Fatal(err)
						}
						for _, b := range outputs {
							all = append(all, floats(t, b))
						}
						return all
					}
					got := run()
					// XLA may round a product and a sum at once: the magnitude of a block then has another last bit.
					tolerance := 0.0
					if f.Double && d.IsXLA() {
						tolerance = 5e-7
						if dtype == dtypes.BFloat16 {
							tolerance = 1.0 / 256
						}
					}
					for i, v := range got[0] {
						if off := math.Abs(float64(v - want[i])); !(off <= tolerance*math.Abs(float64(want[i]))) {
							t.Fatalf("%snumber %d is %g, want %g", what, i, v, want[i])
						}
					}
					if tolerance == 0 {
						tolerance = 1e-6
					}
					near(t, what+"product", got[1], got[3], 4*tolerance)
					near(t, what+"gradient", got[2], got[4], 4*tolerance)
					for i := range in {
						x[i] = float32(math.NaN())
					}
					for i, v := range run()[1] {
						if nan := math.IsNaN(float64(v)); nan != (i < out) {
							t.Fatalf("%swith NaN in row 0, number %d of the product is %g", what, i, v)
						}
					}
					p.Close()
				}
			}
		}
	}
}

// TestBlockwiseMemory: of weights that are held block-wise, numbers exist of a layer or two at a time: what
// XLA assigns to a gradient of many layers is not larger by theirs, also where layers are computed again.
func TestBlockwiseMemory(t *testing.T) {
	const N, width = 8, 512
	for _, d := range kernelstest.Open(t) {
		if !d.IsXLA() {
			continue
		}
		for _, f := range blockwiseFormats() {
			temporary := func(layers int, gradient, remat bool) int64 {
				inputs := []backend.Input{{Name: "x", Shape: shapes.Make(dtypes.Float32, N, width)}}
				for l := range layers {
					inputs = append(inputs, blockwiseInputs(fmt.Sprint("layer", l, "part"), f, width*width)...)
				}
				p, err := backend.Compile(d, "layers", inputs, func(nodes []*Node) []*Node {
					x, parts := nodes[0], len(BlockwiseShapes(f, 1))
					y := x
					for weights := range slices.Chunk(nodes[1:], parts) {
						if remat {
							y = y.Checkpoint()
						}
						w := Blockwise{Format: f, Out: width, In: width, Parts: weights,
							DType: dtypes.Float32, Rounded: dtypes.Float32}
						y = Add(y, Tanh(w.Linear(Sin(y))))
					}
					if remat {
						y = y.StopCheckpoint()
					}
					if !gradient {
						return []*Node{y}
					}
					return Gradient(ReduceAllSum(Square(y)), x)
				})
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close()
				return p.Memory().Temporary
			}
			const weight = width * width * 4 // bytes, as float32
			for _, kind := range [][2]bool{{false, false}, {true, false}, {true, true}} {
				few, many := temporary(3, kind[0], kind[1]), temporary(12, kind[0], kind[1])
				t.Logf("%s, %v, gradient %v, remat %v: %d bytes for 3 layers, %d for 12, numbers of a weight are %d",
					d.Name, f, kind[0], kind[1], few, many, weight)
				// A GPU's library of products has some megabytes of its own.
				if d.IsCPU() && many > 3*weight || many-few > weight/2 {
					t.Errorf("%s, %v, gradient %v, remat %v: %d bytes for 3 layers, %d for 12, numbers of a "+
						"weight are %d", d.Name, f, kind[0], kind[1], few, many, weight)
				}
			}
		}
	}
}
