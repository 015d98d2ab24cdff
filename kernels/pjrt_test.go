package kernels

import "testing"

// TestHardware: every plugin says what it runs on; a GPU also how much memory it has,
// and that what is uploaded is in it.
func TestHardware(t *testing.T) {
	for _, d := range devices(t) {
		if !d.IsXLA() {
			continue
		}
		before, err := d.Hardware()
		if err != nil || before.Kind == "" {
			t.Fatalf("%s: %+v, %v", d.Name, before, err)
		}
		const elements = 1 << 20
		x := upload(t, d, make([]float32, elements), elements)
		after, err := d.Hardware()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %+v, then %+v", d.Name, before, after)
		if !d.IsCPU() && (after.InUse < before.InUse+4*elements || after.Limit < after.InUse || after.Peak < after.InUse) {
			t.Errorf("%s: %+v, after 4 MiB %+v", d.Name, before, after)
		}
		Free(x)
	}
}
