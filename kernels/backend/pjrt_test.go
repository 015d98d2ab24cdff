package backend_test

import (
	"testing"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
)

// TestHardware: every plugin says what it runs on; a GPU also how much memory it has,
// and that what is uploaded is in it.
func TestHardware(t *testing.T) {
	for _, d := range kernelstest.Open(t) {
		if !d.IsXLA() {
			continue
		}
		before, err := d.Hardware()
		if err != nil || before.Kind == "" {
			t.Fatalf("%s: %+v, %v", d.Name, before, err)
		}
		const elements = 1 << 20
		x, err := backend.Upload(d, make([]float32, elements), elements)
		if err != nil {
			t.Fatal(err)
		}
		after, err := d.Hardware()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %+v, then %+v", d.Name, before, after)
		if !d.IsCPU() && (after.InUse < before.InUse+4*elements || after.Limit < after.InUse ||
			after.Peak < after.InUse) {
			t.Errorf("%s: %+v, after 4 MiB %+v", d.Name, before, after)
		}
		backend.Free(x)
	}
}
