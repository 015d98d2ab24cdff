package trainer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/eval/answer"
	"github.com/stele-lm/stele/sampler"
	"github.com/stele-lm/stele/trainer/learner"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/optimizer"
	"github.com/stele-lm/stele/trainer/problems"
	"github.com/stele-lm/stele/trainer/reward"
)

// rollout is one sampled completion with its score and its advantage.
type rollout struct {
	engine.Completion
	problem    *problems.Problem
	score      reward.Score
	dropped    bool    // by dynamic sampling
	klPenalty  float64 // what KL in the reward took off
	advantage  float32
	ref        []float32 // log-probabilities under the reference, with KL
	old        []float32 // under π_old
	correction []float32 // weights of importance sampling; nil is 1
}

func (o *rollout) pair() dense.Pair {
	return dense.Pair{Prompt: o.problem.IDs, Completion: o.Tokens}
}

// fill writes the numbers of the rollout's tokens to columns from entry first.
func (o *rollout) fill(columns objective.Columns, first int) {
	columns.Fill(first, len(o.Tokens), objective.Rollout{
		Sampled: o.LogProbs, Old: o.old, Ref: o.ref, Correction: o.correction, Advantage: o.advantage,
	})
}

func (o *rollout) truncated() bool { return o.FinishReason == engine.FinishLength }

// stepRollouts samples, scores and learns from one step's questions.
func (r *run) stepRollouts(ctx context.Context, step int) (Metrics, error) {
	clock := newStopwatch()
	drawing, err := r.enter(ctx, sampling, step)
	if err != nil {
		return nil, err
	}
	s, err := r.gather(drawing, step, clock)
	if err != nil {
		return nil, r.dropped(ctx, err)
	}
	if _, err := r.enter(ctx, updating, step); err != nil {
		return nil, err
	}
	m := r.rolloutMetrics(step, s)
	if null := m["frac_reward_null"]; null > 0 {
		r.sayf("step %d: %.0f of %d rollouts have no reward, because every command answered null: they are left out "+
			"of the means and of the loss",
			step, null*float64(len(s.all)*r.config.Rollout.GroupSize), len(s.all)*r.config.Rollout.GroupSize)
	}
	rollouts := slices.Concat(s.groups...)
	if r.reference != nil {
		if err := r.scoreReference(ctx, rollouts); err != nil {
			return nil, err
		}
		clock.lap("ref")
	}
	if r.config.Loss.ImportanceSampling != objective.NoImportanceSampling {
		if err := r.scoreOld(ctx, rollouts, m); err != nil {
			return nil, err
		}
		clock.lap("old_log_prob")
	}
	r.penalize(rollouts, m)
	setAdvantages(s.groups, r.config.Loss)
	advantageMetrics(rollouts, m)
	clock.lap("adv")
	if err := r.together(r.keepRollouts(step, slices.Concat(s.all...))); err != nil {
		return nil, err
	}
	clock.lap("dump_rollout_generations")
	flops, err := r.learn(ctx, step, s.groups, m)
	if err != nil {
		return nil, err
	}
	clock.lap("update_actor")
	clock.report(m)
	return m, r.utilization(m, flops)
}

// sample draws a group for each problem; rewards are computed beside generation, and
// the clock's "reward" is what is still to wait for then. first is how many problems
// the step has sampled before.
func (r *run) sample(
	ctx context.Context, step, first int, chosen []problems.Problem, clock *stopwatch,
) (groups [][]*rollout, err error) {
	c := r.config.Rollout
	requests := make([]engine.Request, len(chosen))
	groups = make([][]*rollout, len(chosen))
	for i := range chosen {
		p := &chosen[i]
		groups[i] = make([]*rollout, c.GroupSize)
		requests[i] = engine.Request{
			// Numbered within the step: a small training set may have a problem twice.
			ID:     fmt.Sprintf("%s/%s/%d/%d", p.ID, p.Language, step, first+i),
			Prompt: p.IDs, N: c.GroupSize, Sampling: sampler.Params{Temperature: c.Temperature, TopP: 1},
			MaxTokens: c.MaxTokens, Stop: c.Stop, Seed: r.config.Seed,
		}
	}
	queue, err := r.newQueue()
	if err != nil {
		return nil, err
	}
	session, err := r.scorer.NewSession()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer r.heed(queue, cancel)()
	go func() { // what a failed command cannot score need not be sampled
		select {
		case <-session.Broken():
			cancel(errUnscored)
		case <-ctx.Done():
		}
	}()
	err = r.draw(ctx, queue, requests, func(completion engine.Completion) error {
		p := &chosen[completion.Request]
		o := &rollout{Completion: completion, problem: p, old: completion.LogProbs}
		groups[completion.Request][completion.Sample] = o
		of, err := answer.Labelled(p.AnswerType, r.answers)
		if err != nil {
			return err
		}
		err = session.Add(reward.Rollout{
			ID: p.ID, Sample: o.Sample, Prompt: p.Text[:len(p.Text)-len(p.Prefix)], Output: p.Prefix + o.Text,
			Answer: p.Answer, DataName: r.dataName, Type: of, Language: p.Language,
			Truncated: o.truncated(), Tokens: len(o.Tokens), MaxTokens: c.MaxTokens,
		}, &o.score)
		if err != nil {
			cancel(errUnscored)
		}
		return err
	})
	if err != nil {
		cancel(err) // commands need not finish what is thrown away
		r.job.GiveUp(queue)
	}
	clock.lap("gen")
	switch scoring := session.Close(ctx); {
	case context.Cause(ctx) == errUnscored: // which ended the sampling
		err = scoring
	case err == nil || !errors.Is(scoring, context.Canceled):
		err = errors.Join(scoring, err)
	}
	if err != nil && context.Cause(ctx) == errGivenUp {
		err = nil // who gave it up says why
	} else if err != nil {
		r.job.GiveUp(queue)
	}
	clock.lap("reward")
	err = r.share(groups, chosen, err)
	clock.lap("gen") // until the slowest process has its share
	return groups, err
}

