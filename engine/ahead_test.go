package engine

import (
	"testing"

	"github.com/stele-lm/stele/engine/schedule"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/sampler"
)

// TestAhead: what a call of several steps draws ahead are the tokens that host kernels draw one by one, of one
// sequence and of a group, where some end before others, on a stop token as well, and others take their places.
func TestAhead(t *testing.T) {
	requests := groups()[:5]
	for i := range requests {
		requests[i].MaxTokens = 24 + 9*i
		requests[i].Sampling = sampler.Params{Temperature: 1, TopP: 0.95}
		for id := int32(i); id < 1024; id += 16 { // one token in sixteen
			requests[i].StopTokens = append(requests[i].StopTokens, id)
		}
	}
	names := kernelstest.Backends(t)
	for _, batch := range []int{1, 4} {
		want := generate(t, nano(t, Options{Backend: "go", Kernels: KernelsHost, MaxBatch: batch}), requests)
		for _, name := range names {
			if d, err := backend.Open(name); err != nil || !d.IsXLA() {
				continue
			}
			e := nano(t, Options{Backend: name, Kernels: KernelsGraph, MaxBatch: batch})
			if err := e.ensurePool(200, 4096); err != nil {
				t.Fatal(err)
			}
			g := e.pool.executor.(*graphs)
			g.device = true
			got := generate(t, e, requests)
			compare(t, name, got, want)
			if d := difference(got, want); d > 1e-5 {
				t.Errorf("%s: log-probabilities differ by %g", name, d)
			}
			several := false
			for key := range g.steps {
				several = several || key.shape.Steps == stepsAhead
			}
			if !several || g.called >= e.Stats().Steps {
				t.Errorf("%s, batch %d: %d steps took %d calls, several steps together: %v", name, batch,
					e.Stats().Steps, g.called, several)
			}
			t.Logf("%s, batch %d: %d steps, %d calls", name, batch, e.Stats().Steps, g.called)
		}
	}
}

// TestAheadForgets: a row that a step leaves out is not expected any more, though the others are, and anything that is
// not expected ends it all.
func TestAheadForgets(t *testing.T) {
	seqs := []*schedule.Sequence{{}, {}}
	item := func(row, start int, token int32) (schedule.Item, draw) {
		return schedule.Item{Seq: seqs[row], Start: start, Tokens: []int32{token}},
			draw{key: sampler.Key{Sample: uint32(row), Position: uint32(start) + 1}}
	}
	ask := func(a *ahead, start int, tokens map[int]int32) (bool, []draw) {
		var items []schedule.Item
		var draws []draw
		for row := range seqs {
			if token, ok := tokens[row]; ok {
				i, d := item(row, start, token)
				items, draws = append(items, i), append(draws, d)
			}
		}
		return a.take(items, draws), draws
	}
	begin := func() *ahead {
		a := &ahead{}
		first, d := item(0, 4, 10)
		second, e := item(1, 4, 20)
		// Of two rows in four steps the tokens 11, 12, … and 21, 22, …, each with a log-probability of 0.
		drawn := []int32{11, 0, 21, 0, 12, 0, 22, 0, 13, 0, 23, 0, 14, 0, 24, 0}
		a.keep([]schedule.Item{first, second}, []draw{d, e}, drawn, 4)
		return a
	}
	a := begin()
	if ok, draws := ask(a, 5, map[int]int32{0: 11, 1: 21}); !ok || draws[0].token != 12 || draws[1].token != 22 {
		t.Fatalf("both rows: %v, %+v", ok, draws)
	}
	if ok, draws := ask(a, 6, map[int]int32{1: 22}); !ok || draws[0].token != 23 {
		t.Fatalf("one row: %v, %+v", ok, draws)
	}
	if ok, _ := ask(a, 7, map[int]int32{0: 13, 1: 23}); ok {
		t.Error("a row that was left out is expected")
	}
	for what, tokens := range map[string]map[int]int32{"another token": {0: 11, 1: 7}, "no row before": {0: 12}} {
		a := begin()
		if ok, _ := ask(a, 5, tokens); ok {
			t.Errorf("%s was taken", what)
		}
		if ok, _ := ask(a, 5, map[int]int32{0: 11, 1: 21}); ok {
			t.Errorf("%s did not end it", what)
		}
	}
}
