package trainer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/stele-lm/stele/engine/model/dense"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/sampler"
	"github.com/stele-lm/stele/trainer/learner"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/memory"
	"github.com/stele-lm/stele/trainer/objective"
)

// Part is the measured speed of one piece of a training step, in generated tokens a second.
type Part struct {
	Name string
	engine.Speed
	// FLOPs counts the floating-point operations of a repetition (see learner.Learner.FLOPs); 0 where
	// they are not counted.
	FLOPs float64
}

// BenchSize is the size of a step that is timed: prompts of Prompt tokens, Group rollouts of each,
// of Completion tokens.
type BenchSize struct{ Prompts, Group, Prompt, Completion int }

// DefaultBenchSize is TRL's usual example.
var DefaultBenchSize = BenchSize{Prompts: 4, Group: 4, Prompt: 32, Completion: 64}

// BenchOptions say what of training is timed, and how often.
type BenchOptions struct {
	Repeat int
	Size   BenchSize
	Rank   int  // of an adapter on all projections, which is trained instead of the weights; 0: the weights
	Save   bool // a checkpoint is timed too
}

// BenchStep times a GRPO step as the default settings without KL (beta 0) take it: step is rollout and
// update, gradient and AdamW, the rollouts' own log-probabilities being those of
// π_old. Apart from it are score, the forward pass that a reference model adds where
// beta is positive, and save, a checkpoint. Tokens are the generated ones. The
// weights of e are moved by noise: load it again to use it after.
func BenchStep(ctx context.Context, e *engine.Engine, o BenchOptions) ([]Part, error) {
	config, size := defaults(), o.Size
	config.Loss.Beta = 0
	policy := objective.Policy(config.Loss)
	longest := size.Prompt + size.Completion
	options := learner.Options{Objective: policy, Remat: longest >= rematFrom}
	t, err := newBenchTraining(e, &config, size, o.Rank, options)
	if err != nil {
		return nil, err
	}
	defer t.close()
	l := t.learner
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
		var passes []learner.Pass
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
			passes = append(passes, learner.Pass{Batch: batch, Columns: columns})
		}
		if _, err := l.AccumulateAll(ctx, passes, 1); err != nil {
			return err
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
	saver := &run{config: config, dir: dir, engine: e, learner: l, adapter: t.adapter, job: cluster.Alone()}
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
		if part.name == "save" && !o.Save {
			continue
		}
		speed, err := engine.Measure(o.Repeat, float64(tokens), part.work)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		p := Part{Name: part.name, Speed: speed}
		switch part.name {
		case "update":
			p.FLOPs = l.FLOPs(pairs)
		case "score": // forward alone
			p.FLOPs = learner.FLOPs(e.Weights.Config, pairs) / 3
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// rematFrom is the length of a sequence from which a benchmark computes each layer again in the backward pass.
const rematFrom = 2048

// benchTraining is a learner of a benchmark and the adapter that it trains, nil where it trains the weights.
type benchTraining struct {
	learner *learner.Learner
	adapter *lora.Adapter
}

// newBenchTraining makes a learner with the settings of config, and with a rank an adapter on all projections.
func newBenchTraining(e *engine.Engine, config *Config, size BenchSize, rank int, options learner.Options) (
	t benchTraining, err error,
) {
	options.AdamW = config.Optimizer
	config.LoRA.Merge = false
	config.LoRA.Rank, config.Update.Remat = rank, options.Remat
	held := strings.ToLower(e.Weights.HeldAs().String())
	w := config.workload(e.Weights.Config, held, size.Prompt+size.Completion, size.Prompt)
	w.Sequences, w.Group = size.Prompts*size.Group, size.Group
	if w.Rollouts = w.Sequences; size.Group == 1 {
		w.Rollouts = 0 // a pass
	}
	retainMemory(e.Weights.Device, attended(w, e.Weights.Device).Plan(), memory.Available()+memory.Resident())
	if rank > 0 {
		if t.adapter, err = lora.New(e.Weights, config.LoRA, config.Seed); err != nil {
			return t, err
		}
		options.Adapter = t.adapter
	}
	if t.learner, err = learner.New(e.Weights, options); err != nil {
		t.close()
	}
	return t, err
}

func (t *benchTraining) close() {
	if t.learner != nil {
		t.learner.Close()
	}
	if t.adapter != nil {
		t.adapter.Close()
	}
}

// BenchPass times an update, gradient and AdamW, on one sequence of so many tokens after a prompt, with
// each layer computed again in the backward pass. Of the options it is given Repeat and Rank count.
func BenchPass(e *engine.Engine, o BenchOptions, prompt, tokens int) (Part, error) {
	config := defaults()
	config.Loss.Beta = 0
	policy := objective.Policy(config.Loss)
	config.Update.MicroTokens = prompt + tokens + 8
	size := BenchSize{Prompts: 1, Group: 1, Prompt: prompt, Completion: tokens}
	t, err := newBenchTraining(e, &config, size, o.Rank, learner.Options{Objective: policy, Remat: true})
	if err != nil {
		return Part{}, err
	}
	defer t.close()
	l := t.learner
	pairs := e.BenchPairs(1, prompt, tokens)
	layout := config.layout()
	speed, err := engine.Measure(o.Repeat, float64(tokens), func() error {
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
	if prompt > 1 {
		name += fmt.Sprintf(" after %d", prompt)
	}
	return Part{Name: name, Speed: speed, FLOPs: l.FLOPs(pairs)}, err
}
