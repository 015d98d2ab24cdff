package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/sampler"
)

// Speed is a throughput in tokens a second over some repetitions.
type Speed struct {
	Mean, Deviation float64
	Samples         []float64     // of each repetition
	Limits          []float64     // beside each; 0 where there is none; see BenchDecode
	Tokens          float64       // processed in a repetition
	Compile         time.Duration // of programs, before the clock started or taken off it
	Warmup          time.Duration // the run before the clock started, without Compile
}

// Measure runs work once to compile what it needs and then repeats it; work
// processes tokens each time. What is still compiled in a repetition is not counted
// as its time.
func Measure(repeat int, tokens float64, work func() error) (Speed, error) {
	return measure(repeat, tokens, func() float64 { return 0 }, work)
}

// measure is Measure beside a limit, which is asked before the first repetition and
// after each.
func measure(repeat int, tokens float64, limit func() float64, work func() error) (Speed, error) {
	s := Speed{Tokens: tokens}
	timed := func() (time.Duration, error) {
		began, compiled := time.Now(), backend.CompileTime()
		err := work()
		compiled = backend.CompileTime() - compiled
		s.Compile += compiled
		return time.Since(began) - compiled, err
	}
	var err error
	if s.Warmup, err = timed(); err != nil {
		return s, err
	}
	before := limit()
	for range repeat {
		took, err := timed()
		if err != nil {
			return s, err
		}
		after := limit()
		s.Samples = append(s.Samples, tokens/took.Seconds())
		s.Limits = append(s.Limits, (before+after)/2)
		before = after
	}
	s.Mean, s.Deviation = stat.MeanStdDev(s.Samples, nil)
	if repeat < 2 {
		s.Deviation = 0
	}
	return s, nil
}

// BenchPrefill measures the prefill of a prompt's last n tokens, the first token drawn
// included; the prefix cache holds the depth tokens before them. The cache holds full
// pages: what depth has beyond them is computed, too.
func (e *Engine) BenchPrefill(ctx context.Context, depth, n, repeat int) (Speed, error) {
	if err := e.checkBench(depth + n); err != nil {
		return Speed{}, err
	}
	prefix := e.benchRequests(1, depth+1, 1, 0)[0].Prompt[:depth]
	run := 0
	return Measure(repeat, float64(n), func() error {
		run++
		requests := e.benchRequests(1, n, 1, run)
		requests[0].Prompt = slices.Concat(prefix, requests[0].Prompt)
		return e.benchGenerate(ctx, requests, depth, run > 1)
	})
}

// BenchDecode measures batch sequences that each generate n tokens, end of sequence
// ignored, from a prompt of depth tokens and one: the depth tokens, different ones for
// each sequence, are computed in the warm-up and then found in the prefix cache. The cache
// holds full pages: what depth has beyond them is computed in the first step.
//
// With host kernels Limits has, for each repetition, the bytes a second that all cores
// read of the weights where they lie, just before and after it.
func (e *Engine) BenchDecode(ctx context.Context, depth, batch, n, repeat int) (Speed, error) {
	if err := e.checkBench(depth + n); err != nil {
		return Speed{}, err
	}
	if batch > e.options.MaxBatch {
		return Speed{}, fmt.Errorf("%d sequences together: the engine was loaded for %d",
			batch, e.options.MaxBatch)
	}
	requests := e.benchRequests(batch, depth+1, n, 1)
	warm := false
	return measure(repeat, float64(batch*n), e.readSpeed, func() error {
		err := e.benchGenerate(ctx, requests, depth, warm)
		warm = true
		return err
	})
}

// readSpeed measures the bytes a second that all cores together read of the weights now; 0
// without host kernels.
func (e *Engine) readSpeed() float64 {
	if e.host == nil {
		return 0
	}
	return float64(e.host.Bytes()) / e.host.ReadTime(time.Second/10).Seconds()
}

func (e *Engine) checkBench(length int) error {
	if most := e.Weights.Config.MaxPositions - 1; length > most {
		return fmt.Errorf("a sequence of %d tokens: the model has %d positions", length, most+1)
	}
	return nil
}

// benchGenerate runs the requests and, once warm, sees to it that what is measured
// is what was asked for: depth tokens of each prompt come from the prefix cache.
func (e *Engine) benchGenerate(ctx context.Context, requests []Request, depth int, warm bool) error {
	if err := e.Generate(ctx, requests, func(Completion) error { return nil }); err != nil {
		return err
	}
	size := e.options.PageSize
	want := len(requests) * (depth / size * size)
	if got := e.stats.CachedTokens; warm && got < want {
		return fmt.Errorf("the prefix cache kept %d of %d tokens: "+
			"the key-value pool is too small for %d sequences of depth %d", got, want, len(requests), depth)
	}
	return nil
}

// Offline holds the measurements of BenchOffline.
type Offline struct {
	Requests, InputTokens, OutputTokens int
	Seconds                             float64       // without Compile
	Compile                             time.Duration // of programs, taken off the clock
}

