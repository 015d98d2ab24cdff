package op

import (
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
)

// TestRows: rows that are named once, often and never, and the sums of their gradients, also on a GPU that is
// only described, in one block of rows and in several.
func TestRows(t *testing.T) {
	names := kernelstest.Backends(t)
	const described = "xla:cuda@sm_90"
	if d, err := backend.Open(described); err != nil {
		t.Logf("%s is not tested: %v", described, err)
	} else {
		d.Close()
		names = append(names, described)
	}
	const V, D = 37, 5
	for _, N := range []int{1, 24, rowsBlock + 100} {
		random1 := rand.New(rand.NewPCG(3, uint64(N)))
		table, weight := random(random1, V*D, 1), random(random1, N*D, 1)
		index := make([]int32, N)
		for i := range index {
			index[i] = int32(random1.IntN(V - 3)) // the last are never named
		}
		index[N-1] = 0
		rows, gradient := make([]float32, N*D), make([]float32, V*D)
		for i, at := range index {
			copy(rows[i*D:], table[int(at)*D:int(at+1)*D])
			for j := range D {
				gradient[int(at)*D+j] += weight[i*D+j]
			}
		}
		for _, name := range names {
			d, err := backend.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			p, err := backend.Compile(d, "rows", []backend.Input{
				{Name: "table", Shape: shapes.Make(dtypes.Float32, V, D)},
				{Name: "index", Shape: shapes.Make(dtypes.Int32, N)},
				{Name: "weight", Shape: shapes.Make(dtypes.Float32, N, D)},
			}, func(in []*Node) []*Node {
				y := Rows(in[0], in[1])
				return []*Node{y, Gradient(ReduceAllSum(Mul(y, in[2])), in[0])[0]}
			})
			if err != nil {
				t.Fatal(err)
			}
			out, err := p.Run([]backend.Buffer{upload(t, d, table, V, D), upload(t, d, index, N),
				upload(t, d, weight, N, D)})
			if err != nil {
				t.Fatal(err)
			}
			near(t, name+": rows", floats(t, out[0]), rows, 0)
			near(t, name+": gradient", floats(t, out[1]), gradient, 1e-5)
			p.Close()
		}
	}
}
