package memory

import (
	"slices"
	"testing"
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
	one.Optimizer.ZeROStage = 1
	if p := one.Plan(); p != whole {
		t.Error("one process divides something")
	}
}
