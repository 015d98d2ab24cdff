package memory

import (
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/trainer/learner"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/optimizer"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// TestProcesses: with optimizer.zero_stage the optimiser's part of a plan falls with the number of processes, and
// nothing else; a checkpoint is as large; and it is what makes a run fit that lacks no more.
func TestProcesses(t *testing.T) {
	one := rollouts(1024, 256)
	whole := one.Plan()
	for _, n := range []int{2, 3, 8} {
		w := one
		w.Processes = n
		if p := w.Plan(); p != whole {
			t.Errorf("%d processes that divide nothing: %+v, one %+v", n, p, whole)
		}
		w.Optimizer.ZeROStage = 1
		p := w.Plan()
		if even := whole.Optimizer / int64(n); p.Optimizer < even || p.Optimizer > even+even/50 {
			t.Errorf("%d processes: %d bytes, of %d", n, p.Optimizer, whole.Optimizer)
		}
		if less := whole.Total - p.Total; less != whole.Optimizer-p.Optimizer {
			t.Errorf("%d processes: %d bytes less, the optimiser has %d less", n, less, whole.Optimizer-p.Optimizer)
		}
		if p.CheckpointBytes(w.LoRA) != whole.CheckpointBytes(one.LoRA) {
			t.Errorf("%d processes: a checkpoint of another size", n)
		}
		divided := w
		w.Optimizer.ZeROStage = 0
		if settings, with, ok := w.Fit(p.Total, nil); !ok || !slices.Equal(settings,
			[]string{"--set optimizer.zero_stage=1"}) || with.Optimizer != divided.Plan().Optimizer {
			t.Errorf("%d processes fit with %v", n, settings)
		}
	}
	for _, stage := range []int{1, 2} {
		one.Optimizer.ZeROStage, one.HandsOver = stage, true
		if p := one.Plan(); p != whole {
			t.Error("one process divides something")
		}
	}
}

// TestProcessesGradients: stage 2 divides the gradients as well where they can be, and is offered there; elsewhere it
// is stage 1.
func TestProcessesGradients(t *testing.T) {
	w := rollouts(1024, 256)
	whole := w.Plan()
	w.Processes, w.Optimizer.ZeROStage = 4, 1
	first := w.Plan()
	w.Optimizer.ZeROStage = 2
	if p := w.Plan(); p != first {
		t.Errorf("stage 2 where gradients are whole: %+v, stage 1 %+v", p, first)
	}
	w.HandsOver = true
	second := w.Plan()
	if even := whole.Gradients / 4; second.Gradients < even || second.Gradients > even+even/50 ||
		first.Total-second.Total != whole.Gradients-second.Gradients-(second.Activations-first.Activations)-
			second.Exchange || second.Exchange == 0 {
		t.Errorf("4 processes: %d bytes of gradients, of %d", second.Gradients, whole.Gradients)
	}
	if p := w.On(2).Plan(); p.Gradients != whole.Gradients {
		t.Errorf("devices of a process divide gradients: %+v", p)
	}
	adapted, alone := w, rollouts(1024, 256)
	adapted.LoRA.Rank, alone.LoRA.Rank = 8, 8
	if n, one := adapted.Plan().CheckpointBytes(adapted.LoRA), alone.Plan().CheckpointBytes(alone.LoRA); n != one {
		t.Errorf("a checkpoint with an adapter has %d bytes, of one process %d", n, one)
	}
	for stage, want := range map[int]string{0: "optimizer.zero_stage=2", 1: "optimizer.zero_stage=2"} {
		w.Optimizer.ZeROStage = stage
		if smaller, settings := w.Choose(second.Total); !slices.Equal(settings, []string{want}) ||
			smaller.Plan() != second {
			t.Errorf("of stage %d memory: auto chose %v", stage, settings)
		}
	}
	w.Optimizer.ZeROStage = 0
	if _, settings := w.Choose(first.Total); !slices.Equal(settings, []string{"optimizer.zero_stage=1"}) {
		t.Errorf("memory: auto chose %v where stage 1 is enough", settings)
	}
}

// TestHeld: what a learner holds between passes, gradients and the optimiser's state, is what the plan says of the
// process that has most: in every stage and for every number of processes, with masters and coded moments, and factors.
func TestHeld(t *testing.T) {
	d := trainertest.OpenDevice(t, "xla:cpu")
	if err := d.HandsOver(); err != nil {
		t.Skip(err)
	}
	folder, err := checkpoint.Open(trainertest.Data("models/tiny-qwen2"))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	for _, c := range []struct {
		held         dtypes.DType
		state        string
		rank         int // of an adapter
		stage, count int // of processes
	}{
		{dtypes.Float32, optimizer.StateFloat32, 0, 0, 2}, {dtypes.Float32, optimizer.StateFloat32, 0, 1, 2},
		{dtypes.Float32, optimizer.StateFloat32, 0, 2, 2}, {dtypes.Float32, optimizer.StateFloat32, 0, 2, 4},
		{dtypes.BFloat16, optimizer.StateInt8, 0, 2, 2}, {dtypes.Float32, optimizer.StateFloat32, 16, 2, 2},
	} {
		w := model.Open(folder, d, c.held)
		defer w.Close()
		if err := w.Upload(); err != nil {
			t.Fatal(err)
		}
		options := learner.Options{AdamW: optimizer.Default(), Objective: objective.Policy(objective.Default())}
		options.AdamW.State, options.AdamW.ZeROStage = c.state, c.stage
		load := rollouts(48, 16)
		load.Model, load.HandsOver, load.Optimizer, load.Processes = folder.Config, true, options.AdamW, c.count
		if c.held == dtypes.BFloat16 {
			load.DType = "bfloat16"
		}
		trained := w.Specs
		if load.LoRA.Rank = c.rank; c.rank > 0 {
			if options.Adapter, err = lora.New(w, load.LoRA, 1); err != nil {
				t.Fatal(err)
			}
			trained = options.Adapter.Specs
		}
		most, bytes := 0, int64(0) // the process that has most
		for rank := range c.count {
			part := optimizer.Part{Index: rank, Of: c.count}
			if n := part.Bytes(trained, c.state, c.held == dtypes.BFloat16); n > bytes {
				most, bytes = rank, n
			}
		}
		options.Job = &cluster.Job{Rank: most, Size: c.count}
		l, err := learner.New(w, options)
		if err != nil {
			t.Fatal(err)
		}
		gradients, state, err := l.Held()
		l.Close()
		p := load.Plan()
		if c.rank > 0 {
			state += p.trained // the factors themselves, which the plan counts there
		}
		if err != nil || gradients != p.Gradients || state != p.Optimizer {
			t.Errorf("%+v: the learner holds %d bytes of gradients and %d of state, planned are %d and %d (%v)", c,
				gradients, state, p.Gradients, p.Optimizer, err)
		}
	}
}

// TestHandedOver: a gradient pass that hands gradients over takes, beside its inputs and outputs, at most two
// gradients more than one that adds them to sums, as is planned: they are gone before the next come.
func TestHandedOver(t *testing.T) {
	d := trainertest.OpenDevice(t, "xla:cpu")
	if err := d.HandsOver(); err != nil {
		t.Skip(err)
	}
	pass := fitPasses()[0] // with gradients that are larger than all else
	pass.L, pass.V, pass.prompt, pass.completion, pass.group, pass.micro = 8, 1024, 16, 16, 0, 64
	w := pass.workload(3)
	weights := &model.Weights{Config: w.Model, Device: d, DType: dtypes.Float32, Specs: w.Model.Model().Tensors()}
	options := learner.Options{AdamW: optimizer.Default(), Objective: objective.Policy(objective.Default()),
		Remat: w.Remat}
	shape := w.Plan().MicroBatch
	whole, err := learner.Temporary(weights, options, shape)
	if err != nil {
		t.Fatal(err)
	}
	options.AdamW.ZeROStage, options.Job = 2, &cluster.Job{Size: 2}
	divided, err := learner.Temporary(weights, options, shape)
	if err != nil {
		t.Fatal(err)
	}
	undivided := w.Plan()
	w.HandsOver, w.Processes, w.Optimizer.ZeROStage = true, 2, 2
	more := w.Plan().Activations - undivided.Activations
	t.Logf("%d bytes, divided %d, planned %d more, all gradients %d", whole, divided, more, undivided.Gradients)
	if divided > whole+more {
		t.Errorf("a pass that hands gradients over takes %d bytes, another %d: expected at most %d more", divided,
			whole, more)
	}
}
