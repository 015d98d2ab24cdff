package trainer

import (
	"bytes"
	"context"
	"flag"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/trainertest"
)

var compileAll = flag.Bool("compile", false, "ask XLA for what TestMemoryIsXLAs has noted, a minute each")

// TestMemoryIsXLAs compares the planned activations and logits of a gradient pass
// with what XLA assigned: as it was noted for SmolLM2-135M, or is now with -compile,
// and as it is now for a small model.
func TestMemoryIsXLAs(t *testing.T) {
	d := trainertest.OpenDevice(t, "xla:cpu")
	c := defaults()
	// assigned is what XLA needs for the gradient of the largest pass.
	assigned := func(c Config, w *model.Weights, shape model.DenseShape) int64 {
		t.Helper()
		l := &Learner{weights: w, specs: w.Specs, options: LearnerOptions{Loss: c.Loss}}
		if c.LoRA.Rank > 0 {
			l.adapter, l.specs = &lora.Adapter{}, nil
			for i, spec := range w.Specs {
				if factors := c.LoRA.Factors(spec); factors != nil {
					w.Adapted, l.specs = append(w.Adapted, i), append(l.specs, factors...)
				}
			}
		}
		program, err := l.compileGradient(gradientKey{shape: shape, remat: c.Update.Remat})
		if err != nil {
			t.Fatal(err)
		}
		defer program.Close()
		return program.Memory().Temporary
	}
	check := func(w *model.Weights, c Config, longest, prompt int, noted int64) {
		t.Helper()
		p := c.workload(w.Config, "float32", longest, prompt).Plan()
		want := noted
		if noted == 0 || *compileAll {
			want = assigned(c, w, p.MicroBatch)
		}
		got := p.Activations + p.Logits
		t.Logf("%+v, remat %v, rank %d: %d planned, XLA has %d", p.MicroBatch, c.Update.Remat, c.LoRA.Rank, got, want)
		if ratio := float64(got) / float64(want); ratio < 0.85 || ratio > 1.15 {
			t.Errorf("%+v, remat %v, rank %d: %d MiB planned, XLA has %d", p.MicroBatch, c.Update.Remat, c.LoRA.Rank, got>>20, want>>20)
		}
	}
	for _, x := range []struct {
		group, longest, completion, micro int
		remat                             bool
		rank                              int
		noted                             int64
	}{
		{4, 96, 64, 1152, false, 0, 2335251460}, {4, 96, 64, 1152, true, 0, 404739076}, {8, 128, 64, 1152, false, 0, 2379488260},
		{8, 128, 64, 1152, true, 0, 404886532}, {1, 256, 128, 1024, false, 0, 2099462148}, {1, 256, 128, 1024, true, 0, 295362564},
		{4, 512, 256, 1280, false, 0, 3124996100}, {4, 512, 256, 1280, true, 0, 416684036},
		{1, 64, 32, 512, false, 16, 944689156}, {4, 64, 32, 320, true, 16, 198595076},
	} {
		c.Rollout.GroupSize, c.Update.MicroTokens, c.Update.Remat, c.LoRA.Rank = x.group, x.micro, x.remat, x.rank
		w := &model.Weights{Config: trainertest.SmolLM2, Device: d, DType: dtypes.Float32, Specs: trainertest.SmolLM2.TensorSpecs()}
		check(w, c, x.longest, x.longest-x.completion, x.noted)
	}
	w := trainertest.TinyWeights(t, d, dtypes.Float32)
	defer w.Close()
	c.Rollout.GroupSize, c.Update.MicroTokens, c.Update.Remat, c.LoRA.Rank = 4, 640, false, 0
	check(w, c, 128, 64, 0)
}

// TestMemoryRefusal: a plan that does not fit names the settings that would make
// it fit, and with them it does.
func TestMemoryRefusal(t *testing.T) {
	c := defaults()
	w := c.workload(trainertest.SmolLM2, "float32", 2048, 512)
	p := w.Plan()
	if err := w.Check(p.Total); err != nil {
		t.Error(err)
	}
	for _, x := range []struct {
		mib  int64
		want string
	}{
		{p.Total>>20 - 1, "it fits with --set update.remat=true"},
		{4600, "--set update.remat=true --set update.micro_tokens="},
		{3300, "--set optimizer.state=int8 --dtype bfloat16 --set optimizer.masters=false"},
		{2900, "--set lora.rank=16"},
		{100, "no setting makes it fit"},
	} {
		err := w.Check(x.mib << 20)
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("with %d MiB of %d: %v, want %q", x.mib, p.Total>>20, err, x.want)
		}
	}
}

// TestPlan: the plan of a run counts what the run would have.
func TestPlan(t *testing.T) {
	c := tinyRun(t, 4)
	options := Options{Backend: "go", DType: "float32"}
	p, err := Check(context.Background(), c, "", options)
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
	c.Data.Count = 1000
	if _, err := Check(context.Background(), c, "", options); err == nil || !strings.Contains(err.Error(), "86 that fit") {
		t.Errorf("%v", err)
	}
}
