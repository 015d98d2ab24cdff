package engine

import (
	"slices"
	"testing"

	"github.com/stele-lm/stele/sampler"
)

// TestDrafts: what is guessed from what stood there before changes no token and no bit of a log-probability, where
// sequences repeat themselves and where they do not, in groups, with stops in the middle of a guess and small pools.
func TestDrafts(t *testing.T) {
	requests := mixture(1000)
	for i := range requests {
		r := &requests[i]
		r.MaxTokens = 30 + 9*i
		if i%2 == 0 { // greedy, which soon goes in circles
			r.Sampling = sampler.Params{}
		}
		if i%3 == 0 {
			r.IgnoreEOS, r.Stop = false, []string{"e", "7"}
		}
	}
	plain := Options{Backend: "go", Kernels: KernelsHost, MaxBatch: 16, NoDrafts: true}
	want := generate(t, nano(t, plain), requests)
	for _, o := range []Options{{MaxBatch: 1}, {MaxBatch: 3, ChunkSize: 9}, {MaxBatch: 16}, {MaxBatch: 16, PageSize: 2},
		{MaxBatch: 4, PoolTokens: 200}} {
		o.Backend, o.Kernels = "go", KernelsHost
		e := nano(t, o)
		got := generate(t, e, requests)
		compare(t, "with guesses", got, want)
		if d := difference(got, want); d != 0 {
			t.Errorf("batch %d: log-probabilities differ by %g", o.MaxBatch, d)
		}
		stats := e.Stats()
		t.Logf("batch %d: %d tokens guessed, %d rightly, in %d steps", o.MaxBatch, stats.DraftTokens,
			stats.AcceptTokens, stats.Steps)
		if o.MaxBatch <= 4 && stats.AcceptTokens == 0 {
			t.Errorf("batch %d: no token was guessed rightly: %+v", o.MaxBatch, stats)
		}
	}
}

// TestDraftsRest: where guesses are wrong they cost no more than they may.
func TestDraftsRest(t *testing.T) {
	prompt := make([]int32, 300)
	for i := range prompt {
		prompt[i] = int32(100 + i%7)
	}
	// Of random tokens no three stand together twice but by accident, and 30 words of the vocabulary make accidents.
	random := Request{Prompt: prompt, MaxTokens: 200, IgnoreEOS: true, Sampling: sampler.Params{Temperature: 1e6}}
	few := random
	few.N, few.Sampling.TopK = 16, 30
	var done map[[2]int]Completion
	for _, r := range []Request{few, random} {
		e := nano(t, Options{Backend: "go", Kernels: KernelsHost, MaxBatch: 16})
		done = generate(t, e, []Request{r})
		stats := e.Stats()
		wrong := float64(stats.DraftTokens-stats.AcceptTokens) * rowCost
		if most := atRisk*float64(stats.Steps)*cost(max(r.N, 1)) + 1; wrong > most {
			t.Errorf("%d samples: wrong guesses cost %g steps of one row, expected at most %g: %+v", max(r.N, 1), wrong,
				most, stats)
		}
		t.Logf("%+v", stats)
	}
	if tokens := done[[2]int{0, 0}].Tokens; len(slices.Compact(slices.Sorted(slices.Values(tokens)))) < 100 {
		t.Errorf("tokens are not random: %v", tokens)
	}
}
