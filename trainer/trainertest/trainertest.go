// Package trainertest has what tests of the trainer's packages share.
package trainertest

import (
	"math"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/kernels/backend"
)

// SmolLM2 is the shape of SmolLM2-135M.
var SmolLM2 = &checkpoint.Config{Config: architecture.Config{
	Architecture: architecture.Llama, VocabSize: 49152, HiddenSize: 576, IntermediateSize: 1536, NumLayers: 30, NumHeads: 9,
	NumKVHeads: 3, HeadDim: 64, MaxPositions: 2048, TieEmbeddings: true,
}}

// OpenDevice opens a device; the test is skipped where it is not here.
func OpenDevice(t *testing.T, name string) *backend.Device {
	t.Helper()
	d, err := backend.Open(name)
	if err != nil {
		if name == "go" {
			t.Fatal(err)
		}
		t.Skipf("%s is not here: %v", name, err)
	}
	return d
}

// Data is the path of a file or folder in testdata.
func Data(name string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "../../testdata", filepath.FromSlash(name))
}

// TinyWeights are tiny-qwen2's as a dtype; the test closes them.
func TinyWeights(t *testing.T, d *backend.Device, dtype dtypes.DType) *model.Weights {
	t.Helper()
	folder, err := checkpoint.Open(Data("models/tiny-qwen2"))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	w, err := model.LoadWeights(folder, d, dtype)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Norm is the Euclidean norm.
func Norm(values []float32) float64 {
	sum := 0.0
	for _, x := range values {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}
