package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stele-lm/stele/engine/paged"
	"github.com/stele-lm/stele/sampler"
)

// exactBounds are the largest differences of a log-probability that the shape of
// the batch may make in float32. Host kernels make none. XLA and GoMLX's Go backend
// choose the order of a product's sums by its shape, so theirs are not 0.
var exactBounds = map[Kernels]float64{KernelsHost: 0, KernelsGraph: 5e-5}

// mixture is a load on which everything happens: groups, prompts of one token and
// of many chunks, equal beginnings, ends at different times.
func mixture(vocabulary int) []Request {
	var requests []Request
	for i, n := range []int{1, 40, 5, 33, 16, 60, 2, 48, 34, 7} {
		prompt := make([]int32, n)
		for j := range prompt {
			prompt[j] = int32(100 + (j*13+i/4*17)%(vocabulary-200)) // four in a row begin alike
		}
		requests = append(requests, Request{
			ID: fmt.Sprintf("m%d", i), Prompt: prompt, N: 1 + i%3*6, MaxTokens: 2 + 3*(i%4), IgnoreEOS: true,
			Seed:     11,
			Sampling: sampler.Params{Temperature: 0.8, TopP: 0.5 + 0.5*float64(i%2)},
		})
	}
	return requests
}

// TestExact: on models of both architectures, and with an adapter, tokens do not depend on how many run
// together, on pages, chunks, the prefix cache, its content, preemption, the order
// of arrival, the kernels or the backend; and in one setup log-probabilities do so
// within its bound, bit for bit on host kernels.
func TestExact(t *testing.T) {
	schedules := []struct {
		name     string
		options  Options
		pages    int // of the pool that are used; 0 for all
		shuffled uint64
		check    func(t *testing.T, e *Engine)
	}{
		{name: "batch 16", options: Options{MaxBatch: 16}},
		{name: "batch 16, prefixes known", options: Options{MaxBatch: 16},
			check: func(t *testing.T, e *Engine) {
				if e.Stats().CachedTokens == 0 {
					t.Error("no prefix was found")
				}
			}},
		{name: "batch 64, shuffled", options: Options{MaxBatch: 64}, shuffled: 1},
		{name: "batch 3, chunks", options: Options{MaxBatch: 3, ChunkSize: 9}, shuffled: 2},
		{name: "batch 1", options: Options{MaxBatch: 1, NoPrefixCache: true},
			check: func(t *testing.T, e *Engine) {
				if e.Stats().CachedTokens != 0 {
					t.Error("a prefix was found without a cache")
				}
			}},
		{name: "preemption", options: Options{MaxBatch: 16}, pages: 20, shuffled: 3,
			check: func(t *testing.T, e *Engine) {
				if e.Stats().Preemptions == 0 {
					t.Error("nobody was preempted")
				}
			}},
		{name: "pages of 32", options: Options{MaxBatch: 16, PageSize: 32}},
	}
	for _, model := range []string{"tiny-qwen2", "tiny-llama31", "with an adapter"} {
		folder, adapter := filepath.Join(testdata, "models", model), ""
		if model == "with an adapter" {
			folder, adapter = filepath.Join(testdata, "models/tiny-qwen2"), adapterFolder("rslora-patterns")
		}
		var want map[[2]int]Completion // of the first setup's first schedule
		for _, f := range setups(t) {
			var first map[[2]int]Completion // of this setup's first schedule
			worst := 0.0
			var e *Engine
			for i, s := range schedules {
				if f.backend != "go" && (i > 1 && model != "tiny-qwen2" || s.options.PageSize != 0) {
					continue // compiling takes seconds a schedule; TestSameTokens has pages of 32 on XLA
				}
				o := s.options
				o.Backend, o.Kernels, o.Adapter = f.backend, f.kernels, adapter
				if o.PageSize == 0 {
					o.PageSize = 4
				}
				if o.ChunkSize == 0 {
					o.ChunkSize = 16
				}
				o.PoolTokens = 2048
				if e != nil && o.PageSize == e.options.PageSize {
					e.options = o // compiled programs stay
				} else {
					e = load(t, folder, o)
				}
				if s.pages > 0 {
					e.pool.allocator = paged.New(s.pages+1, o.PageSize)
				}
				got := shuffled(t, e, mixture(e.Weights.Config.VocabSize), s.shuffled)
				if s.check != nil {
					s.check(t, e)
				}
				if want == nil {
					want = got
				}
				if first == nil {
					first = got
				}
				compare(t, fmt.Sprintf("%s %s %s", model, f, s.name), got, want)
				worst = max(worst, difference(got, first))
			}
			t.Logf("%s %s: log-probabilities differ by %.2g at most, bound %.2g", model, f, worst,
				exactBounds[f.kernels])
			if worst > exactBounds[f.kernels] {
				t.Errorf("%s %s: log-probabilities differ by %g, bound %g", model, f, worst,
					exactBounds[f.kernels])
			}
		}
	}
}

// shuffled generates with the requests in another order, and undoes it. The seed 0
// leaves them as they are.
func shuffled(t *testing.T, e *Engine, requests []Request, seed uint64) map[[2]int]Completion {
	t.Helper()
	order := rand.New(rand.NewPCG(seed, 5)).Perm(len(requests))
	if seed == 0 {
		slices.Sort(order)
	}
	var arrived []Request
	for _, i := range order {
		arrived = append(arrived, requests[i])
	}
	done := map[[2]int]Completion{}
	for key, c := range generate(t, e, arrived) {
		done[[2]int{order[key[0]], key[1]}] = c
	}
	return done
}

// compare requires the same samples with the same tokens, text and ends.
func compare(t *testing.T, name string, got, want map[[2]int]Completion) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d completions, want %d", name, len(got), len(want))
	}
	for key, w := range want {
		if g := got[key]; !slices.Equal(g.Tokens, w.Tokens) || g.Text != w.Text ||
			g.FinishReason != w.FinishReason {
			t.Errorf("%s: %v is %v %q, want %v %q", name, key, g.Tokens, g.FinishReason, w.Tokens,
				w.FinishReason)
		}
	}
}

// difference is the largest of the log-probabilities' differences.
func difference(got, want map[[2]int]Completion) float64 {
	worst := 0.0
	for key, w := range want {
		for i, p := range got[key].LogProbs {
			worst = max(worst, math.Abs(float64(p-w.LogProbs[i])))
		}
	}
	return worst
}
