package backend_test

import (
	"sync"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
)

// TestShared: programs of the same text are compiled once, however many ask at a time, and serve
// after those that asked first have closed theirs; another constant, shape or donation is another
// program.
func TestShared(t *testing.T) {
	for _, name := range kernelstest.Backends(t) {
		t.Run(name, func(t *testing.T) {
			var shared backend.Shared
			a, err := shared.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			b, err := shared.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			if same := a == b; same != a.IsXLA() {
				t.Fatalf("one device: %v", same)
			}
			before, reusedBefore := backend.Compiled()
			compile := func(d *backend.Device, n int, factor float64, donated bool) *backend.Program {
				in := []backend.Input{{Name: "x", Shape: shapes.Make(dtypes.Float32, n), Donated: donated}}
				p, err := backend.Compile(d, "times", in, func(in []*Node) []*Node {
					return []*Node{MulScalar(in[0], factor)}
				})
				if err != nil {
					t.Error(err)
				}
				return p
			}
			check := func(p *backend.Program, d *backend.Device, n int, want float32) {
				x := make([]float32, n)
				for i := range x {
					x[i] = float32(i)
				}
				buffer, err := backend.Upload(d, x, n)
				if err != nil {
					t.Error(err)
					return
				}
				defer backend.Free(buffer)
				out, err := p.Run([]backend.Buffer{buffer})
				if err != nil {
					t.Error(err)
					return
				}
				defer backend.Free(out...)
				got, err := backend.Float32s(out[0])
				if err != nil || got[n-1] != want*float32(n-1) {
					t.Errorf("%v, %v", got, err)
				}
			}
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() {
					d := []*backend.Device{a, b}[i%2]
					p := compile(d, 4, 3, false)
					check(p, d, 4, 3)
					p.Close()
					p.Close()
				})
			}
			all.Wait()
			for _, other := range []struct {
				n       int
				factor  float64
				donated bool
			}{{4, 2, false}, {5, 3, false}, {4, 3, true}, {4, 3, false}} {
				p := compile(a, other.n, other.factor, other.donated)
				if !other.donated {
					check(p, a, other.n, float32(other.factor))
				}
				p.Close()
			}
			compiled, reused := backend.Compiled()
			wantCompiled, wantReused := 4, 8
			if !a.IsXLA() {
				wantCompiled, wantReused = 12, 0
			}
			if compiled-before != wantCompiled || reused-reusedBefore != wantReused {
				t.Errorf("%d programs compiled, %d reused, want %d and %d", compiled-before, reused-reusedBefore,
					wantCompiled, wantReused)
			}
		})
	}
}
