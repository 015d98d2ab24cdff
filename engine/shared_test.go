package engine_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/sampler"
)

// TestSharedPrograms: a second model of a shape compiles no program that the first one had, and
// says the same.
func TestSharedPrograms(t *testing.T) {
	for _, name := range kernelstest.Backends(t) {
		if name == "go" {
			continue // it compiles nothing
		}
		t.Run(name, func(t *testing.T) {
			var shared backend.Shared
			run := func() (completions []engine.Completion, scores []engine.Score, compiled int) {
				before, _ := backend.Compiled()
				e, err := engine.Load("builtin:nano", engine.Options{Backend: name, Shared: &shared,
					Kernels: engine.KernelsGraph})
				if err != nil {
					t.Fatal(err)
				}
				defer e.Close()
				prompt := []int32{5, 6, 7, 8, 9}
				err = e.Generate(t.Context(), []engine.Request{{ID: "a", Prompt: prompt, N: 3, MaxTokens: 12, Seed: 4,
					Sampling: sampler.Params{Temperature: 1, TopP: 1}}}, func(c engine.Completion) error {
					completions = append(completions, c)
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				if scores, err = e.Score(t.Context(), []dense.Pair{{Prompt: prompt, Completion: prompt}},
					1); err != nil {
					t.Fatal(err)
				}
				after, _ := backend.Compiled()
				return completions, scores, after - before
			}
			first, firstScores, compiled := run()
			again, againScores, more := run()
			if compiled < 3 || more != 0 || len(first) != 3 {
				t.Errorf("%d programs compiled, then %d; %d completions", compiled, more, len(first))
			}
			if diff := cmp.Diff(first, again); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(firstScores, againScores); diff != "" {
				t.Error(diff)
			}
		})
	}
}
