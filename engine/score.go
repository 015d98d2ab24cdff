package engine

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/engine/model/graphmodel"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/sampler"
)

// ScoreTokens is the largest number of tokens in a scoring pass, padding included.
const ScoreTokens = 4096

// Score holds what a model computes for a completion, token by token.
type Score struct {
	LogProbs []float32 // log-probability of each completion token
	Entropy  []float32 // entropy in nats of the distribution it was one of
	// Top are the likeliest tokens in its place, where they were asked for.
	Top [][]sampler.TokenLogProb
}

// Score returns log-probabilities of the pairs' completion tokens under the
// whole vocabulary at a temperature (0 means 1, as in generation). No sampling
// parameter other than the temperature plays a part. Host kernels give bit for bit
// what they reported for a token that they generated; graphs do so up to rounding.
func (e *Engine) Score(ctx context.Context, pairs []dense.Pair, temperature float64) ([]Score, error) {
	return e.ScoreTop(ctx, pairs, temperature, 0)
}

// ScoreTop is Score with so many of the likeliest tokens in each one's place, which only host kernels tell.
func (e *Engine) ScoreTop(ctx context.Context, pairs []dense.Pair, temperature float64, top int) ([]Score, error) {
	if e.host == nil {
		if top > 0 {
			return nil, fmt.Errorf("only host kernels tell the likeliest tokens of a given text, and %s runs "+
				"graphs", e.Device().Name)
		}
		return e.ScoreWith(ctx, e.Weights, pairs, temperature)
	}
	if err := e.checkPairs(pairs); err != nil {
		return nil, err
	}
	return e.scoreOnHost(ctx, pairs, cmp.Or(temperature, 1), top)
}

// ScoreWith is Score by the dense graph that training differentiates, under the
// engine's weights or others of the same configuration, such as a reference model's.
func (e *Engine) ScoreWith(
	ctx context.Context, w *model.Weights, pairs []dense.Pair, temperature float64,
) ([]Score, error) {
	if err := e.checkPairs(pairs); err != nil {
		return nil, err
	}
	return e.scorePasses(ctx, w, pairs, temperature, dense.Plan(pairs, ScoreTokens))
}

// ScorePart is ScoreWith of some passes of a plan of the pairs (see dense.Plan). Scores of the others' pairs are empty.
func (e *Engine) ScorePart(
	ctx context.Context, w *model.Weights, pairs []dense.Pair, temperature float64, passes []dense.Grouping,
) ([]Score, error) {
	if err := e.checkPairs(pairs); err != nil {
		return nil, err
	}
	return e.scorePasses(ctx, w, pairs, temperature, passes)
}

// scorePasses takes passes, of pairs that were checked.
func (e *Engine) scorePasses(
	ctx context.Context, w *model.Weights, pairs []dense.Pair, temperature float64, passes []dense.Grouping,
) ([]Score, error) {
	temperature = cmp.Or(temperature, 1)
	if err := e.upload(w); err != nil {
		return nil, err
	}
	scores := make([]Score, len(pairs))
	replicas := w.Replicas()
	var one sync.Mutex // calls of scored
	err := onEach(ctx, len(replicas), func(ctx context.Context, device int) error {
		for at := device; at < len(passes); at += len(replicas) { // the same passes, whoever takes them
			if err := ctx.Err(); err != nil {
				return err
			}
			batch := passes[at].Batch(pairs)
			logprobs, entropy, err := e.all()[device].scoreBatch(replicas[device], batch, float32(temperature))
			if err != nil {
				return err
			}
			for i, index := range passes[at].Indices() {
				from, to := batch.First[i], batch.First[i]+len(pairs[index].Completion)
				scores[index] = Score{LogProbs: logprobs[from:to:to], Entropy: entropy[from:to:to]}
				one.Lock()
				e.scored(pairs[index])
				one.Unlock()
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return scores, nil
}

// scored tells whoever wants to know that a pair is done.
func (e *Engine) scored(p dense.Pair) {
	if e.Scored != nil {
		e.Scored(1, len(p.Prompt)+len(p.Completion))
	}
}

func (e *Engine) checkPairs(pairs []dense.Pair) error {
	for i, p := range pairs {
		if err := e.CheckPair(p); err != nil {
			return fmt.Errorf("sequence %d: %w", i, err)
		}
	}
	return nil
}

// CheckPair reports why a pair cannot be scored: Score makes this check of all its pairs
// before it begins.
func (e *Engine) CheckPair(p dense.Pair) error {
	c := e.Weights.Config
	if len(p.Prompt) == 0 {
		return fmt.Errorf("the prompt is empty")
	}
	if n := len(p.Prompt) + len(p.Completion); n > c.MaxPositions {
		return fmt.Errorf("prompt and completion have %d tokens, the model has %d positions",
			n, c.MaxPositions)
	}
	for _, ids := range [][]int32{p.Prompt, p.Completion} {
		for _, id := range ids {
			if id < 0 || int(id) >= c.VocabSize {
				return fmt.Errorf("token %d is outside the model's vocabulary of %d", id, c.VocabSize)
			}
		}
	}
	return nil
}

// scoreKey tells scoring programs apart: by their shape and the layout of the weights.
type scoreKey struct {
	shape  dense.Shape
	layout string
}

// scoreBatch runs the dense graph over a batch, by weights that are on the engine's device.
func (e *Engine) scoreBatch(
	w *model.Weights, batch *dense.Batch, temperature float32,
) (logprobs, entropy []float32, err error) {
	key := scoreKey{batch.Shape, w.Layout()}
	program := e.scores[key]
	if program == nil {
		if program, err = graphmodel.CompileScore(w, batch.Shape); err != nil {
			return nil, nil, err
		}
		e.scores[key] = program
	}
	inputs, err := batch.Upload(w.Device, temperature)
	if err != nil {
		return nil, nil, err
	}
	defer inputs.Free()
	outputs, err := program.Run(inputs.WithAll(w.Parameters()))
	if err != nil {
		return nil, nil, err
	}
	defer outputs.Free()
	if logprobs, err = backend.Float32s(outputs["logprob"][0]); err != nil {
		return nil, nil, err
	}
	entropy, err = backend.Float32s(outputs["entropy"][0])
	return logprobs, entropy, err
}