// errUnscored ends sampling whose rollouts cannot all be scored.
var errUnscored = errors.New("a rollout cannot be scored")

// scoreReference asks the reference model for the rollouts' log-probabilities.
func (r *run) scoreReference(ctx context.Context, rollouts []*rollout) error {
	scores, err := r.scoreWith(ctx, r.reference, rollouts)
	if err != nil {
		return fmt.Errorf("reference model: %w", err)
	}
	for i, o := range rollouts {
		o.ref = scores[i]
	}
	return nil
}

// scoreOld computes π_old and the correction where the engine's probabilities are
// not taken at their word.
func (r *run) scoreOld(ctx context.Context, rollouts []*rollout, m Metrics) error {
	l := r.config.Loss
	scores, err := r.scoreWith(ctx, r.engine.Weights, rollouts)
	if err != nil {
		return err
	}
	var ratios series
	for i, o := range rollouts {
		o.old = scores[i]
		weights, raw := l.ImportanceSampling.Weights(o.old, o.LogProbs, l.ImportanceCap)
		o.correction = weights
		for _, w := range raw {
			ratios.add(float64(w))
		}
	}
	const name = "sampling/importance_sampling_ratio/"
	m[name+"min"], m[name+"mean"], m[name+"max"] = ratios.min, ratios.mean(), ratios.max
	return nil
}

// penalize takes β times a rollout's KL divergence, summed over its tokens, off
// its reward, as verl's apply_kl_penalty and GRPO's sum over tokens do, and lets β
// adapt to the mean divergence a token.
func (r *run) penalize(rollouts []*rollout, m Metrics) {
	l := r.config.Loss
	if l.Beta == 0 || l.KLIn != objective.KLInReward {
		return
	}
	var mean series
	for _, o := range rollouts {
		sum := 0.0
		for i := range o.Tokens {
			sum += objective.KLEstimate(l.KL, o.old[i], o.ref[i])
		}
		o.klPenalty = r.kl.Beta * sum
		if n := len(o.Tokens); n > 0 {
			mean.add(sum / float64(n))
		}
	}
	m["actor/reward_kl_penalty"], m["actor/reward_kl_penalty_coeff"] = mean.mean(), r.kl.Beta
	r.kl.Update(mean.mean(), len(rollouts))
}

// setAdvantages compares the rollouts of a step by their rewards.
func setAdvantages(groups [][]*rollout, l objective.Options) {
	rewards, tokens := make([][]float64, len(groups)), make([][]int, len(groups))
	for g, group := range groups {
		for _, o := range group {
			rewards[g] = append(rewards[g], o.score.Total-o.klPenalty)
			tokens[g] = append(tokens[g], len(o.Tokens))
		}
	}
	for g, advantages := range l.Advantages(rewards, tokens) {
		for i, a := range advantages {
			groups[g][i].advantage = a
		}
	}
}

func pairsOf(rollouts []*rollout) []dense.Pair {
	pairs := make([]dense.Pair, len(rollouts))
	for i, o := range rollouts {
		pairs[i] = o.pair()
	}
	return pairs
}

// learn takes the optimiser steps of a rollout step: epochs × mini-batches, each
// summed over micro-batches. It returns the operations that their gradients needed.
func (r *run) learn(
	ctx context.Context, step int, groups [][]*rollout, m Metrics,
) (flops float64, err error) {
	u, l := r.config.Update, r.config.Loss
	rate := r.config.Optimizer.Rate(step, r.config.Steps)
	m["learning_rate"] = rate
	r.learner.Beta = r.kl.Beta
	var total passStats
	for epoch := range u.Epochs {
		for mini := range u.MiniBatches {
			from, to := len(groups)*mini/u.MiniBatches, len(groups)*(mini+1)/u.MiniBatches
			rollouts := slices.Concat(groups[from:to]...)
			stats, err := r.pass(ctx, step, rollouts, epoch == 0 && mini == 0)
			if err != nil {
				return 0, err
			}
			if stats.Tokens == 0 {
				continue // every group was dropped, or every rollout cut off
			}
			norm, err := r.update(rate)
			if errors.Is(err, optimizer.ErrNotFinite) {
				return 0, r.stop(step, err, offendersOf(rollouts))
			}
			if err != nil {
				return 0, err
			}
			r.engine.WeightsChanged()
			stats.gradNorm = norm
			total.add(stats)
		}
	}
	total.report(m, r.objective, r.kl.Beta)
	kl, measured := total.Sum[objective.KL]
	if measured && l.Beta > 0 && l.KLIn == objective.KLInLoss && total.Tokens > 0 {
		m["actor/kl_coef"] = r.kl.Beta
		r.kl.Update(kl/total.Tokens, len(slices.Concat(groups...)))
	}
	return total.flops, nil
}

