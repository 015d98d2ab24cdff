package engine

import (
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/host"
)

// TestKernelsChosen: on a CPU with vectors "auto" is the host kernels, in every dtype and on every tier.
func TestKernelsChosen(t *testing.T) {
	for _, name := range []string{"go", "xla:cpu"} {
		device, err := backend.Open(name)
		if err != nil {
			t.Logf("%s is not tested: %v", name, err)
			continue
		}
		defer device.Close()
		for _, dtype := range []dtypes.DType{dtypes.Float32, dtypes.BFloat16, dtypes.Int8, model.W8A8, dtypes.Int4} {
			want := KernelsHost
			if !host.Vectorised() && (dtype == dtypes.Float32 || dtype == dtypes.BFloat16) {
				want = KernelsGraph
			}
			for _, asked := range []Kernels{"", KernelsAuto} {
				if got, err := chooseKernels(asked, device, 1, dtype); err != nil || got != want {
					t.Errorf("%q for %v on %s: %v, %v; want %v", asked, dtype, name, got, err, want)
				}
			}
		}
	}
}
