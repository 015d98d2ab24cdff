package memory

import (
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/kernels/blockwise"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// TestBlockwisePlan: the bytes that are planned for a base in 4 or 8 bits are those of its buffers; a
// checkpoint of the merged model is as large as without.
func TestBlockwisePlan(t *testing.T) {
	d := trainertest.OpenDevice(t, "go")
	folder, err := checkpoint.Open(trainertest.Data("models/tiny-qwen2"))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	options := lora.Options{Rank: 4, Alpha: 8, Targets: architecture.Projections(), Merge: true}
	plan := func(options lora.Options) Plan {
		c := rollouts(128, 64)
		c.Model, c.LoRA = folder.Config, options
		return c.Plan()
	}
	plain := plan(options)
	for _, code := range []blockwise.Code{blockwise.NF4, blockwise.Int8} {
		for _, double := range []bool{false, true} {
			options.Base, options.DoubleQuant = code, double
			w := model.Open(folder, d, dtypes.Float32)
			w.Projections = options.Format()
			if err := w.Upload(); err != nil {
				t.Fatal(err)
			}
			bytes := int64(0)
			for _, group := range w.Parameters() {
				for _, buffer := range group {
					shape, err := buffer.Shape()
					if err != nil {
						t.Fatal(err)
					}
					bytes += int64(shape.ByteSize())
				}
			}
			w.Close()
			p := plan(options)
			if p.Weights != bytes || p.Weights >= plain.Weights {
				t.Errorf("%v: %d bytes planned, %d held; %d without", options.Format(), p.Weights, bytes, plain.Weights)
			}
			if got, want := p.CheckpointBytes(options), plain.CheckpointBytes(options); got != want {
				t.Errorf("%v: a checkpoint of %d bytes, want %d", options.Format(), got, want)
			}
		}
	}
}
