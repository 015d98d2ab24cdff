package trainer

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/stele-lm/stele/engine/model/dense"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/sampler"
	"github.com/stele-lm/stele/trainer/learner"
	"github.com/stele-lm/stele/trainer/objective"
)

// Part is the measured speed of one piece of a training step, in generated tokens a second.
type Part struct {
	Name string
	engine.Speed
	// FLOPs counts the floating-point operations of a repetition (see learner.FLOPs); 0 where
	// they are not counted.
	FLOPs float64
}

// BenchSize is the size of a step that is timed: prompts of Prompt tokens, Group rollouts of each,
// of Completion tokens.
type BenchSize struct{ Prompts, Group, Prompt, Completion int }

// DefaultBenchSize is TRL's usual example.
var DefaultBenchSize = BenchSize{Prompts: 4, Group: 4, Prompt: 32, Completion: 64}

// BenchStep times a GRPO step as the default settings without KL (beta 0) take it: step is rollout and
// update, gradient and AdamW, the rollouts' own log-probabilities being those of
// π_old. Apart from it are score, the forward pass that a reference model adds where
// beta is positive, and save, a checkpoint. Tokens are the generated ones. The
// weights of e are moved by noise: load it again to use it after.
func BenchStep(ctx context.Context, e *engine.Engine, repeat int, size BenchSize) ([]Part, error) {
	config := defaults()
	config.Loss.Beta = 0
	policy := objective.Policy(config.Loss)
	l, err := learner.New(e.Weights, learner.Options{AdamW: config.Optimizer, Objective: policy})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	rollouts := size.Prompts * size.Group
	tokens := rollouts * size.Completion
	prompts := e.BenchPairs(size.Prompts, size.Prompt, size.Completion)
	pairs := make([]dense.Pair, rollouts) // of the last rollout
	old := make([][]float32, rollouts)
	steps := 0
	rollout := func() error {
		steps++
		requests := make([]engine.Request, size.Prompts)
		for i := range requests {
			requests[i] = engine.Request{
				ID: fmt.Sprint(steps, i), Prompt: prompts[i].Prompt, N: size.Group,
				MaxTokens: size.Completion, IgnoreEOS: true,
				Sampling: sampler.Params{Temperature: 1, TopP: 1},
			}
		}
		return e.Generate(ctx, requests, func(c engine.Completion) error {
			at := c.Request*size.Group + c.Sample
			pairs[at] = dense.Pair{Prompt: prompts[c.Request].Prompt, Completion: c.Tokens}
			old[at] = c.LogProbs
			return nil
		})
	}
	update := func() error {
		for indices, batch := range config.layout().Batches(pairs) {
			columns := policy.Columns(batch.Shape.N)
			for i, index := range indices {
				first := batch.First[i]
				copy(columns[objective.Old][first:], old[index])
				for j := range pairs[index].Completion {
					columns[objective.Weight][first+j] = 1 / float32(tokens)
					columns[objective.Advantage][first+j] = float32(index%2)*2 - 1
				}
			}
			if _, err := l.Accumulate(batch, columns, 1); err != nil {
				return err
			}
		}
		_, err := l.Update(config.Optimizer.LR)
		e.WeightsChanged()
		return err
	}
	score := func() error {
		_, err := e.ScoreWith(ctx, e.Weights, pairs, 1)
		return err
	}
	dir, err := os.MkdirTemp("", "stele-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	saver := &run{config: config, dir: dir, engine: e, learner: l}
	save := func() error {
		if err := saver.stage(); err != nil {
			return err
		}
		return saver.publish()
	}
	var parts []Part
	for _, part := range []struct {
		name string
		work func() error
	}{
		{"rollout", rollout}, {"score", score}, {"update", update},
		{"step", func() error { return errors.Join(rollout(), update()) }}, {"save", save},
	} {
		speed, err := engine.Measure(repeat, float64(tokens), part.work)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		p := Part{Name: part.name, Speed: speed}
		switch part.name {
		case "update":
			p.FLOPs = learner.FLOPs(e.Weights.Config, pairs)
		case "score": // forward alone
			p.FLOPs = learner.FLOPs(e.Weights.Config, pairs) / 3
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// BenchPass times an update, gradient and AdamW, on one sequence of so many tokens after a prompt
// of one, with each layer computed again in the backward pass.
func BenchPass(e *engine.Engine, repeat, tokens int) (Part, error) {
	config := defaults()
	policy := objective.Policy(config.Loss)
	l, err := learner.New(e.Weights, learner.Options{AdamW: config.Optimizer, Objective: policy, Remat: true})
	if err != nil {
		return Part{}, err
	}
	defer l.Close()
	pairs := e.BenchPairs(1, 1, tokens)
	layout := learner.Layout{MicroTokens: tokens + 8}
	speed, err := engine.Measure(repeat, float64(tokens), func() error {
		for _, batch := range layout.Batches(pairs) {
			columns := policy.Columns(batch.Shape.N)
			for j := range pairs[0].Completion {
				columns[objective.Weight][batch.First[0]+j] = 1 / float32(tokens)
				columns[objective.Advantage][batch.First[0]+j] = 1
			}
			if _, err := l.Accumulate(batch, columns, 1); err != nil {
				return err
			}
		}
		_, err := l.Update(config.Optimizer.LR)
		e.WeightsChanged()
		return err
	})
	name := fmt.Sprintf("pass of %d", tokens)
	return Part{Name: name, Speed: speed, FLOPs: learner.FLOPs(e.Weights.Config, pairs)}, err
}
