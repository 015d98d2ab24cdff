package engine

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/paged"
	"github.com/stele-lm/stele/engine/schedule"
	"github.com/stele-lm/stele/internal/nearest"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/host"
)

// executor runs the steps of a generation over a key-value pool of its own.
type executor interface {
	// copyPages carries out the copies that copy-on-write asks for.
	copyPages(copies []paged.Copy) error
	// step runs the model over the items and draws the tokens, which are in the order
	// of their items.
	step(items []schedule.Item, draws []draw) error
	// bytes is the size of the pool.
	bytes() int
	close()
}

// Kernels names what runs the steps of a generation.
type Kernels string

// The two executors, and the choice between them.
const (
	KernelsAuto  Kernels = "auto"
	KernelsHost  Kernels = "host"  // Stele's own, on the memory of this process
	KernelsGraph Kernels = "graph" // a compiled graph on the backend: the reference
)

// chooseKernels resolves "auto" by the machine alone, never by a measurement: the
// two differ in the last bits, and a run that goes on tomorrow must draw
// what it would have drawn today. Graphs win on a GPU, and where there are no
// vectors for the host kernels; on several devices of a CPU, which are for tests, nothing else runs.
func chooseKernels(want Kernels, device *backend.Device, devices int, dtype dtypes.DType) (Kernels, error) {
	switch want {
	case "", KernelsAuto:
		switch {
		case model.HostOnly(dtype):
			want = KernelsHost
		case devices > 1:
			want = KernelsGraph
		case !device.IsCPU() || !host.Vectorised():
			want = KernelsGraph
		default:
			want = KernelsHost
		}
	case KernelsHost, KernelsGraph:
	default:
		return "", fmt.Errorf("unknown kernels %q: expected auto, host or graph%s", want,
			nearest.Hint(string(want), []string{"auto", "host", "graph"}))
	}
	if want == KernelsHost && !device.IsCPU() {
		return "", fmt.Errorf("host kernels run on the memory of this process: the backend is %s",
			device.Name)
	}
	if want == KernelsHost && devices > 1 {
		return "", fmt.Errorf("host kernels use all cores as one device: %d devices of %s need graphs, and weights in "+
			"float32 or bfloat16", devices, device.Name)
	}
	if want == KernelsGraph && model.HostOnly(dtype) {
		return "", fmt.Errorf("%s weights need host kernels; kernels are graph", dtypeName(dtype))
	}
	return want, nil
}
