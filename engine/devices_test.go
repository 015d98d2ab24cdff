package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/sampler"
)

// onDevicesPrograms are compiled once for all that onDevices loads.
var onDevicesPrograms backend.Shared

// onDevices loads a tiny model on devices of a backend.
func onDevices(t *testing.T, name string, devices int, o engine.Options) *engine.Engine {
	t.Helper()
	o.Backend, o.Devices, o.Shared = name, devices, &onDevicesPrograms
	e, err := engine.Load(filepath.Join("..", "testdata", "models", "tiny-qwen2"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// severals lists backends with several devices, and how many each has.
func severals(t *testing.T) map[string]int {
	t.Helper()
	all := map[string]int{}
	for _, d := range kernelstest.Open(t) {
		if n, err := d.Count(); err != nil {
			t.Fatal(err)
		} else if n > 1 {
			all[d.Name] = min(n, 4)
		}
	}
	if len(all) == 0 {
		t.Skip("NO BACKEND HERE HAS SEVERAL DEVICES")
	}
	return all
}

// groups are requests of several samples, some of equal prompts, more than devices.
func groups(V int) (all []engine.Request) {
	for i := range 7 {
		prompt := make([]int32, 5+i)
		for j := range prompt {
			prompt[j] = int32((17*j + 5*(i/2) + 3) % V)
		}
		all = append(all, engine.Request{ID: fmt.Sprint(i), Prompt: prompt, N: 1 + i%2, MaxTokens: 4 + i, Seed: 11,
			IgnoreEOS: true, Sampling: sampler.Params{Temperature: 1, TopP: 0.95}})
	}
	return all
}

// TestDevices: 1, 2 and 4 devices give the same samples, and scores with the same bits.
func TestDevices(t *testing.T) {
	for name, most := range severals(t) {
		var first []engine.Completion
		var scored []engine.Score
		for _, devices := range []int{1, 2, most} {
			e := onDevices(t, name, devices, engine.Options{Kernels: engine.KernelsGraph, MaxBatch: 4})
			if e.Devices() != devices || len(e.Mesh()) != devices {
				t.Fatalf("%d devices, want %d", e.Devices(), devices)
			}
			requests := groups(e.Weights.Config.VocabSize)
			for range 2 { // the second time pools are there
				var got []engine.Completion
				err := e.Generate(t.Context(), requests, func(c engine.Completion) error {
					got = append(got, c)
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				slices.SortFunc(got, func(a, b engine.Completion) int {
					return 100*(a.Request-b.Request) + a.Sample - b.Sample
				})
				if first == nil {
					first = got
				}
				if len(got) != len(first) {
					t.Fatalf("%s, %d devices: %d samples, one gives %d", name, devices, len(got), len(first))
				}
				for i, c := range got {
					for j, x := range first[i].LogProbs {
						if j < len(c.LogProbs) && math.Abs(float64(c.LogProbs[j]-x)) > 1e-5 {
							t.Errorf("%s, %d devices: a log-probability is %g, one gives %g", name, devices,
								c.LogProbs[j], x)
						}
					}
					c.LogProbs = first[i].LogProbs // to rounding: batches have other shapes
					if diff := cmp.Diff(first[i], c); diff != "" {
						t.Errorf("%s, %d devices: %s", name, devices, diff)
					}
				}
				if s := e.Stats(); s.DecodeTokens == 0 || s.SharedTokens == 0 {
					t.Errorf("%s, %d devices: %+v", name, devices, s)
				}
			}
			var pairs []dense.Pair
			for _, c := range first {
				pairs = append(pairs, dense.Pair{Prompt: requests[c.Request].Prompt, Completion: c.Tokens})
			}
			for range 5 { // several passes
				pairs = append(pairs, pairs...)
			}
			scores, err := e.Score(t.Context(), pairs, 1)
			if err != nil {
				t.Fatal(err)
			}
			if scored == nil {
				scored = scores
			}
			if diff := cmp.Diff(scored, scores); diff != "" {
				t.Errorf("%s, %d devices: scores differ: %s", name, devices, diff)
			}
		}
	}
}

// sampled returns the tokens of requests, sample by sample.
func sampled(t *testing.T, e *engine.Engine, requests []engine.Request) map[string][]int32 {
	t.Helper()
	tokens := map[string][]int32{}
	if err := e.Generate(t.Context(), requests, func(c engine.Completion) error {
		tokens[fmt.Sprint(c.Request, " ", c.Sample)] = c.Tokens
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return tokens
}

// TestDevicesAdapter: every device has the adapter, and has it no more when it is taken off.
func TestDevicesAdapter(t *testing.T) {
	plain := filepath.Join("..", "testdata", "adapters", "plain")
	for name := range severals(t) {
		var with, without map[string][]int32
		for _, devices := range []int{1, 2} {
			e := onDevices(t, name, devices, engine.Options{Kernels: engine.KernelsGraph, MaxBatch: 2, Adapter: plain})
			requests := groups(e.Weights.Config.VocabSize)[:4]
			adapted := sampled(t, e, requests)
			if err := e.Attach(nil); err != nil {
				t.Fatal(err)
			}
			bare := sampled(t, e, requests)
			if devices == 1 {
				with, without = adapted, bare
			}
			if diff := cmp.Diff(with, adapted); diff != "" {
				t.Errorf("%s, %d devices, with an adapter: %s", name, devices, diff)
			}
			if diff := cmp.Diff(without, bare); diff != "" {
				t.Errorf("%s, %d devices, without one: %s", name, devices, diff)
			}
		}
		if cmp.Equal(with, without) {
			t.Errorf("%s: the adapter changes nothing", name)
		}
	}
}

// TestDevicesSession: a session on several devices generates what Generate does on one, with an adapter,
// and scores texts with the same numbers.
func TestDevicesSession(t *testing.T) {
	plain := filepath.Join("..", "testdata", "adapters", "plain")
	for name := range severals(t) {
		one := onDevices(t, name, 1, engine.Options{Kernels: engine.KernelsGraph, MaxBatch: 2, Adapter: plain})
		requests := groups(one.Weights.Config.VocabSize)[:4]
		want := sampled(t, one, requests)
		pair := dense.Pair{Prompt: requests[0].Prompt[:1], Completion: requests[0].Prompt[1:]}
		scored, err := one.Score(t.Context(), []dense.Pair{pair}, 1)
		if err != nil {
			t.Fatal(err)
		}
		e := onDevices(t, name, 2, engine.Options{Kernels: engine.KernelsGraph, MaxBatch: 2, Adapter: plain})
		s, err := e.NewSession(400)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		got, mu := map[string][]int32{}, sync.Mutex{}
		var wait sync.WaitGroup
		for i, r := range requests {
			wait.Go(func() {
				if err := s.Generate(ctx, r, func(c engine.Completion) error {
					mu.Lock()
					defer mu.Unlock()
					got[fmt.Sprint(i, " ", c.Sample)] = c.Tokens
					return nil
				}); err != nil {
					t.Error(err)
				}
			})
			wait.Go(func() {
				if score, err := s.Score(ctx, pair, 1, 0); err != nil || !cmp.Equal(score, scored[0]) {
					t.Errorf("%s: a score is %v (%v), one device gives %v", name, score, err, scored[0])
				}
			})
		}
		wait.Wait()
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: the session ended with %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestDevicesStop: the first error ends all devices and is what Generate returns; an end of ctx does, too.
func TestDevicesStop(t *testing.T) {
	for name := range severals(t) {
		e := onDevices(t, name, 2, engine.Options{Kernels: engine.KernelsGraph})
		requests := groups(e.Weights.Config.VocabSize)
		full, after := errors.New("the disk is full"), false
		err := e.Generate(t.Context(), requests, func(engine.Completion) error {
			if after {
				t.Errorf("%s: a sample is emitted after an error", name)
			}
			after = true
			return full
		})
		if !errors.Is(err, full) {
			t.Errorf("%s: %v, want %v", name, err, full)
		}
		ctx, cancel := context.WithCancel(t.Context())
		err = e.Generate(ctx, requests, func(engine.Completion) error {
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v after the end of ctx", name, err)
		}
		requests[6].Prompt = nil
		if err = e.Generate(t.Context(), requests, nil); err == nil || !strings.Contains(err.Error(), `"6"`) {
			t.Errorf("%s: a request without a prompt: %v", name, err)
		}
		if e.CanShare() {
			t.Errorf("%s: what is on two devices is shared", name)
		}
	}
}

// TestDevicesRefused: what cannot be divided is refused before weights are read.
func TestDevicesRefused(t *testing.T) {
	dir := filepath.Join("..", "testdata", "models", "tiny-qwen2")
	for _, c := range []struct {
		options engine.Options
		want    string
	}{
		{engine.Options{Backend: "go", Devices: 2}, "backend go has 1: "},
		{engine.Options{Backend: "go", Devices: -1}, "expected 1 or more"},
		{engine.Options{Backend: "xla:cpu", Devices: 1000}, "--devices takes at most that"},
		{engine.Options{Backend: "xla:cpu", Devices: 2, Kernels: engine.KernelsHost}, "host kernels use all cores"},
		{engine.Options{Backend: "xla:cpu", Devices: 2, DType: "int8"}, "host kernels use all cores"},
	} {
		e, err := engine.Load(dir, c.options)
		if err == nil {
			e.Close()
		} else if strings.Contains(err.Error(), "no PJRT plugin") {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.options, err, c.want)
		}
	}
}
