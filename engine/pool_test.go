package engine

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
)

// BenchmarkPool shows that a decode step costs the same whatever the size of the
// key-value pool: 64 MiB and 2 GiB, in every setup that is here.
func BenchmarkPool(b *testing.B) {
	for _, f := range []setup{{"go", KernelsHost, ""}, {"xla:cpu", KernelsGraph, ""},
		{"xla:cuda", KernelsGraph, ""}} {
		for _, mebibytes := range []int{64, 2048} {
			b.Run(fmt.Sprintf("%s/%d MiB", f, mebibytes), func(b *testing.B) {
				// Of builtin:tiny: layers, keys and values, heads, width, bytes.
				const perToken = 4 * 2 * 2 * 32 * 4
				e, err := Load("builtin:tiny",
					Options{Backend: f.backend, Kernels: f.kernels, PoolTokens: mebibytes << 20 / perToken})
				if err != nil {
					b.Skipf("%s is not here: %v", f, err)
				}
				defer e.Close()
				const tokens = 256
				speed, err := e.BenchDecode(context.Background(), 0, 8, tokens, 3)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(8/speed.Mean*1e6, "µs/step")
			})
		}
	}
}

// TestPool: where all samples fit in the batch, all begin at once and none is preempted, whatever their lengths make of
// pages; from a queue as all at once.
func TestPool(t *testing.T) {
	const most = 24 // samples at a time
	e := load(t, filepath.Join(testdata, "models", "tiny-qwen2"), Options{Backend: "go", Kernels: KernelsHost,
		MaxBatch: most, NoDrafts: true})
	for _, c := range []struct{ group, prompt, tokens int }{
		{8, 9, 26}, {8, 1, 2}, {8, 15, 17}, {8, 17, 16}, {6, 16, 33}, {3, 33, 3}, {24, 20, 13},
	} {
		var requests []Request
		for i := range most / c.group {
			prompt := make([]int32, c.prompt)
			for j := range prompt {
				prompt[j] = int32(3 + i + 5*j)
			}
			requests = append(requests, Request{ID: fmt.Sprint(i), Prompt: prompt, N: c.group,
				MaxTokens: c.tokens, IgnoreEOS: true})
		}
		emit := func(Completion) error { return nil }
		taken := 0
		for what, run := range map[string]func() error{
			"all at once": func() error { return e.Generate(t.Context(), requests, emit) },
			"from a queue": func() error {
				return e.GenerateFrom(t.Context(), Queue{Held: most - c.group + 1, Group: c.group,
					Longest: c.prompt + c.tokens, Next: func(context.Context) (int, *Request, error) {
						if taken++; taken > len(requests) {
							return 0, nil, nil
						}
						return taken - 1, &requests[taken-1], nil
					}}, emit)
			},
		} {
			e.dropPool()
			if err := run(); err != nil {
				t.Fatal(err)
			}
			if s := e.Stats(); s.Preemptions > 0 || s.Steps != c.tokens {
				t.Errorf("%+v, %s: %d steps and %d preemptions, want %d and none", c, what, s.Steps, s.Preemptions,
					c.tokens)
			}
		}
	}
}
