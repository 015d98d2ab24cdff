package learner

import (
	"iter"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stele-lm/stele/engine/model/dense"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/optimizer"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// TestLayouts: pairs of which some share a prompt give the loss, the log-probabilities
// and every gradient that they give alone, each a row of a pass of its own, to
// rounding (half the goldens' bound: advantages of a group cancel in sums): with the prompt computed once,
// with groups divided, with rows that several completions share, and packed.
func TestLayouts(t *testing.T) {
	for _, name := range kernelstest.Backends(t) {
		d := trainertest.OpenDevice(t, name)
		w := trainertest.TinyWeights(t, d, dtypes.Float32)
		defer w.Close()
		l, err := New(w, Options{AdamW: optimizer.Default(),
			Objective: objective.Policy(objective.Default())})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		r := rand.New(rand.NewPCG(9, 9))
		ids := func(n int) []int32 {
			ids := make([]int32, n)
			for i := range ids {
				ids[i] = int32(r.IntN(w.Config.VocabSize))
			}
			return ids
		}
		var pairs []dense.Pair
		var lengths []int
		for _, group := range []struct {
			prompt      int
			completions []int
		}{{7, []int{20, 3, 24, 17}}, {1, []int{9}}, {13, []int{30, 1, 28}}} {
			prompt := ids(group.prompt)
			for _, n := range group.completions {
				pairs, lengths = append(pairs, dense.Pair{Prompt: prompt,
					Completion: ids(n)}), append(lengths, n)
			}
		}
		advantages := objective.Advantages([]float64{1, 0, 0.3, 0.5, 1, 0.1, 1, 0}, true)
		weights := objective.TokenMean.Weights(lengths, 0)
		several := 0 // passes with rows that completions share
		pass := func(batches iter.Seq2[[]int, *dense.Batch]) (loss float64, logprobs [][]float32,
			gradients [][]float32) {
			logprobs = make([][]float32, len(pairs))
			for indices, batch := range batches {
				if batch.Shape.Several {
					several++
				}
				columns := l.options.Objective.Columns(batch.Shape.N)
				for i, index := range indices {
					for j := range lengths[index] {
						at := batch.First[i] + j
						columns[objective.Weight][at], columns[objective.Advantage][at] = weights[index],
							advantages[index]
						columns[objective.Old][at] = -6 - float32(j%3) // some ratios are clipped
					}
				}
				seen, err := l.Accumulate(batch, columns, 1)
				if err != nil {
					t.Fatal(err)
				}
				for i, index := range indices {
					logprobs[index] = seen[objective.LogProb][batch.First[i] : batch.First[i]+lengths[index]]
					for j := range logprobs[index] {
						policy := seen[objective.PolicyLoss][batch.First[i]+j]
						loss += float64(weights[index]) * float64(policy)
					}
				}
			}
			for i := range l.replicas[0].gradients {
				values, err := backend.Float32s(l.replicas[0].gradients[i])
				if err != nil {
					t.Fatal(err)
				}
				gradients = append(gradients, values)
				zeros, err := d.Zeros(dtypes.Float32, w.Specs[i].Shape...)
				if err != nil {
					t.Fatal(err)
				}
				backend.Free(l.replicas[0].gradients[i])
				l.replicas[0].gradients[i] = zeros
			}
			return loss, logprobs, gradients
		}
		alone := func(yield func([]int, *dense.Batch) bool) {
			for i := range pairs {
				p := dense.Packing{Width: 48, Rows: [][]int{{i}}}
				if !yield(p.Indices(), p.Batch(pairs)) {
					return
				}
			}
		}
		wantLoss, wantLogprobs, want := pass(alone)
		for _, u := range []Layout{
			{MicroTokens: 4096}, {MicroTokens: 256, Packed: true}, {MicroTokens: 120}, {MicroTokens: 80},
		} {
			if u.MicroTokens == 80 && name != "go" {
				continue // XLA takes seconds to compile each of the many shapes
			}
			loss, logprobs, got := pass(u.Batches(pairs))
			if math.Abs(loss-wantLoss) > 1e-5 {
				t.Errorf("%s, %+v: the loss is %.8g, alone %.8g", name, u, loss, wantLoss)
			}
			for i := range logprobs {
				for j, x := range wantLogprobs[i] {
					if math.Abs(float64(logprobs[i][j]-x)) > 5e-5 {
						t.Fatalf("%s, %+v: log-probability of token %d of pair %d is %g, alone %g", name, u,
							j, i, logprobs[i][j], x)
					}
				}
			}
			for i, spec := range w.Specs {
				scale := trainertest.Norm(want[i]) / math.Sqrt(float64(len(want[i])))
				for j, x := range want[i] {
					if d := math.Abs(float64(got[i][j] - x)); d > 5e-4*max(scale, math.Abs(float64(x))) {
						t.Fatalf("%s, %+v: gradient of %s[%d] is %g, alone %g", name, u, spec.Name, j,
							got[i][j], x)
					}
				}
			}
		}
		if several == 0 {
			t.Errorf("%s: no completions share a row", name)
		}
	}
}

// TestSequencesStayWhole: every layout has each pair in one pass, with all tokens of its
// completion one after another; so sums over a sequence are of the whole of it.
func TestSequencesStayWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	for range 200 {
		var pairs []dense.Pair
		for range 1 + r.IntN(6) {
			prompt := make([]int32, 1+r.IntN(40))
			for i := range prompt {
				prompt[i] = int32(r.IntN(100))
			}
			for range 1 + r.IntN(5) {
				pairs = append(pairs, dense.Pair{Prompt: prompt, Completion: make([]int32, r.IntN(60))})
			}
		}
		layout := Layout{MicroTokens: 1 + r.IntN(400), Packed: r.IntN(2) == 0}
		taken := make([]int, len(pairs))
		for indices, batch := range layout.Batches(pairs) {
			counts := map[int32]int{}
			for entry, sequence := range batch.Sequences() {
				if sequence < 0 {
					continue
				}
				if first := batch.First[sequence]; entry != first+counts[sequence] {
					t.Fatalf("%+v: entry %d is of pair %d, whose tokens begin at %d", layout, entry, sequence,
						first)
				}
				counts[sequence]++
			}
			for i, index := range indices {
				taken[index]++
				if n := counts[int32(i)]; n != len(pairs[index].Completion) {
					t.Fatalf("%+v: %d of the %d tokens of pair %d are in its pass", layout, n,
						len(pairs[index].Completion), index)
				}
			}
			if n := sequencesOf(batch.Shape, len(batch.First)); n < len(indices) {
				t.Fatalf("%+v: room for %d of %d sequences", layout, n, len(indices))
			}
		}
		for i, n := range taken {
			if n != 1 {
				t.Fatalf("%+v: pair %d is in %d passes", layout, i, n)
			}
		}
	}
}