func offendersOf(rollouts []*rollout) []offender {
	var all []offender
	for _, o := range rollouts {
		all = append(all, o.offender(-1, ""))
	}
	return all
}

func (o *rollout) offender(position int, what string) offender {
	f := newOffender(o.problem, o.pair(), position, what)
	f.Sample, f.LogProbs, f.Advantage = o.Sample, o.LogProbs, o.advantage
	return f
}

// pass sums the gradient of a mini-batch. With fresh weights, the ones that
// sampled, it also compares the trainer's log-probabilities with the engine's.
func (r *run) pass(ctx context.Context, step int, rollouts []*rollout, fresh bool) (passStats, error) {
	stats := passStats{Totals: objective.NewTotals()}
	lengths := make([]int, len(rollouts))
	var pairs []dense.Pair
	var at []int // index of each pair's rollout
	for i, o := range rollouts {
		if r.config.Loss.MaskTruncated && o.truncated() {
			continue // its weight is zero, and it counts as a sequence
		}
		lengths[i] = len(o.Tokens)
		pairs, at = append(pairs, o.pair()), append(at, i)
	}
	stats.flops = r.learner.FLOPs(pairs)
	weights := r.config.Loss.Aggregation.Weights(lengths, r.config.aggregationConstant())
	var passes []learner.Pass
	var members [][]*rollout // of each pass
	for indices, batch := range r.config.layout().Batches(pairs) {
		stats.computed += float64(batch.Shape.Tokens())
		stats.filled += float64(batch.Filled())
		columns := r.objective.Columns(batch.Shape.N)
		own := make([]*rollout, len(indices))
		for i, index := range indices {
			own[i] = rollouts[at[index]]
			first := batch.First[i]
			own[i].fill(columns, first)
			for j := range own[i].Tokens {
				columns[objective.Weight][first+j] = weights[at[index]]
			}
		}
		passes, members = append(passes, learner.Pass{Batch: batch, Columns: columns}), append(members, own)
	}
	saw, err := r.accumulate(ctx, passes, float32(r.config.Rollout.Temperature))
	if err != nil {
		return stats, err
	}
	var offenders []offender
	for k, seen := range saw {
		batch, columns := passes[k].Batch, passes[k].Columns
		for i, o := range members[k] {
			first, n := batch.First[i], len(o.Tokens)
			if position, what, found := r.objective.NonFinite(seen, first, n); found {
				offenders = append(offenders, o.offender(position, what))
				continue
			}
			stats.See(r.objective, seen, columns, first, n)
			if fresh {
				stats.compare(seen[objective.LogProb][first:first+n], o.LogProbs)
			}
		}
	}
	if len(offenders) > 0 {
		return stats, r.stop(step, optimizer.ErrNotFinite, offenders)
	}
	if bound := r.maxDifference(); fresh && bound > 0 && !(stats.maxDifference <= bound) {
		return stats, r.together(fmt.Errorf("log-probabilities of the engine and the trainer differ by %.3g, more "+
			"than %g (rollout.max_difference %g, in %s): the gradient would not be that of the policy that sampled",
			stats.maxDifference, bound, r.config.Rollout.MaxDifference, r.options.DType))
	}
	return stats, nil
}

// coarseness is how much larger a difference may be in bfloat16: with SmolLM2-135M the largest of a
// step was 0.13 to 0.2 there, and 4e-5 in float32.
const coarseness = 10

// maxDifference is the bound on what the engine's and the trainer's log-probabilities may differ by.
func (r *run) maxDifference() float64 {
	bound := r.config.Rollout.MaxDifference
	if r.engine.Weights.DType == dtypes.BFloat16 {
		bound *= coarseness
	}
	return bound
}

// aggregationConstant is the number that the aggregation asks for.
func (c *Config) aggregationConstant() int {
	switch l := c.Loss; {
	case l.Aggregation == objective.MicroTokenMean:
		return l.MicroSequences
	case l.Length > 0:
		return l.Length
	}
	return c.Rollout.MaxTokens
}

func (r *run) rolloutPath(step int) string {
	return filepath.Join(r.dir, "rollouts", fmt.Sprintf("step-%d.jsonl", step))
}
