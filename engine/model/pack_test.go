package model

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// TestPack: every pair is in one row, no row is too long, batches keep to the limit
// and have numbers of rows that are powers of two, and the plan is the same each time.
func TestPack(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		pairs := make([]Pair, 1+r.IntN(60))
		longest := 1 + r.IntN(300)
		total, most := 0, 0
		for i := range pairs {
			n := 1 + r.IntN(longest)
			pairs[i] = Pair{make([]int32, n), make([]int32, r.IntN(longest))}
			total, most = total+pairs[i].len(), max(most, pairs[i].len())
		}
		maxTokens := 1 << (4 + r.IntN(9))
		packed := Pack(pairs, maxTokens)
		if !reflect.DeepEqual(packed, Pack(pairs, maxTokens)) {
			t.Fatal("two plans of the same pairs differ")
		}
		var seen []int
		rows := 0
		for _, p := range packed {
			rows += len(p.Rows)
			if len(p.Rows) != Bucket(len(p.Rows), 1) || len(p.Rows) > 1 && len(p.Rows)*p.Width > maxTokens {
				t.Fatalf("a batch of %d rows of %d tokens, the limit is %d", len(p.Rows), p.Width, maxTokens)
			}
			for _, row := range p.Rows {
				n := 0
				for _, i := range row {
					n += pairs[i].len()
				}
				if len(row) == 0 || n > p.Width {
					t.Fatalf("row %v has %d tokens of %d", row, n, p.Width)
				}
			}
			seen = append(seen, p.Indices()...)
		}
		slices.Sort(seen)
		for i := range seen {
			if seen[i] != i || len(seen) != len(pairs) {
				t.Fatalf("%d pairs, planned are %v", len(pairs), seen)
			}
		}
		// First-fit leaves at most one row half empty.
		if width := packed[0].Width; rows > 1+2*total/width {
			t.Fatalf("%d rows of %d for %d tokens", rows, width, total)
		}
	}
}

// scorePacked returns the log-probabilities of packed pairs, by pair.
func scorePacked(t *testing.T, w *Weights, packed []Packing, pairs []Pair) [][]float32 {
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
			var pairs []Pair
			cases := readForward(t, name)
			for _, c := range cases {
				pairs = append(pairs, Pair{c.PromptIDs[:1], c.PromptIDs[1:]})
			}
			packed := Pack(pairs, 1024)
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
						t.Fatalf("%s %s case %d: log-probability of token %d is %g, want %g", d.Name, name, index, j+1, got[j], want)
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
		pair := func(prompt, completion int) Pair {
			ids := make([]int32, prompt+completion)
			for i := range ids {
				ids[i] = int32(r.IntN(w.Config.VocabSize))
			}
			return Pair{ids[:prompt], ids[prompt:]}
		}
		pairs := []Pair{pair(9, 20), pair(3, 40), pair(12, 7), pair(1, 30)}
		packed := []Packing{{Width: 128, Rows: [][]int{{0, 1, 2, 3}}}}
		before := scorePacked(t, w, packed, pairs)
		for changed := range pairs {
			others := slices.Clone(pairs)
			others[changed] = pair(len(pairs[changed].Prompt), len(pairs[changed].Completion))
			after := scorePacked(t, w, packed, others)
			for i := range pairs {
				if same := slices.Equal(before[i], after[i]); same != (i != changed) {
					t.Errorf("%s: pair %d was changed, log-probabilities of pair %d stay the same: %v", d.Name, changed, i, same)
				}
			}
		}
	}
}
