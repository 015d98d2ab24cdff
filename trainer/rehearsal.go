package trainer

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/stele-lm/stele/trainer/learner"
	"github.com/stele-lm/stele/trainer/memory"
)

// tight is the share of the memory that there is above which a plan is tried before the first
// step, and memory is given back after each pass: plans are right to some fifteen percent.
const tight = 0.5

// rehearse takes the gradient pass of the longest sequences that there may be, and forgets its
// gradient, where the plan leaves little room: what does not fit then fails now and not when the
// first such sequence is sampled, hours later. Where gradients are divided all processes call it, and have an error of
// one of them up to the pass.
func (r *run) rehearse(w memory.Workload) error {
	wanted := r.available > 0 && float64(r.memory.Total) >= tight*float64(r.available)
	if r.learner.Scattered() { // all take the pass, and plans may differ
		err := r.together(nil)
		if err == nil {
			wanted, err = r.first(func() bool { return wanted })
		}
		if err != nil {
			return err
		}
	}
	if !wanted {
		return nil
	}
	began := time.Now()
	var err error
	if w.Rollouts > 0 { // what rollouts leave beside the pass
		err = r.engine.Reserve(w.Longest, w.Together())
	}
	if r.learner.Scattered() { // or the others would wait in the pass for one that has no room
		err = r.together(err)
	}
	if err != nil {
		return err
	}
	batch := w.LargestPass()
	shape := batch.Shape
	pass := learner.Pass{Batch: batch, Columns: r.objective.Columns(shape.N)}
	passes := slices.Repeat([]learner.Pass{pass}, r.engine.Devices())
	if _, err := r.learner.AccumulateAll(context.Background(), passes, 1); err != nil {
		advice := "lower update.micro_tokens"
		if !w.Remat {
			advice += ", or set update.remat=true"
		}
		return fmt.Errorf("the gradient pass of the longest sequences that there may be (%d tokens; the run is "+
			"planned with %d MiB) does not run here: %w (%s)", shape.Tokens(), r.memory.Total>>20, err, advice)
	}
	if err := r.learner.Forget(); err != nil {
		return err
	}
	r.sayf("the longest gradient pass that there may be, %d tokens, was tried: it fits (%.0f s)",
		shape.Tokens(), time.Since(began).Seconds())
	return nil
}
