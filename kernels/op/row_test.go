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

// TestRow: a row's product is x·wᵀ, of a short row and of one that is added up in pieces, and the squares are
// those of the row whatever its scale, beside each product. What a product is added to is in it.
func TestRow(t *testing.T) {
	for _, d := range kernelstest.Open(t) {
		for _, c := range []struct {
			out, in int
			dtype   dtypes.DType
		}{{7, 33, dtypes.Float32}, {64, 896, dtypes.Float32}, {5, 18944, dtypes.Float32}, {64, 896, dtypes.BFloat16}} {
			if c.dtype == dtypes.BFloat16 && !d.IsXLA() {
				continue // which has no bfloat16
			}
			t.Run(fmt.Sprintf("%s/%d×%d/%v", d.Name, c.out, c.in, c.dtype), func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, uint64(c.in)))
				random := func(n int) []float32 {
					values := make([]float32, n)
					for i := range values {
						values[i] = float32(r.NormFloat64())
					}
					return values
				}
				x, scale, w, to := random(c.in), random(c.in), random(c.out*c.in), random(c.out)
				if c.dtype == dtypes.BFloat16 {
					backend.RoundBFloat16(scale)
					backend.RoundBFloat16(w)
				}
				inputs := []backend.Input{
					{Name: "x", Shape: shapes.Make(dtypes.Float32, 1, 1, c.in)},
					{Name: "scale", Shape: shapes.Make(c.dtype, c.in)},
					{Name: "w", Shape: shapes.Make(c.dtype, c.out, c.in)},
					{Name: "to", Shape: shapes.Make(dtypes.Float32, 1, 1, c.out)},
				}
				p, err := backend.Compile(d, "row", inputs, func(in []*Node) []*Node {
					product, square := RowAndSquare(in[0], in[1], in[2])
					return []*Node{Row(in[0], in[2]), product, square, RowOnto(in[3], in[0], in[2])}
				})
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close()
				var buffers []backend.Buffer
				for i, values := range [][]float32{x, scale, w, to} {
					b, err := backend.UploadFloat32(d, inputs[i].Shape.DType, values, inputs[i].Shape.Dimensions...)
					if err != nil {
						t.Fatal(err)
					}
					buffers = append(buffers, b)
				}
				outputs, err := p.Run(buffers)
				if err != nil {
					t.Fatal(err)
				}
				for i, output := range outputs {
					got, err := backend.Float32s(output)
					if err != nil {
						t.Fatal(err)
					}
					if len(got) != c.out {
						t.Fatalf("output %d has %d numbers, want %d", i, len(got), c.out)
					}
					for o := range got {
						want, size := 0.0, 0.0
						if i == 3 {
							want, size = float64(to[o]), math.Abs(float64(to[o]))
						}
						for k := range x {
							a, b := float64(x[k]), float64(w[o*c.in+k])
							switch i {
							case 1:
								a *= float64(scale[k])
							case 2:
								b = a
							}
							want, size = want+a*b, size+math.Abs(a*b)
						}
						if math.Abs(float64(got[o])-want) > 1e-5*size {
							t.Fatalf("output %d: number %d is %g, want %g", i, o, got[o], want)
						}
					}
				}
			})
		}
	}
}
