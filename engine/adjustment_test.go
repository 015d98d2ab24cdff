package engine

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/sampler"
)

// adjusted is a load in which every second request changes its logits or asks for likeliest tokens.
func adjusted() []Request {
	requests := groups()
	for i := range requests {
		r := &requests[i]
		r.MaxTokens, r.IgnoreEOS = 20, false
		for id := int32(i); id < 1024; id += 8 { // one token in eight
			r.StopTokens = append(r.StopTokens, id)
		}
		switch i % 6 {
		case 1:
			r.Adjustment = &sampler.Adjustment{MinTokens: 15, Presence: 1}
		case 3:
			r.Adjustment, r.TopLogProbs = &sampler.Adjustment{Repetition: 1.3, Frequency: 0.5}, 3
		case 5:
			r.TopLogProbs = 5
			r.Adjustment = &sampler.Adjustment{Bias: map[int32]float64{400: 8, 401: math.Inf(-1)}}
		}
	}
	return requests
}

// TestAdjustment: what adjustments change does not depend on batch, preemption, kernels or backend, on a device that
// draws itself either; requests without them draw what they draw alone; log-probabilities are the model's.
func TestAdjustment(t *testing.T) {
	requests := adjusted()
	e := nano(t, Options{Backend: "go", Kernels: KernelsHost, MaxBatch: 8})
	want := generate(t, e, requests)
	var plain []Request
	for _, r := range requests {
		r.Adjustment, r.TopLogProbs = nil, 0
		plain = append(plain, r)
	}
	changed := 0
	for key, alone := range generate(t, e, plain) {
		r, c := requests[key[0]], want[key]
		switch {
		case r.Adjustment == nil && !slices.Equal(c.Tokens, alone.Tokens):
			t.Errorf("%v is not adjusted and draws %v, without the others %v", key, c.Tokens, alone.Tokens)
		case r.Adjustment != nil && !slices.Equal(c.Tokens, alone.Tokens):
			changed++
		}
		if r.Adjustment != nil && len(c.Tokens) < r.Adjustment.MinTokens {
			t.Errorf("%v has %d tokens, fewer than %d", key, len(c.Tokens), r.Adjustment.MinTokens)
		}
		if r.Adjustment != nil && r.Adjustment.Bias != nil && slices.Contains(c.Tokens, 401) {
			t.Errorf("%v has the token that is forbidden: %v", key, c.Tokens)
		}
		scores, err := e.Score(context.Background(), []dense.Pair{{Prompt: r.Prompt, Completion: c.Tokens}}, 1)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(scores[0].LogProbs, c.LogProbs) {
			t.Errorf("%v: log-probabilities %v, the model's are %v", key, c.LogProbs, scores[0].LogProbs)
		}
		if r.TopLogProbs > 0 && len(c.Top) != len(c.Tokens) || r.TopLogProbs == 0 && c.Top != nil {
			t.Errorf("%v: likeliest of %d tokens, there are %d", key, len(c.Top), len(c.Tokens))
		}
		for i, top := range c.Top {
			at := slices.IndexFunc(top, func(l sampler.TokenLogProb) bool { return l.Token == c.Tokens[i] })
			if len(top) != r.TopLogProbs || at >= 0 && top[at].LogProb != c.LogProbs[i] ||
				at < 0 && top[len(top)-1].LogProb < c.LogProbs[i] {
				t.Errorf("%v, token %d of log-probability %g beside %v", key, c.Tokens[i], c.LogProbs[i], top)
			}
		}
	}
	if changed == 0 {
		t.Error("adjustments change nothing")
	}
	compare(t, "batch 2", generate(t, nano(t, Options{Backend: "go", Kernels: KernelsHost, MaxBatch: 2,
		NoPrefixCache: true}), requests), want)
	for _, name := range kernelstest.Backends(t) {
		d, err := backend.Open(name)
		if err != nil {
			continue
		}
		e := nano(t, Options{Backend: name, Kernels: KernelsGraph, MaxBatch: 4})
		compare(t, name, generate(t, e, requests), want)
		if d.IsXLA() {
			e.pool.executor.(*graphs).device = true
			compare(t, name+", drawn on the device", generate(t, e, requests), want)
		}
	}
}
