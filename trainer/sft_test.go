package trainer

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"stele/engine/model"
	"stele/kernels"
)

// TestPackedSFT: examples packed several a row give the loss, the log-probabilities
// and every gradient that they give in rows of their own, to rounding.
func TestPackedSFT(t *testing.T) {
	for _, backend := range []string{"go", "xla:cpu"} {
		d := openDevice(t, backend)
		w := tinyWeights(t, d)
		defer w.Close()
		l, err := NewLearner(w, LearnerOptions{AdamW: defaults().Optimizer, Loss: defaults().Loss, SFT: true})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		r := rand.New(rand.NewPCG(9, 9))
		pairs := make([]model.Pair, 7)
		lengths := make([]int, len(pairs))
		for i := range pairs {
			ids := make([]int32, 10+r.IntN(40))
			for j := range ids {
				ids[j] = int32(r.IntN(w.Config.VocabSize))
			}
			cut := 1 + r.IntN(8)
			pairs[i] = model.Pair{Prompt: ids[:cut], Completion: ids[cut:]}
			lengths[i] = len(ids) - cut
		}
		weights := TokenMean.Weights(lengths, 0)
		pass := func(u Update) (loss float64, logprobs [][]float32, gradients [][]float32) {
			logprobs = make([][]float32, len(pairs))
			for indices, batch := range u.batches(pairs) {
				tokens := NewTokens(batch.Shape.N)
				for i, index := range indices {
					for j := range lengths[index] {
						tokens.Weight[batch.First[i]+j] = weights[index]
					}
				}
				seen, err := l.Accumulate(batch, tokens, 1)
				if err != nil {
					t.Fatal(err)
				}
				for i, index := range indices {
					logprobs[index] = seen.LogProb[batch.First[i] : batch.First[i]+lengths[index]]
					for _, x := range logprobs[index] {
						loss -= float64(weights[index]) * float64(x)
					}
				}
			}
			for i := range l.gradients {
				values, err := kernels.Float32s(l.gradients[i])
				if err != nil {
					t.Fatal(err)
				}
				gradients = append(gradients, values)
				zeros, err := d.Zeros(dtypes.Float32, w.Specs[i].Shape...)
				if err != nil {
					t.Fatal(err)
				}
				kernels.Free(l.gradients[i])
				l.gradients[i] = zeros
			}
			return loss, logprobs, gradients
		}
		wantLoss, wantLogprobs, want := pass(Update{MicroTokens: 128})
		loss, logprobs, got := pass(Update{MicroTokens: 256, Packing: true})
		if math.Abs(loss-wantLoss) > 1e-5 {
			t.Errorf("%s: the loss is %.8g packed, %.8g not", backend, loss, wantLoss)
		}
		for i := range logprobs {
			for j, x := range wantLogprobs[i] {
				if math.Abs(float64(logprobs[i][j]-x)) > 5e-5 {
					t.Fatalf("%s: log-probability of token %d of pair %d is %g packed, %g not", backend, j, i, logprobs[i][j], x)
				}
			}
		}
		for i, spec := range w.Specs {
			scale := norm(want[i]) / math.Sqrt(float64(len(want[i])))
			for j, x := range want[i] {
				if d := math.Abs(float64(got[i][j] - x)); d > 1e-4*max(scale, math.Abs(float64(x))) {
					t.Fatalf("%s: gradient of %s[%d] is %g packed, %g not", backend, spec.Name, j, got[i][j], x)
				}
			}
		}
	}
}