// BenchOffline generates count requests as fast as it can, by nano-vllm's recipe:
// prompts and completions of 100 to 1024 tokens each, uniform, seed 0, temperature
// 0.6, end of sequence ignored. A model with fewer positions gets lengths that fit.
func (e *Engine) BenchOffline(ctx context.Context, count int) (Offline, error) {
	o := Offline{Requests: count}
	random := rand.New(rand.NewPCG(0, 0))
	most := min(1024, (e.Weights.Config.MaxPositions-1)/2)
	least := min(100, most)
	requests := make([]Request, count)
	for i := range requests {
		ids := make([]int32, least+random.IntN(most-least+1))
		for j := range ids {
			ids[j] = int32(random.IntN(min(10001, e.Weights.Config.VocabSize)))
		}
		requests[i] = Request{
			ID: fmt.Sprintf("offline-%d", i), Prompt: ids, MaxTokens: least + random.IntN(most-least+1),
			Sampling: sampler.Params{Temperature: 0.6, TopP: 1}, IgnoreEOS: true,
		}
		o.InputTokens += len(ids)
	}
	warm := e.benchRequests(1, 16, 1, 0)
	if err := e.Generate(ctx, warm, func(Completion) error { return nil }); err != nil {
		return o, err
	}
	began, compiled := time.Now(), backend.CompileTime()
	err := e.Generate(ctx, requests, func(c Completion) error {
		o.OutputTokens += len(c.Tokens)
		return nil
	})
	o.Compile = backend.CompileTime() - compiled
	o.Seconds = (time.Since(began) - o.Compile).Seconds()
	return o, err
}

// CallSize is the size of a whole call of Generate: samples of each prompt, tokens of each sample.
type CallSize struct{ Prompts, Samples, Tokens, Prompt int }

// BenchCall measures whole calls of Generate: other prompts in each, nothing of them in the prefix
// cache, temperature 1, end of sequence ignored. Tokens of the result are the generated ones.
func (e *Engine) BenchCall(ctx context.Context, size CallSize, repeat int) (Speed, error) {
	if err := e.checkBench(size.Prompt + size.Tokens); err != nil {
		return Speed{}, err
	}
	run, want := 0, size.Prompts*size.Samples*size.Tokens
	return Measure(repeat, float64(want), func() error {
		run++
		requests := e.benchRequests(size.Prompts, size.Prompt, size.Tokens, run)
		for i := range requests {
			requests[i].N = size.Samples
		}
		made := 0
		if err := e.Generate(ctx, requests, func(c Completion) error {
			made += len(c.Tokens)
			return nil
		}); err != nil {
			return err
		}
		if made != want {
			return fmt.Errorf("a call generated %d tokens, expected %d", made, want)
		}
		return nil
	})
}

// Footprint holds the sizes of a loaded model in memory, in bytes.
type Footprint struct {
	Weights    int64 // every parameter, in the dtype that is held
	StepReads  int64 // what a step of one token reads of them
	Pool       int64 // the key-value pool as it is now
	TokenReads int64 // keys and values of one token, all layers
}

// Footprint returns the sizes of the model and of its key-value pool.
func (e *Engine) Footprint() Footprint {
	c := e.Weights.Config
	held := checkpointDType(e.Weights.HeldAs())
	f := Footprint{TokenReads: c.KVBytesPerToken(e.poolDType())}
	if e.host != nil {
		f.StepReads = int64(e.host.Bytes())
		f.Weights = int64(e.host.Held())
	} else {
		f.Weights = c.WeightBytes(held)
		f.StepReads = f.Weights
		if !c.TieEmbeddings {
			f.StepReads -= int64(c.VocabSize*c.HiddenSize) * int64(held.Size())
		}
	}
	if e.pool != nil {
		f.Pool = int64(e.pool.bytes())
	}
	return f
}

// benchRequests makes requests of pseudo-random tokens that differ from run to
// run, so that no prefix is found in the cache.
func (e *Engine) benchRequests(count, prompt, generate, run int) []Request {
	vocabulary := uint64(e.Weights.Config.VocabSize)
	requests := make([]Request, count)
	for i := range requests {
		ids := make([]int32, prompt)
		for j := range ids {
			ids[j] = int32((uint64(run*count+i)*1000003 + uint64(j)*7919 + 13) % vocabulary)
		}
		requests[i] = Request{
			ID: fmt.Sprintf("bench-%d-%d", run, i), Prompt: ids, MaxTokens: generate, IgnoreEOS: true,
			Sampling: sampler.Params{Temperature: 1, TopP: 1},
		}
	}
	return requests
}

// BenchPairs makes n pairs of pseudo-random tokens for timing a scoring or a
// training pass.
func (e *Engine) BenchPairs(n, prompt, completion int) []dense.Pair {
	pairs := make([]dense.Pair, n)
	for i, r := range e.benchRequests(n, prompt+completion, 1, 0) {
		pairs[i] = dense.Pair{Prompt: r.Prompt[:prompt], Completion: r.Prompt[prompt:]}
	}
	return pairs
}
