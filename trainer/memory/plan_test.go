package memory

import (
	"flag"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/trainer/learner"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/optimizer"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// rollouts is a run on SmolLM2-135M as the paper's, of sequences of so many tokens.
func rollouts(longest, prompt int) Workload {
	return Workload{
		Model: trainertest.SmolLM2, DType: "float32", Longest: longest, Prompt: prompt, Reference: true,
		LoRA: lora.Options{Alpha: 32, Targets: architecture.Projections()}, Optimizer: optimizer.Default(),
		Layout:    learner.Layout{MicroTokens: 4096},
		Sequences: 2048, Group: 16, Rollouts: 2048, Decoded: 64,
	}
}

var compileAll = flag.Bool("compile", false, "ask XLA for what TestMemoryIsXLAs has noted, a minute each")

var compileFor = flag.String("for", "xla:cpu", "backend that TestMemoryOfModels asks with -compile: xla:cpu or "+
	"xla:cuda@sm_90")

// TestMemoryIsXLAs compares the planned activations and logits of a gradient pass
// with what XLA assigned: as it was noted for SmolLM2-135M, or is now with -compile,
// and as it is now for a small model.
func TestMemoryIsXLAs(t *testing.T) {
	d := trainertest.OpenDevice(t, "xla:cpu")
	check := func(c Workload, noted int64) {
		t.Helper()
		p := c.Plan()
		want := noted
		if noted == 0 || *compileAll {
			want = xlas(t, d, c, p.MicroBatch)
		}
		got := p.Activations + p.Logits
		t.Logf("%+v, remat %v, rank %d: %d planned, XLA has %d", p.MicroBatch, c.Remat, c.LoRA.Rank, got,
			want)
		if ratio := float64(got) / float64(want); ratio < 0.85 || ratio > 1.15 {
			t.Errorf("%+v, remat %v, rank %d: %d MiB planned, XLA has %d", p.MicroBatch, c.Remat, c.LoRA.Rank,
				got>>20, want>>20)
		}
	}
	for _, x := range []struct {
		group, longest, completion, micro int
		remat                             bool
		rank                              int
		noted                             int64
	}{
		{4, 96, 64, 1152, false, 0, 1122729988}, {4, 96, 64, 1152, true, 0, 485720068},
		{8, 128, 64, 1152, false, 0, 1122729988}, {8, 128, 64, 1152, true, 0, 485720068},
		{1, 256, 128, 1024, false, 0, 931344388}, {1, 256, 128, 1024, true, 0, 365113348},
		{4, 512, 256, 1280, false, 0, 1212260356}, {4, 512, 256, 1280, true, 0, 504471556},
		{1, 64, 32, 512, false, 16, 521115652}, {4, 64, 32, 320, true, 16, 210315268},
	} {
		c := rollouts(x.longest, x.longest-x.completion)
		c.Group, c.Sequences, c.Layout.MicroTokens, c.Remat, c.LoRA.Rank = x.group, 128*x.group, x.micro,
			x.remat, x.rank
		check(c, x.noted)
	}
	check(fitPasses()[0].workload(0), 0)
	if d.HostAttention() == nil {
		check(fitPasses()[0].workload(2), 0)
	}
}

// TestMemoryRefusal: a plan that does not fit names the settings that would make
// it fit, and with them it does.
func TestMemoryRefusal(t *testing.T) {
	w := rollouts(2048, 512)
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

// TestPlanOnDevices: devices divide the completions that are decoded together, and each has all the rest.
func TestPlanOnDevices(t *testing.T) {
	w := rollouts(640, 128)
	w.Rollouts, w.Sequences, w.Group, w.Decoded = 80, 80, 16, 64
	one := w.On(1).Plan()
	for _, c := range []struct{ devices, together int }{{1, 64}, {2, 48}, {3, 32}, {4, 32}, {5, 16}, {8, 16}} {
		on := w.On(c.devices)
		p := on.Plan()
		if got := on.Together(); got != c.together {
			t.Errorf("%d devices: %d completions are decoded together, want %d", c.devices, got, c.together)
		}
		if want := one.KVPool / 64 * int64(c.together); p.KVPool != want || p.Total != one.Total-one.KVPool+want {
			t.Errorf("%d devices: pool %d of %d, want %d; one has %d of %d", c.devices, p.KVPool, p.Total, want,
				one.KVPool, one.Total)
		}
		var text strings.Builder
		if err := p.Write(&text); err != nil {
			t.Fatal(err)
		}
		if says := strings.Contains(text.String(), "on each of"); says != (c.devices > 1) {
			t.Errorf("%d devices: %s", c.devices, text.String())
		}
	}
}
