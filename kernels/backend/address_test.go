package backend_test

import (
	"slices"
	"testing"
	"unsafe"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
)

// TestAddress: on XLA's CPU, whose memory is this process's, a buffer's numbers lie where Address says, and what is
// written there is what the next program and a download see, also after donation. Other backends have no address.
func TestAddress(t *testing.T) {
	for _, d := range kernelstest.Open(t) {
		values := make([]float32, 300)
		for i := range values {
			values[i] = float32(i)
		}
		b, err := backend.Upload(d, values, 3, 100)
		if err != nil {
			t.Fatal(err)
		}
		address, err := backend.Address(b)
		if d.Name != "xla:cpu" {
			if !d.IsXLA() && err == nil {
				t.Errorf("%s: an address %x", d.Name, address)
			}
			continue
		}
		if err != nil || address == 0 {
			t.Fatalf("%s: %x, %v", d.Name, address, err)
		}
		if n, err := d.HardwareNumber(); err != nil || n != 0 {
			t.Errorf("%s: number %d, %v", d.Name, n, err)
		}
		there := unsafe.Slice((*float32)(*(*unsafe.Pointer)(unsafe.Pointer(&address))), len(values))
		if !slices.Equal(there, values) {
			t.Fatalf("%s: other values lie there", d.Name)
		}
		there[7] = -1
		p, err := backend.Compile(d, "twice", []backend.Input{{Name: "x", Shape: shapes.Make(dtypes.Float32, 3, 100),
			Donated: true}}, func(in []*Node) []*Node { return []*Node{MulScalar(in[0], 2)} })
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		out, err := p.Run([]backend.Buffer{b})
		if err != nil {
			t.Fatal(err)
		}
		again, err := backend.Address(out[0])
		if err != nil {
			t.Fatal(err)
		}
		got, err := backend.Float32s(out[0])
		if err != nil {
			t.Fatal(err)
		}
		if got[7] != -2 || got[299] != 598 {
			t.Errorf("%s: what was written is lost: %v", d.Name, got[:8])
		}
		*(*float32)(*(*unsafe.Pointer)(unsafe.Pointer(&again))) = 5
		if got, err := backend.Float32s(out[0]); err != nil || got[0] != 5 {
			t.Errorf("%s: what was written to an output is lost: %v", d.Name, got[0])
		}
		backend.Free(out[0])
		for _, gone := range []backend.Buffer{b, out[0]} {
			if address, err := backend.Address(gone); err == nil {
				t.Errorf("%s: a buffer that is gone lies at %x", d.Name, address)
			}
		}
	}
}
