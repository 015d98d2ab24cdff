package engine_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/engine"
)

// TestQueue: requests that two engines take from one queue, on one device each and on several, generate what Generate
// does for all of them; no device holds more samples than it may, but for the last request's.
func TestQueue(t *testing.T) {
	load := func(name string, devices int, kernels engine.Kernels) *engine.Engine {
		return onDevices(t, name, devices, engine.Options{Kernels: kernels, MaxBatch: 3})
	}
	cases := map[string][]*engine.Engine{"go": {load("go", 1, engine.KernelsHost), load("go", 1, engine.KernelsHost)}}
	for name := range severals(t) {
		cases[name] = []*engine.Engine{load(name, 2, engine.KernelsGraph)}
	}
	for name, engines := range cases {
		requests := groups(engines[0].Weights.Config.VocabSize)
		var want, got [][2]any
		one := sync.Mutex{}
		keep := func(into *[][2]any) func(engine.Completion) error {
			return func(c engine.Completion) error {
				one.Lock()
				defer one.Unlock()
				*into = append(*into, [2]any{[2]int{c.Request, c.Sample}, c.Tokens})
				return nil
			}
		}
		if err := engines[0].Generate(t.Context(), requests, keep(&want)); err != nil {
			t.Fatal(err)
		}
		taken, asking := 0, sync.Mutex{}
		var all sync.WaitGroup
		for range 2 { // the second time nothing is left
			for _, e := range engines {
				all.Go(func() {
					held, most := 0, 0
					err := e.GenerateFrom(t.Context(), engine.Queue{Held: 2, Group: 2, Longest: 24,
						Next: func(context.Context) (int, *engine.Request, error) {
							asking.Lock()
							defer asking.Unlock()
							if taken == len(requests) {
								return 0, nil, nil
							}
							taken++
							one.Lock()
							held += requests[taken-1].N
							most = max(most, held)
							one.Unlock()
							return taken - 1, &requests[taken-1], nil
						}}, func(c engine.Completion) error {
						err := keep(&got)(c)
						one.Lock()
						held--
						one.Unlock()
						return err
					})
					if err != nil || most > 3*e.Devices() {
						t.Errorf("%s: %v, up to %d samples at a time", name, err, most)
					}
				})
			}
			all.Wait()
		}
		if diff := cmp.Diff(byNumber(want), byNumber(got)); diff != "" {
			t.Errorf("%s: (-all at once +from a queue)\n%s", name, diff)
		}
		failed := errors.New("no further")
		for what, next := range map[string]func(context.Context) (int, *engine.Request, error){
			"no further": func(context.Context) (int, *engine.Request, error) {
				return 0, nil, failed
			},
			"the queue said 24":            one24(requests[0], 30),
			`request "0": max tokens is 0`: one24(requests[0], 0),
			"asks for 3 samples, and the queue said 2": func(context.Context) (int, *engine.Request, error) {
				r := requests[0]
				r.N = 3
				return 0, &r, nil
			},
		} {
			err := engines[0].GenerateFrom(t.Context(), engine.Queue{Held: 1, Group: 2, Longest: 24, Next: next}, nil)
			if err == nil || !strings.Contains(err.Error(), what) {
				t.Errorf("%s: %v, want %q", name, err, what)
			}
		}
		if err := engines[0].GenerateFrom(t.Context(), engine.Queue{}, nil); err == nil {
			t.Errorf("%s: a queue that holds nothing", name)
		}
	}
}

// TestPart: a request for a part of another's samples generates those.
func TestPart(t *testing.T) {
	e := onDevices(t, "go", 1, engine.Options{Kernels: engine.KernelsHost})
	r := groups(e.Weights.Config.VocabSize)[3]
	r.N = 5
	generate := func(requests ...engine.Request) [][2]any {
		var all [][2]any
		if err := e.Generate(t.Context(), requests, func(c engine.Completion) error {
			all = append(all, [2]any{c.Sample, c})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return all
	}
	whole := byNumber(generate(r))
	for _, from := range []int{0, 3} {
		part := r
		part.First, part.N = from, 2
		for sample, got := range byNumber(generate(part)) {
			if diff := cmp.Diff(whole[sample], got); diff != "" || sample.(int)/3 != from/3 {
				t.Errorf("sample %v of those from %d: (-of all +of a part)\n%s", sample, from, diff)
			}
		}
	}
	part := r
	part.First = -1
	if err := e.CheckRequest(&part); err == nil {
		t.Error("a negative number of the first sample was taken")
	}
}

func one24(r engine.Request, tokens int) func(context.Context) (int, *engine.Request, error) {
	r.MaxTokens = tokens
	return func(context.Context) (int, *engine.Request, error) { return 0, &r, nil }
}

// byNumber makes a map of completions.
func byNumber(all [][2]any) map[any]any {
	m := map[any]any{}
	for _, one := range all {
		if m[one[0]] != nil {
			m["twice"] = one[0]
		}
		m[one[0]] = one[1]
	}
	return m
}
