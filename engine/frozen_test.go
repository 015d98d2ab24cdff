package engine

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
)

// gpus are the backends of GPUs that are here; where there is none, one that is described, if it can be compiled for.
func gpus(t *testing.T) (names []string) {
	t.Helper()
	for _, name := range kernelstest.Backends(t) {
		if d, err := backend.Open(name); err == nil && !d.IsCPU() {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		return names
	}
	const described = "xla:cuda@sm_90"
	if _, err := backend.Open(described); err != nil {
		t.Skipf("NO STEP OF ONE ROW IS TESTED AS A GPU TAKES IT: %v", err)
	}
	return []string{described}
}

// TestFrozen: on a GPU an engine whose weights nobody trains, alone with one row, draws greedily what transformers
// does, and reports the log-probabilities of one whose weights are trained.
func TestFrozen(t *testing.T) {
	for _, name := range gpus(t) {
		for _, model := range []string{"tiny-qwen2", "tiny-llama31"} {
			dir := filepath.Join(testdata, "models", model)
			options := Options{Backend: name, MaxBatch: 1, Frozen: true}
			e := load(t, dir, options)
			if len(e.Weights.Parameters()["weights"]) == len(e.Weights.Specs) {
				t.Fatalf("%s: nothing lies together", name)
			}
			var golden struct {
				Cases []struct {
					PromptIDs []int32 `json:"prompt_ids"`
					GreedyIDs []int32 `json:"greedy_ids"`
				} `json:"cases"`
			}
			readJSON(t, filepath.Join(testdata, model+".forward.json"), &golden)
			var requests []Request
			var want [][]int32
			for i, c := range golden.Cases {
				if len(c.PromptIDs) <= 64 {
					requests = append(requests, Request{ID: fmt.Sprint(i), Prompt: c.PromptIDs,
						MaxTokens: len(c.GreedyIDs), IgnoreEOS: true})
					want = append(want, c.GreedyIDs)
				}
			}
			done := generate(t, e, requests)
			for i, r := range requests {
				if got := done[[2]int{i, 0}].Tokens; !slices.Equal(got, want[i]) {
					t.Errorf("%s %s case %s: %v, want %v", name, model, r.ID, got, want[i])
				}
			}
			if model != "tiny-qwen2" {
				continue
			}
			options.DType = "bfloat16"
			frozen := generate(t, load(t, dir, options), requests[:2])
			options.Frozen = false
			trained := generate(t, load(t, dir, options), requests[:2])
			for key, c := range frozen {
				// What rounding makes of a tie is another token, after which all is another text.
				n := 0
				for n < len(c.Tokens) && c.Tokens[n] == trained[key].Tokens[n] {
					n++
				}
				if d := apart(t, c.LogProbs[:n], trained[key].LogProbs[:n]); n < 1 || !(d <= 0.1) {
					t.Errorf("%s: %d of %d bfloat16 tokens are the same, log-probabilities differ by %g", name, n,
						len(c.Tokens), d)
				}
			}
		}
	}
}
