package trainer

import (
	"context"
	"errors"
	"fmt"

	"stele/engine"
	"stele/engine/model"
	"stele/sampler"
)

// Part is one part of a training step and its speed in tokens a second.
type Part struct {
	Name string
	engine.Speed
}

// The step that BenchStep times, TRL's usual example.
const (
	benchPrompts    = 4
	benchGroup      = 4
	benchPrompt     = 32
	benchCompletion = 64
)

// BenchStep times the parts of a GRPO step of 4 prompts of 32 tokens, 4 rollouts
// each of 64 tokens: rollout, score (one forward pass, as a reference model
// needs), update (gradient and AdamW) and the whole. Tokens are the generated
// ones. The weights of e are moved by noise: load it again to use it after.
func BenchStep(ctx context.Context, e *engine.Engine, repeat int) ([]Part, error) {
	config := defaults()
	learner, err := NewLearner(e.Weights, LearnerOptions{AdamW: config.Optimizer, Loss: config.Loss})
	if err != nil {
		return nil, err
	}
	defer learner.Close()
	const rollouts = benchPrompts * benchGroup
	const tokens = rollouts * benchCompletion
	pairs := e.BenchPairs(rollouts, benchPrompt, benchCompletion)
	run := 0
	rollout := func() error {
		run++
		requests := make([]engine.Request, benchPrompts)
		for i := range requests {
			requests[i] = engine.Request{
				ID: fmt.Sprint(run, i), Prompt: pairs[i].Prompt, N: benchGroup, MaxTokens: benchCompletion, IgnoreEOS: true,
				Sampling: sampler.Params{Temperature: 1, TopP: 1},
			}
		}
		return e.Generate(ctx, requests, func(engine.Completion) error { return nil })
	}
	score := func() error {
		_, err := e.Score(ctx, pairs, 1)
		return err
	}
	update := func() error {
		for _, indices := range model.Plan(pairs, config.Update.MicroTokens) {
			some := make([]model.Pair, len(indices))
			for i, index := range indices {
				some[i] = pairs[index]
			}
			batch := model.NewBatch(some)
			values := NewTokens(batch.Shape.N)
			for i := range values.Weight[:len(some)*benchCompletion] {
				values.Weight[i] = 1.0 / tokens
				values.Advantage[i] = float32(i/benchCompletion%2)*2 - 1
			}
			if _, err := learner.Accumulate(batch, values, 1); err != nil {
				return err
			}
		}
		_, err := learner.Update(config.Optimizer.LR)
		e.WeightsChanged()
		return err
	}
	step := func() error {
		return errors.Join(rollout(), score(), update())
	}
	var parts []Part
	for _, part := range []struct {
		name string
		work func() error
	}{{"rollout", rollout}, {"score", score}, {"update", update}, {"step", step}} {
		speed, err := engine.Measure(repeat, tokens, part.work)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		parts = append(parts, Part{part.name, speed})
	}
	return parts, nil
}
