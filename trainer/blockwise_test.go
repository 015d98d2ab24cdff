package trainer

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stele-lm/stele/kernels/blockwise"
)

// TestQuantisedBase: a run over a base that is held in 4 bits resumes bit for bit; its engine and its trainer
// agree; the base is the reference; and what a checkpoint holds merged is the decoded base and the factors.
func TestQuantisedBase(t *testing.T) {
	for _, code := range []blockwise.Code{blockwise.NF4, blockwise.Int8} {
		c := tinyRun(t, 2)
		c.LoRA.Rank, c.LoRA.Alpha, c.LoRA.Targets = 2, 8, []string{"q_proj", "down_proj"}
		c.LoRA.Base = code
		c.Loss.Beta = 0.05
		c.Optimizer.LR = 0.02
		c.Update.MiniBatches = 1
		whole, halved := runTwice(t, c)
		checkSame(t, whole, halved, "checkpoints/step-2/model.safetensors",
			"checkpoints/step-2/adapter/adapter_model.safetensors", "checkpoints/step-2/trainer_state.safetensors",
			"rollouts/step-2.jsonl")
		metrics, err := ReadMetrics(filepath.Join(whole, "metrics.jsonl"))
		if err != nil || len(metrics) != 2 {
			t.Fatal(metrics, err)
		}
		for _, m := range metrics {
			if d := m["sampling/sampling_logp_difference/max"]; !(d <= 1e-4) {
				t.Errorf("step %v: engine and trainer differ by %g", m["step"], d)
			}
		}
		if !(metrics[0]["kl"] <= 1e-6) || !(metrics[1]["kl"] > metrics[0]["kl"]) {
			t.Errorf("KL to the base is %v; want 0 at first and more later", metrics)
		}
		base, merged := readTensors(t, c.Model, "model.safetensors"), readTensors(t,
			filepath.Join(whole, "checkpoints/step-2"), "model.safetensors")
		factors := readTensors(t, filepath.Join(whole, "checkpoints/step-2/adapter"), "adapter_model.safetensors")
		for name, want := range base {
			module := strings.TrimSuffix(name, ".weight")
			if strings.HasSuffix(module, "_proj") {
				q, err := c.LoRA.Format().Quantize(want)
				if err != nil {
					t.Fatal(err)
				}
				q.Decode(want, 0)
			}
			A, B := factors["base_model.model."+module+".lora_A.weight"],
				factors["base_model.model."+module+".lora_B.weight"]
			for i, v := range want {
				if A != nil { // W₀ + alpha/r · B·A, with W [out, in] in rows
					in := len(A) / 2
					row, column := i/in, i%in
					v += 4 * (B[2*row]*A[column] + B[2*row+1]*A[in+column])
				}
				if !(math.Abs(float64(merged[name][i]-v)) <= 1e-6) {
					t.Errorf("%s[%d] is %g, want %g", name, i, merged[name][i], v)
					break
				}
			}
		}
		resumed := c
		resumed.LoRA.Base = blockwise.None
		err = Run(context.Background(), resumed, whole, Options{Backend: "go", DType: "float32", Resume: true})
		if want := fmt.Sprintf("lora.base was %s, is none", code); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("resumed with another base: %v, want it to say %q", err, want)
		}
	}
}

// TestQuantisedBaseSettings: what a base cannot be is refused, and a setting without effect is said.
func TestQuantisedBaseSettings(t *testing.T) {
	for set, want := range map[string]string{
		"lora.base=nf4": "lora.base is nf4 and lora.rank 0",
		"lora.base=nf3": `lora.base: unknown code "nf3": expected one of none, nf4, int8, did you mean "nf4"?`,
	} {
		_, err := LoadConfig("", []string{"model=builtin:nano", "data.bench=arith", set})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want it to say %q", set, err, want)
		}
	}
	c, err := LoadConfig("", []string{"model=builtin:nano", "data.bench=arith", "lora.rank=2",
		"lora.double_quant=false"})
	if err != nil {
		t.Fatal(err)
	}
	if said := strings.Join(c.Ignored("float32"), "\n"); !strings.Contains(said,
		"lora.double_quant=false has no effect: lora.base is none") {
		t.Errorf("it said %q", said)
	}
}
