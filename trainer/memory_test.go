package trainer

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"stele/engine/checkpoint"
	"stele/kernels"
)

// smollm2 is the shape of SmolLM2-135M.
var smollm2 = &checkpoint.Config{
	Architecture: checkpoint.Llama, VocabSize: 49152, HiddenSize: 576, IntermediateSize: 1536, NumLayers: 30, NumHeads: 9,
	NumKVHeads: 3, HeadDim: 64, MaxPositions: 2048, TieEmbeddings: true,
}

// TestMemoryIsXLAs compares the planned activations and logits of a gradient pass
// with what XLA assigned: as it was noted for SmolLM2-135M (compiling it takes a
// minute), and as it is now for a small model.
func TestMemoryIsXLAs(t *testing.T) {
	check := func(name string, c Config, m *checkpoint.Config, longest, prompt int, want int64) {
		t.Helper()
		p := planMemory(c, m, "float32", longest, prompt)
		got := p.Activations + p.Logits
		if ratio := float64(got) / float64(want); ratio < 0.85 || ratio > 1.15 {
			t.Errorf("%s, %+v: %d MiB planned, XLA has %d", name, p.MicroBatch, got>>20, want>>20)
		}
	}
	c := defaults()
	for _, x := range []struct {
		group, longest, completion, micro int
		remat                             bool
		want                              int64
	}{
		{4, 96, 64, 1152, false, 2737884164}, {4, 96, 64, 1152, true, 807371780}, {8, 128, 64, 1152, false, 2782120964},
		{8, 128, 64, 1152, true, 807519236}, {1, 256, 128, 1024, false, 2300790848}, {1, 256, 128, 1024, true, 497848384},
		{4, 512, 256, 1280, false, 3527628804},
	} {
		c.Rollout.GroupSize, c.Update.MicroTokens, c.Update.Remat = x.group, x.micro, x.remat
		check("SmolLM2", c, smollm2, x.longest, x.longest-x.completion, x.want)
	}

	c.Update.MicroTokens, c.Update.Remat, c.LoRA.Rank = 512, false, 16
	check("SmolLM2 with LoRA", c, smollm2, 64, 32, 1193<<20)
	c.LoRA.Rank = 0

	d := openDevice(t, "xla:cpu")
	w := tinyWeights(t, d)
	defer w.Close()
	c.Rollout.GroupSize, c.Update.MicroTokens, c.Update.Remat = 4, 640, false
	p := planMemory(c, w.Config, "float32", 128, 64)
	l := &Learner{weights: w, specs: w.Specs, options: LearnerOptions{Loss: c.Loss}, grads: map[gradientKey]*kernels.Program{}}
	key := gradientKey{shape: p.MicroBatch}
	program, err := l.compileGradient(key)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	check("tiny-qwen2", c, w.Config, 128, 64, program.Memory().Temporary)
}

// TestMemoryRefusal: a plan that does not fit names the settings that would make
// it fit, and with them it does.
func TestMemoryRefusal(t *testing.T) {
	c := defaults()
	p := planMemory(c, smollm2, "float32", 2048, 512)
	if err := p.fits(p.Total, c, smollm2, "float32", 2048, 512); err != nil {
		t.Error(err)
	}
	for _, x := range []struct {
		mib  int64
		want string
	}{
		{p.Total>>20 - 1, "it fits with --set update.remat=true"},
		{4600, "--set update.remat=true --set update.micro_tokens="},
		{3300, "--set optimizer.state=int8 --set lora.rank=16"},
		{2900, "--dtype bfloat16"},
		{100, "no setting makes it fit"},
	} {
		err := p.fits(x.mib<<20, c, smollm2, "float32", 2048, 512)
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("with %d MiB of %d: %v, want %q", x.mib, p.Total>>20, err, x.want)
		}
	}
}

// TestPlan: the plan of a run counts what the run would have.
func TestPlan(t *testing.T) {
	c := tinyRun(t, 4)
	p, err := NewPlan(c, "float32", 0)
	if err != nil {
		t.Fatal(err)
	}
	if p.Problems["en"][1] != 86 || p.Problems["sw"][1] != 86 || p.Prompts != 172 || p.Sequences != 12 || p.Updates != 8 || p.Memory.Total == 0 {
		t.Errorf("%+v", p)
	}
	var out bytes.Buffer
	if err := p.Write(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"level 1", "sw       86        86", "steps       4 of 12 rollouts", "gradients", "total"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the plan does not say %q:\n%s", want, out.String())
		}
	}
	if p, err := NewPlan(c, "float32", 1<<20); err != nil || !strings.Contains(p.Refusal, "there are 1 MiB") {
		t.Errorf("in 1 MiB: %q, %v", p.Refusal, err)
	}
	err = Run(context.Background(), c, t.TempDir(), Options{Backend: "go", DType: "float32", Memory: 1 << 20})
	if err == nil || !strings.Contains(err.Error(), "there are 1 MiB") {
		t.Errorf("a run in 1 MiB: %v", err)
	}
	c.Data.Count = 1000
	if _, err := NewPlan(c, "float32", 0); err == nil || !strings.Contains(err.Error(), "86 that fit") {
		t.Errorf("%v", err)
	}
}
