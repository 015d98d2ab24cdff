package gpucheck

import (
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/kernels/backend"
)

// TestAttended: what the check compares is attention by a kernel, here interpreted, and of gathered pages, over the
// same numbers in each layer.
func TestAttended(t *testing.T) {
	d, err := backend.Open("xla:cuda@sm_90")
	if err != nil {
		t.Skip(err)
	}
	defer d.Close()
	gathers := d.WithoutKernels()
	if d.Kernels() != nil || gathers.Kernels() == nil {
		t.Fatalf("kernels: %v, without: %v", d.Kernels(), gathers.Kernels())
	}
	a := attended{rows: 2, tokens: 1, context: 300, H: 4, K: 2, E: 80, dtype: dtypes.Float32}
	got, _, err := a.run(d, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	want, took, err := a.run(gathers, 2, 2)
	if err != nil || took <= 0 {
		t.Fatal(took, err)
	}
	size := 0.0
	for i := range want {
		size = max(size, math.Abs(float64(want[i])))
		if off := math.Abs(float64(got[i] - want[i])); !(off <= attentionBounds[a.dtype]) {
			t.Fatalf("[%d] is %g by the kernel, %g of gathered pages", i, got[i], want[i])
		}
	}
	if size < 0.01 {
		t.Errorf("all numbers are up to %g", size)
	}
}
