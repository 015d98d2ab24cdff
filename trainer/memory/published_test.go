package memory

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/kernels/blockwise"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// TestPlansOfPublished: every published configuration has a plan, of all weights and of an adapter over a base in 4
// bits, whose parts are those of its sizes.
func TestPlansOfPublished(t *testing.T) {
	f, err := os.Open(trainertest.Data("configs.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	models := 0
	for lines := bufio.NewScanner(f); lines.Scan(); models++ {
		var published struct {
			Name       string
			Parameters int64
			Config     json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &published); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "config.json"), published.Config, 0o644); err != nil {
			t.Fatal(err)
		}
		c, err := checkpoint.LoadConfig(dir)
		if err != nil {
			t.Fatal(err)
		}
		w := rollouts(1024+4096, 1024)
		w.Model, w.DType, w.Remat = c, "bfloat16", true
		all := w.Plan()
		if all.Weights != 2*published.Parameters || all.Reference != all.Weights ||
			all.Gradients != 4*published.Parameters {
			t.Errorf("%s: weights %d, reference %d, gradients %d, want them of %d parameters", published.Name,
				all.Weights, all.Reference, all.Gradients, published.Parameters)
		}
		w.LoRA.Rank, w.LoRA.Base, w.LoRA.DoubleQuant = 16, blockwise.NF4, true
		adapter := w.Plan()
		if adapter.Weights >= all.Weights || adapter.Weights < published.Parameters/2 ||
			adapter.Total >= all.Total || adapter.KVPool != all.KVPool || adapter.Activations <= 0 {
			t.Errorf("%s: an adapter over 4 bits has the plan %+v, all weights %+v", published.Name, adapter, all)
		}
	}
	if models < 32 {
		t.Errorf("%d models", models)
	}
}
