package op

import (
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
)

// TestCopyPagesReadsFirst: copying pages puts a barrier between reading them and writing
// them, without which XLA for CUDA copies the whole pool (see CopyPages), and a donated
// pool is changed in place.
func TestCopyPagesReadsFirst(t *testing.T) {
	p := Pages{Count: 1 << 12, Slots: 16, Heads: 2, Width: 16, DType: dtypes.Float32}
	for _, d := range kernelstest.Open(t) {
		if !d.IsXLA() {
			continue
		}
		program, err := backend.Compile(d, "copy", []backend.Input{
			{Name: "src", Shape: shapes.Make(dtypes.Int32, 4)},
			{Name: "dst", Shape: shapes.Make(dtypes.Int32, 4)},
			{Name: "pool", Shape: p.Shape(), Donated: true},
		}, func(in []*Node) []*Node { return []*Node{p.CopyPages(in[2], in[0], in[1])} })
		if err != nil {
			t.Fatal(err)
		}
		operations := program.Operations()
		gather := slices.Index(operations, "stablehlo.gather")
		barrier := slices.Index(operations, "stablehlo.optimization_barrier")
		scatter := slices.Index(operations, "stablehlo.scatter")
		if gather < 0 || barrier < gather || scatter < barrier {
			t.Errorf("%s: operations %v, want a barrier between gather and scatter", d.Name, operations)
		}
		if m, size := program.Memory(), int64(p.Shape().ByteSize()); m.Aliased < size ||
			m.Temporary > size/100 {
			t.Errorf("%s: %d bytes aliased, %d temporary: the pool of %d bytes is copied",
				d.Name, m.Aliased, m.Temporary, size)
		}
		program.Close()
	}
}
