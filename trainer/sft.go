package trainer

import (
	"context"
	"errors"

	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/trainer/learner"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/optimizer"
)

// stepSolutions takes one optimiser step on reference solutions: the mean negative
// log-likelihood of the solutions' tokens, prompts masked, and what others say between
// the assistant's turns. No sequence sees another: each has a row of its own, or a segment
// of a packed one.
func (r *run) stepSolutions(ctx context.Context, step int) (Metrics, error) {
	clock := newStopwatch()
	if _, err := r.enter(ctx, updating, step); err != nil {
		return nil, err
	}
	chosen := r.order.Take(r.cursor, r.config.Update.Batch)
	r.cursor += len(chosen)
	pairs := make([]dense.Pair, len(chosen))
	lengths, learnt := make([]int, len(chosen)), make([]int, len(chosen))
	for i, p := range chosen {
		pairs[i] = dense.Pair{Prompt: p.IDs, Completion: p.SolutionIDs}
		lengths[i], learnt[i] = len(p.SolutionIDs), p.LearntTokens()
	}
	weights := objective.TokenMean.Weights(learnt, 0)
	m := Metrics{"step": float64(step)}
	totals, computed, filled := objective.NewTotals(), 0, 0
	var passes []learner.Pass
	var members [][]int // of each pass
	for indices, batch := range r.config.layout().Batches(pairs) {
		columns := r.objective.Columns(batch.Shape.N)
		for i, index := range indices {
			for first, n := range chosen[index].LearntRuns() {
				for j := range n {
					columns[objective.Weight][batch.First[i]+first+j] = weights[index]
				}
			}
		}
		computed += batch.Shape.Tokens()
		filled += batch.Filled()
		passes, members = append(passes, learner.Pass{Batch: batch, Columns: columns}), append(members, indices)
	}
	saw, err := r.accumulate(ctx, passes, 1)
	if err != nil {
		return nil, err
	}
	var offenders []offender
	for k, seen := range saw {
		for i, index := range members[k] {
			at := passes[k].Batch.First[i]
			if position, what, found := r.objective.NonFinite(seen, at, lengths[index]); found {
				offenders = append(offenders, newOffender(&chosen[index], pairs[index], position, what))
				continue
			}
			for first, n := range chosen[index].LearntRuns() {
				totals.See(r.objective, seen, passes[k].Columns, at+first, n)
			}
			m["perf/total_num_tokens"] += float64(len(pairs[index].Prompt) + lengths[index])
		}
	}
	if len(offenders) > 0 {
		return nil, r.stop(step, optimizer.ErrNotFinite, offenders)
	}
	rate := r.config.Optimizer.Rate(step, r.config.Steps)
	norm, err := r.update(rate)
	if errors.Is(err, optimizer.ErrNotFinite) {
		for i := range chosen {
			offenders = append(offenders, newOffender(&chosen[i], pairs[i], -1, ""))
		}
		return nil, r.stop(step, err, offenders)
	}
	if err != nil {
		return nil, err
	}
	r.engine.WeightsChanged()
	m["grad_norm"], m["learning_rate"] = norm, rate
	r.objective.Report(&totals, 0, m)
	m["train/padding"] = 1 - float64(filled)/float64(computed)
	clock.lap("update_actor")
	clock.report(m)
	return m, r.utilization(m, r.learner.FLOPs(pairs))
}
