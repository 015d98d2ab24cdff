package trainer

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/optimizer"
)

// TestStateResume: a run with a smaller state goes on bit for bit.
func TestStateResume(t *testing.T) {
	for _, state := range []string{optimizer.StateBFloat16, optimizer.StateInt8} {
		c := tinyRun(t, 4)
		c.Algorithm, c.Optimizer.State = objective.SFT, state
		c.Update.Batch = 4
		whole, halved := runTwice(t, c)
		checkSame(t, whole, halved, "checkpoints/step-4/model.safetensors",
			"checkpoints/step-4/trainer_state.safetensors")

		file, err := checkpoint.OpenFile(filepath.Join(whole, "checkpoints/step-4/trainer_state.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		kinds := map[string]int{}
		for _, name := range file.Names() {
			tensor, err := file.Tensor(name)
			if err != nil {
				t.Fatal(err)
			}
			kinds[tensor.DType.String()]++
		}
		want := map[string]string{optimizer.StateBFloat16: "BF16", optimizer.StateInt8: "U8"}[state]
		if kinds[want] == 0 {
			t.Errorf("state %s is stored as %v", state, fmt.Sprint(kinds))
		}
	}
}
