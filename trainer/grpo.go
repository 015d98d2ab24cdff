package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"stele/engine"
	"stele/engine/model"
	"stele/sampler"
	"stele/trainer/reward"
)

// rollout is one sampled completion and what became of it.
type rollout struct {
	engine.Completion
	problem   *problem
	score     reward.Score
	advantage float32
	ref       []float32 // log-probabilities under the reference, with KL
}

func (o *rollout) pair() model.Pair {
	return model.Pair{Prompt: o.problem.ids, Completion: o.Tokens}
}

// stepGRPO samples, scores and learns from one step's questions.
func (r *run) stepGRPO(ctx context.Context, step int) (Metrics, error) {
	began := time.Now()
	chosen := choose(r.problems, r.config.Seed, step, r.config.Rollout.Questions)
	groups, err := r.sample(ctx, step, chosen)
	if err != nil {
		return nil, err
	}
	sampled := time.Now()
	rollouts := slices.Concat(groups...)
	for _, group := range groups {
		rewards := make([]float64, len(group))
		for i, o := range group {
			rewards[i] = o.score.Total
		}
		for i, a := range Advantages(rewards, r.config.Loss.Std) {
			group[i].advantage = a
		}
	}
	if err := r.keepRollouts(step, rollouts); err != nil {
		return nil, err
	}
	if err := r.scoreReference(ctx, rollouts); err != nil {
		return nil, err
	}
	scored := time.Now()
	m := rolloutMetrics(step, groups)
	if err := r.learn(ctx, step, groups, m); err != nil {
		return nil, err
	}
	now := time.Now()
	m["timing_s/gen"] = sampled.Sub(began).Seconds()
	m["timing_s/ref"] = scored.Sub(sampled).Seconds()
	m["timing_s/update_actor"] = now.Sub(scored).Seconds()
	m["timing_s/step"] = now.Sub(began).Seconds()
	m["perf/throughput"] = m["num_tokens"] / now.Sub(began).Seconds()
	return m, nil
}

// sample draws a group for each problem; rewards are computed beside generation.
func (r *run) sample(ctx context.Context, step int, chosen []problem) ([][]*rollout, error) {
	c := r.config.Rollout
	requests := make([]engine.Request, len(chosen))
	groups := make([][]*rollout, len(chosen))
	for i := range chosen {
		p := &chosen[i]
		groups[i] = make([]*rollout, c.GroupSize)
		requests[i] = engine.Request{
			// The place in the step is part of the name: a small training set may
			// bring a problem twice.
			ID:     fmt.Sprintf("%s/%s/%d/%d", p.ID, p.Language, step, i),
			Prompt: p.ids, N: c.GroupSize, Sampling: sampler.Params{Temperature: c.Temperature, TopP: 1},
			MaxTokens: c.MaxTokens, Stop: c.Stop, Seed: r.config.Seed,
		}
	}
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	var scoring sync.WaitGroup
	err := r.engine.Generate(ctx, requests, func(completion engine.Completion) error {
		p := &chosen[completion.Request]
		o := &rollout{Completion: completion, problem: p}
		groups[completion.Request][completion.Sample] = o
		slots <- struct{}{}
		scoring.Go(func() {
			o.score = r.scorer.Score(reward.Rollout{
				Output: p.prefix + o.Text, Answer: p.Answer, DataName: r.dataName, Language: p.Language,
				Truncated: o.FinishReason == engine.FinishLength,
			})
			<-slots
		})
		return nil
	})
	scoring.Wait()
	return groups, err
}

// scoreReference asks the reference model for the rollouts' log-probabilities.
func (r *run) scoreReference(ctx context.Context, rollouts []*rollout) error {
	if r.reference == nil {
		return nil
	}
	pairs := make([]model.Pair, len(rollouts))
	for i, o := range rollouts {
		pairs[i] = o.pair()
	}
	scores, err := r.engine.ScoreWith(ctx, r.reference, pairs, r.config.Rollout.Temperature)
	if err != nil {
		return fmt.Errorf("reference model: %w", err)
	}
	for i, o := range rollouts {
		o.ref = scores[i].LogProbs
	}
	return nil
}

// learn takes the optimiser steps of a rollout step: epochs × mini-batches, each
// summed over micro-batches.
func (r *run) learn(ctx context.Context, step int, groups [][]*rollout, m Metrics) error {
	u := r.config.Update
	rate := r.config.Optimizer.Rate(step, r.config.Steps)
	var total passStats
	for epoch := range u.Epochs {
		for mini := range u.MiniBatches {
			from, to := len(groups)*mini/u.MiniBatches, len(groups)*(mini+1)/u.MiniBatches
			stats, err := r.pass(ctx, slices.Concat(groups[from:to]...), epoch == 0 && mini == 0)
			if err != nil {
				return err
			}
			norm, err := r.learner.Update(rate)
			if err != nil {
				return fmt.Errorf("%w; the step's rollouts are in %s", err, r.rolloutPath(step))
			}
			r.engine.WeightsChanged()
			stats.gradNorm = norm
			total.add(stats)
		}
	}
	m["learning_rate"] = rate
	total.report(m, r.config.Loss)
	return nil
}

// pass sums the gradient of a mini-batch. With fresh weights, the ones that
// sampled, it also compares the trainer's log-probabilities with the engine's.
func (r *run) pass(ctx context.Context, rollouts []*rollout, fresh bool) (passStats, error) {
	stats := passStats{updates: 1}
	pairs := make([]model.Pair, len(rollouts))
	lengths := make([]int, len(rollouts))
	for i, o := range rollouts {
		pairs[i] = o.pair()
		lengths[i] = len(o.Tokens)
	}
	length := r.config.Loss.Length
	if length == 0 {
		length = r.config.Rollout.MaxTokens
	}
	weights := r.config.Loss.Aggregation.Weights(lengths, length)
	for _, indices := range model.Plan(pairs, r.config.Update.MicroTokens) {
		if err := ctx.Err(); err != nil {
			return stats, err
		}
		chosen := make([]model.Pair, len(indices))
		for i, index := range indices {
			chosen[i] = pairs[index]
		}
		batch := model.NewBatch(chosen)
		tokens := NewTokens(batch.Shape.N)
		for i, index := range indices {
			o := rollouts[index]
			at := batch.First[i]
			copy(tokens.Old[at:], o.LogProbs)
			copy(tokens.Ref[at:], o.ref)
			for j := range o.Tokens {
				tokens.Advantage[at+j] = o.advantage
				tokens.Weight[at+j] = weights[index]
			}
		}
		seen, err := r.learner.Accumulate(batch, tokens, float32(r.config.Rollout.Temperature))
		if err != nil {
			return stats, err
		}
		for i, index := range indices {
			at, n := batch.First[i], lengths[index]
			stats.see(seen, tokens, at, n)
			if fresh {
				stats.compare(seen.LogProb[at:at+n], rollouts[index].LogProbs)
			}
		}
	}
	bound := r.config.Rollout.MaxDifference
	if fresh && bound > 0 && !(stats.maxDifference <= bound) {
		return stats, fmt.Errorf("log-probabilities of the engine and the trainer differ by %.3g, more than rollout.max_difference %g: "+
			"the gradient would be of another policy than the one that sampled", stats.maxDifference, bound)
	}
	if math.IsNaN(stats.loss) || math.IsInf(stats.loss, 0) {
		return stats, errors.New("the loss is not finite")
	}
	return stats, nil
}

func (r *run) rolloutPath(step int) string {
	return filepath.Join(r.dir, "rollouts", fmt.Sprintf("step-%d.jsonl", step))
}
