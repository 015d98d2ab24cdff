package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"stele/engine/model"
)

// stepSFT takes one optimiser step on reference solutions: the mean negative
// log-likelihood of the solutions' tokens, prompts masked.
func (r *run) stepSFT(ctx context.Context, step int) (Metrics, error) {
	began := time.Now()
	chosen := choose(r.problems, r.config.Seed, step, r.config.Update.Batch)
	pairs := make([]model.Pair, len(chosen))
	lengths := make([]int, len(chosen))
	for i, p := range chosen {
		completion, err := r.solution(&p)
		if err != nil {
			return nil, err
		}
		pairs[i] = model.Pair{Prompt: p.ids, Completion: completion}
		lengths[i] = len(completion)
	}
	weights := TokenMean.Weights(lengths, 0)
	m := Metrics{"step": float64(step)}
	correct, entropy, tokens := 0.0, 0.0, 0.0
	for _, indices := range model.Plan(pairs, r.config.Update.MicroTokens) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		some := make([]model.Pair, len(indices))
		for i, index := range indices {
			some[i] = pairs[index]
		}
		batch := model.NewBatch(some)
		values := NewTokens(batch.Shape.N)
		for i, index := range indices {
			for j := range lengths[index] {
				values.Weight[batch.First[i]+j] = weights[index]
			}
		}
		seen, err := r.learner.Accumulate(batch, values, 1)
		if err != nil {
			return nil, err
		}
		for i, index := range indices {
			at := batch.First[i]
			for j := at; j < at+lengths[index]; j++ {
				m["loss"] -= float64(weights[index]) * float64(seen.LogProb[j])
				entropy += float64(seen.Entropy[j])
				correct += math.Exp(float64(seen.LogProb[j]))
				tokens++
			}
			m["num_tokens"] += float64(len(pairs[index].Prompt) + lengths[index])
		}
	}
	if math.IsNaN(m["loss"]) || math.IsInf(m["loss"], 0) {
		return nil, errors.New("the loss is not finite")
	}
	rate := r.config.Optimizer.Rate(step, r.config.Steps)
	norm, err := r.learner.Update(rate)
	if err != nil {
		return nil, err
	}
	r.engine.WeightsChanged()
	seconds := time.Since(began).Seconds()
	m["grad_norm"], m["learning_rate"] = norm, rate
	m["entropy"], m["mean_token_probability"] = entropy/tokens, correct/tokens
	m["timing_s/step"], m["perf/throughput"] = seconds, m["num_tokens"]/seconds
	return m, nil
}

// solution is what the model shall learn to say: the reference solution, after
// the prefix that the prompt may end with, and the end of sequence.
func (r *run) solution(p *problem) ([]int32, error) {
	if p.Solution == "" {
		return nil, fmt.Errorf("problem %s (%s) has no solution to learn from", p.ID, p.Language)
	}
	ids, err := r.engine.Tokenizer.Encode(p.Solution, false)
	if err != nil {
		return nil, fmt.Errorf("solution of %s (%s): %w", p.ID, p.Language, err)
	}
	if eos := r.engine.Weights.Config.EOS; len(eos) > 0 {
		ids = append(ids, eos[0])
	}
	return ids, nil
}
