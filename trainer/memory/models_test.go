package memory

import (
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/blockwise"
	"github.com/stele-lm/stele/trainer/learner"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// TestMemoryOfModels compares plans at the paper's lengths, prompts of 1024 tokens and completions
// of 4096, with what XLA's buffer assignment has for the very programs, on a CPU and on a GPU that is described
// as an H100: as it was noted, or is now with -compile, which needs no weights. On a GPU XLA needs
// less; a plan may not be too small there.
func TestMemoryOfModels(t *testing.T) {
	const none, nf4 = blockwise.None, blockwise.NF4
	for _, x := range []struct {
		name  string
		model *checkpoint.Config
		dtype string
		rank  int
		base  blockwise.Code
		remat bool
		// noted; 0: not asked. host is the CPU with attention outside the program, by two threads
		cpu, host, cuda int64
	}{
		{"Qwen2.5-0.5B", trainertest.Qwen25Half, "float32", 0, none, true, 2308790360, 2372063296, 2251815936},
		{"Qwen2.5-0.5B", trainertest.Qwen25Half, "float32", 0, none, false, 8096929880, 8160776256, 7901031256},
		{"Qwen2.5-1.5B", trainertest.Qwen25One, "float32", 0, none, true, 3762293208, 4142346244, 3485228120},
		{"Qwen2.5-1.5B", trainertest.Qwen25One, "bfloat16", 0, none, true, 4026549336, 4104679424, 3444616792},
		{"Qwen2.5-7B", trainertest.Qwen25Seven, "bfloat16", 16, none, true, 8907015256, 9156071428, 7299099392},
		{"Qwen2.5-7B", trainertest.Qwen25Seven, "float32", 16, nf4, true, 9080546328, 9191723012, 6921651712},
		{"Qwen2.5-7B", trainertest.Qwen25Seven, "bfloat16", 0, none, true, 8137884760, 8186138624, 7278194008},
		{"Llama-3.1-8B", trainertest.Llama31, "bfloat16", 16, nf4, true, 9190649880, 9460674560, 7976166400},
	} {
		w := rollouts(1024+4096, 1024)
		w.Model, w.DType, w.Remat = x.model, x.dtype, x.remat
		w.LoRA.Rank, w.LoRA.Base, w.LoRA.DoubleQuant = x.rank, x.base, true
		for _, on := range []struct {
			device      string
			threads     int
			noted       int64
			least, most float64
		}{{"xla:cpu", 0, x.cpu, 0.85, 1.15}, {"xla:cpu", 2, x.host, 0.85, 1.15},
			{"xla:cuda@sm_90", 0, x.cuda, 0.98, 1.25}} {
			assigned := on.noted
			w.AttentionThreads = on.threads
			p := w.Plan()
			planned := p.Activations + p.Logits
			if *compileAll && strings.HasPrefix(on.device, *compileFor) {
				assigned = xlas(t, trainertest.OpenDevice(t, on.device), w, p.MicroBatch)
			}
			if assigned == 0 {
				continue
			}
			t.Logf("%s, %s, rank %d, base %s, remat %v: %d planned, XLA has %d for %s, %d threads", x.name, x.dtype,
				x.rank, x.base, x.remat, planned, assigned, on.device, on.threads)
			if ratio := float64(planned) / float64(assigned); ratio < on.least || ratio > on.most {
				t.Errorf("%s, %s, rank %d, base %s, remat %v: the plan is %.3f of what XLA assigns for %s, %d threads",
					x.name, x.dtype, x.rank, x.base, x.remat, ratio, on.device, on.threads)
			}
		}
	}
}

// TestMemoryOfCUDNN compares plans of passes whose attention is cuDNN's with what XLA assigns on a GPU that is
// described as an H100, with cuDNN's plans and as training has it: as it was noted, or is now with -compile, which
// needs what third_party/fetch-cudnn.sh fetches.
func TestMemoryOfCUDNN(t *testing.T) {
	for _, x := range []struct {
		name  string
		model *checkpoint.Config
		rank  int
		noted int64
	}{
		{"Qwen2.5-0.5B", trainertest.Qwen25Half, 0, 1850641408},
		{"Qwen2.5-7B", trainertest.Qwen25Seven, 16, 6234566656},
	} {
		w := rollouts(1024+4096, 1024)
		w.Model, w.DType, w.Remat, w.LoRA.Rank, w.CUDNN = x.model, "bfloat16", true, x.rank, true
		p := w.Plan()
		planned, assigned := p.Activations+p.Logits, x.noted
		const device = "xla:cuda@sm_90,exact,cudnn"
		if *compileAll && strings.HasPrefix(device, *compileFor) {
			assigned = xlas(t, trainertest.OpenDevice(t, device), w, p.MicroBatch)
		}
		t.Logf("%s: %d planned, XLA has %d", x.name, planned, assigned)
		if ratio := float64(planned) / float64(assigned); ratio < 0.98 || ratio > 1.25 {
			t.Errorf("%s: the plan is %.3f of what XLA assigns", x.name, ratio)
		}
		blocks := w
		blocks.CUDNN = false
		if more := blocks.Plan(); more.Activations+more.Logits <= planned {
			t.Errorf("%s: %d planned with blocks, %d with cuDNN", x.name, more.Activations+more.Logits, planned)
		}
	}
}

// xlas is what XLA assigns to a workload's gradient pass of a shape, beside its inputs and outputs, and what
// attention keeps outside its program where w says that it is computed there.
func xlas(t *testing.T, d *backend.Device, w Workload, shape dense.Shape) int64 {
	t.Helper()
	held := int64(0)
	if !w.CUDNN {
		d = d.WithoutCUDNN()
	}
	if w.AttentionThreads == 0 {
		d = d.WithoutHostCalls()
	} else if err := d.HostAttention(); err != nil {
		t.Skip(err)
	} else {
		held = w.attentionHeld(shape)
	}
	dtype := dtypes.Float32
	if w.DType == "bfloat16" {
		dtype = dtypes.BFloat16
	}
	weights := &model.Weights{Config: w.Model, Device: d, DType: dtype, Specs: w.Model.Model().Tensors(),
		Projections: w.LoRA.Format()}
	options := learner.Options{Objective: objective.Policy(objective.Default()), Remat: w.Remat}
	if w.LoRA.Rank > 0 {
		targets, specs := w.LoRA.Adapt(weights.Specs)
		weights.Adapter = model.NewAdapter(targets, nil)
		options.Adapter = &lora.Adapter{Adapter: weights.Adapter, Specs: specs}
	}
	bytes, err := learner.Temporary(weights, options, shape)
	if err != nil {
		t.Fatal(err)
	}
	return bytes + held
}
