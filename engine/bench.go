package engine

import (
	"context"
	"fmt"
	"math"
	"time"

	"stele/engine/model"
	"stele/sampler"
)

// Speed is a throughput in tokens a second over some repetitions.
type Speed struct {
	Mean, Deviation float64
	Compile         time.Duration // spent before the clock started, the first run included
}

// Measure runs work once to compile what it needs and then repeats it; work
// processes tokens each time.
func Measure(repeat int, tokens float64, work func() error) (Speed, error) {
	var s Speed
	began := time.Now()
	if err := work(); err != nil {
		return s, err
	}
	s.Compile = time.Since(began)
	squares := 0.0
	for range repeat {
		began := time.Now()
		if err := work(); err != nil {
			return s, err
		}
		rate := tokens / time.Since(began).Seconds()
		s.Mean += rate
		squares += rate * rate
	}
	n := float64(repeat)
	s.Mean /= n
	if repeat > 1 {
		s.Deviation = math.Sqrt(max(0, (squares-n*s.Mean*s.Mean)/(n-1)))
	}
	return s, nil
}

// BenchPrefill measures the prefill of one prompt of n tokens, the first token
// drawn included.
func (e *Engine) BenchPrefill(ctx context.Context, n, repeat int) (Speed, error) {
	if most := e.Weights.Config.MaxPositions - 1; n > most {
		return Speed{}, fmt.Errorf("a prefill of %d tokens: the model has %d positions", n, most+1)
	}
	run := 0
	return Measure(repeat, float64(n), func() error {
		run++
		return e.Generate(ctx, e.benchRequests(1, n, 1, run), func(Completion) error { return nil })
	})
}

// BenchDecode measures batch sequences that each generate n tokens from a prompt
// of one token, end of sequence ignored.
func (e *Engine) BenchDecode(ctx context.Context, batch, n, repeat int) (Speed, error) {
	if most := e.Weights.Config.MaxPositions - 1; n > most {
		return Speed{}, fmt.Errorf("decoding %d tokens: the model has %d positions", n, most+1)
	}
	run := 0
	return Measure(repeat, float64(batch*n), func() error {
		run++
		return e.Generate(ctx, e.benchRequests(batch, 1, n, run), func(Completion) error { return nil })
	})
}

// benchRequests makes requests of pseudo-random tokens that differ from run to
// run, so that no prefix is found in the cache.
func (e *Engine) benchRequests(count, prompt, generate, run int) []Request {
	requests := make([]Request, count)
	for i := range requests {
		ids := make([]int32, prompt)
		for j := range ids {
			ids[j] = int32((uint64(run*count+i)*1000003 + uint64(j)*7919 + 13) % uint64(e.Weights.Config.VocabSize))
		}
		requests[i] = Request{
			ID: fmt.Sprintf("bench-%d-%d", run, i), Prompt: ids, Sampling: sampler.Params{Temperature: 1, TopP: 1},
			MaxTokens: generate, IgnoreEOS: true,
		}
	}
	return requests
}

// BenchPair makes n pairs of pseudo-random tokens for timing a scoring or a
// training pass.
func (e *Engine) BenchPairs(n, prompt, completion int) []model.Pair {
	pairs := make([]model.Pair, n)
	for i, r := range e.benchRequests(n, prompt+completion, 1, 0) {
		pairs[i] = model.Pair{Prompt: r.Prompt[:prompt], Completion: r.Prompt[prompt:]}
	}
	return pairs
}
