package trainer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/checkpoint/gguf"
)

// cameIn is tinyRun on a model that is stored in a dtype.
func cameIn(t *testing.T, steps int, as gguf.Type) Config {
	t.Helper()
	c := tinyRun(t, steps)
	dir := filepath.Join(t.TempDir(), "stored")
	if _, err := engine.Convert(c.Model, dir, as); err != nil {
		t.Fatal(err)
	}
	c.Model, c.Save.Rollouts = dir, false
	c.Loss.Beta = 0
	c.Rollout.Questions, c.Rollout.GroupSize, c.Rollout.MaxTokens, c.Update.MiniBatches = 1, 2, 2, 1
	return c
}

// stored returns the dtypes of the tensors in the checkpoint of a run.
func stored(t *testing.T, run, step string) map[checkpoint.DType]bool {
	t.Helper()
	file, err := checkpoint.OpenFile(filepath.Join(run, "checkpoints", step, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all := map[checkpoint.DType]bool{}
	for _, name := range file.Names() {
		tensor, err := file.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		all[tensor.DType] = true
	}
	return all
}

// TestSavedDType: checkpoints are written in the dtype that the model came in, or as save.dtype says, and a run goes
// on from them bit for bit, though they hold less than what is trained.
func TestSavedDType(t *testing.T) {
	for _, test := range []struct {
		as    gguf.Type
		asked string
		want  checkpoint.DType
	}{
		{gguf.BF16, "", checkpoint.BF16}, {gguf.F16, "", checkpoint.F16}, {gguf.BF16, "float32", checkpoint.F32},
	} {
		c := cameIn(t, 1, test.as)
		c.Save.DType = test.asked
		dir := filepath.Join(t.TempDir(), "run")
		mustRun(t, c, dir, Options{})
		m, err := readManifest(filepath.Join(dir, "manifest.json"))
		if err != nil || m.Saved != test.want.TorchName() {
			t.Errorf("%v: the manifest says %q: %v", test, m.Saved, err)
		}
		if got := stored(t, dir, "step-1"); len(got) != 1 || !got[test.want] {
			t.Errorf("%v: the checkpoint holds %v", test, got)
		}
	}
	adapter := cameIn(t, 1, gguf.BF16)
	adapter.LoRA.Rank, adapter.LoRA.Merge = 2, false
	dir, said := filepath.Join(t.TempDir(), "adapter"), &strings.Builder{}
	mustRun(t, adapter, dir, Options{Say: said})
	if m, err := readManifest(filepath.Join(dir, "manifest.json")); err != nil || m.Saved != "float32" ||
		strings.Contains(said.String(), "checkpoints are written") {
		t.Errorf("checkpoints of an adapter alone are %q: %v\n%s", m.Saved, err, said)
	}
	whole, halved := runTwice(t, cameIn(t, 2, gguf.BF16))
	checkSame(t, whole, halved, "checkpoints/step-2/model.safetensors", "checkpoints/step-2/trainer_state.safetensors")
}

// TestOlderRunsSave: a run from before checkpoints had a dtype of their own writes them as it did.
func TestOlderRunsSave(t *testing.T) {
	c := cameIn(t, 1, gguf.BF16)
	older := c
	older.Save.DType = "float32"
	dir := filepath.Join(t.TempDir(), "run")
	mustRun(t, older, dir, Options{})
	path := filepath.Join(dir, "manifest.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "saved_dtype")
	delete(m["config"].(map[string]any)["save"].(map[string]any), "dtype")
	if data, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	c.Steps = 2
	mustRun(t, c, dir, Options{Resume: true})
	if got := stored(t, dir, "step-2"); len(got) != 1 || !got[checkpoint.F32] {
		t.Errorf("it goes on with checkpoints in %v", got)
	}
}

// TestSavedDTypeRefused: a dtype that no file of a model has is refused by its name.
func TestSavedDTypeRefused(t *testing.T) {
	_, err := LoadConfig("", []string{"model=x", "data.bench=arith", "save.dtype=int8"})
	if err == nil || !strings.Contains(err.Error(), `save.dtype is "int8"`) {
		t.Errorf("%v", err)
	}
}
