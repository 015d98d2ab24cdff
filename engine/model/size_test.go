package model_test

import (
	"path/filepath"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
)

// TestBytes: what is said of a model's weights is what host kernels hold, and of vectors float32.
func TestBytes(t *testing.T) {
	for _, name := range []string{"tiny-qwen2", "tiny-llama31"} {
		folder, err := checkpoint.Open(filepath.Join(testdata, "models", name))
		if err != nil {
			t.Fatal(err)
		}
		defer folder.Close()
		vectors := int64(0)
		for _, spec := range folder.Config.Model().Tensors() {
			if len(spec.Shape) == 1 {
				vectors += int64(spec.Len())
			}
		}
		for dtype, size := range map[dtypes.DType]int64{dtypes.Float32: 4, dtypes.BFloat16: 2, dtypes.Int8: 4,
			model.W8A8: 4, dtypes.Int4: 4} {
			got := model.Bytes(folder.Config, dtype)
			if want := int64(openHost(t, name, dtype, 1).Held()) + size*vectors; got != want {
				t.Errorf("%s in %s: %d bytes, held are %d", name, dtype, got, want)
			}
		}
	}
}
