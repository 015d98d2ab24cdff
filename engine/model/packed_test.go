package model_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/dense"
)

// scorePacked returns the log-probabilities of packed pairs, by pair.
func scorePacked(t *testing.T, w *model.Weights, packed []dense.Packing, pairs []dense.Pair) [][]float32 {
	t.Helper()
	all := make([][]float32, len(pairs))
	for _, p := range packed {
		batch := p.Batch(pairs)
		logprobs, _ := scoreBatch(t, w, batch)
		for i, index := range p.Indices() {
			all[index] = logprobs[batch.First[i] : batch.First[i]+len(pairs[index].Completion)]
		}
	}
	return all
}

// TestPacked compares packed rows with transformers, which saw each sequence alone.
func TestPacked(t *testing.T) {
	for _, d := range devices(t) {
		for _, name := range []string{"tiny-qwen2", "tiny-llama31"} {
			w := loadWeights(t, name, d)
			var pairs []dense.Pair
			cases := readForward(t, name)
			for _, c := range cases {
				pairs = append(pairs, dense.Pair{Prompt: c.PromptIDs[:1], Completion: c.PromptIDs[1:]})
			}
			packed := dense.Pack(pairs, 1024)
			shared := 0
			for _, p := range packed {
				for _, row := range p.Rows {
					shared = max(shared, len(row))
				}
			}
			if shared < 3 {
				t.Fatalf("no row has three pairs: %v", packed)
			}
			for index, got := range scorePacked(t, w, packed, pairs) {
				for j, want := range cases[index].TokenLogProbs {
					if math.Abs(float64(got[j]-want)) > 1e-4 {
						t.Fatalf("%s %s case %d: log-probability of token %d is %g, want %g", d.Name, name,
							index, j+1, got[j], want)
					}
				}
			}
		}
	}
}

// TestPackedApart: other tokens in one pair leave the log-probabilities of its
// neighbours in the row as they are, bit for bit.
func TestPackedApart(t *testing.T) {
	for _, d := range devices(t) {
		w := loadWeights(t, "tiny-qwen2", d)
		r := rand.New(rand.NewPCG(5, 6))
		pair := func(prompt, completion int) dense.Pair {
			ids := make([]int32, prompt+completion)
			for i := range ids {
				ids[i] = int32(r.IntN(w.Config.VocabSize))
			}
			return dense.Pair{Prompt: ids[:prompt], Completion: ids[prompt:]}
		}
		pairs := []dense.Pair{pair(9, 20), pair(3, 40), pair(12, 7), pair(1, 30)}
		packed := []dense.Packing{{Width: 128, Rows: [][]int{{0, 1, 2, 3}}}}
		before := scorePacked(t, w, packed, pairs)
		for changed := range pairs {
			others := slices.Clone(pairs)
			others[changed] = pair(len(pairs[changed].Prompt), len(pairs[changed].Completion))
			after := scorePacked(t, w, packed, others)
			for i := range pairs {
				if same := slices.Equal(before[i], after[i]); same != (i != changed) {
					t.Errorf("%s: pair %d was changed, log-probabilities of pair %d stay the same: %v",
						d.Name, changed, i, same)
				}
			}
		}
	}
}
