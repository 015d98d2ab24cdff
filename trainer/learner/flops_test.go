package learner

import (
	"math"
	"testing"

	"github.com/stele-lm/stele/engine/model/dense"

	"github.com/stele-lm/stele/trainer/trainertest"
)

// TestGradientFLOPs: 6 operations a weight and token, as for any transformer, and
// little more for attention; a group's prompt counts once.
func TestGradientFLOPs(t *testing.T) {
	prompt := make([]int32, 32)
	pairs := []dense.Pair{{Prompt: prompt, Completion: make([]int32, 64)},
		{Prompt: prompt, Completion: make([]int32, 64)}}
	const head = 49152 * 576
	linear := float64(trainertest.SmolLM2.NumParameters() - head)
	want := 6 * ((32+2*64)*linear + 2*64*head)
	if got := FLOPs(trainertest.SmolLM2, pairs); got < want || got > 1.03*want {
		t.Errorf("%g operations, %g without attention", got, want)
	}
	// Of attention alone: one layer of one head of width 1, everything else nothing.
	c := *trainertest.SmolLM2
	c.HiddenSize, c.IntermediateSize, c.NumLayers, c.NumHeads, c.NumKVHeads, c.HeadDim = 0, 0, 1, 1, 1, 1
	// A prompt of 32 has 528 scores, each row of 64 after it 64·32 + 2080.
	if got, want := FLOPs(&c, pairs), 12*(528+2*(64*32+2080.0)); math.Abs(got-want) > 1e-6 {
		t.Errorf("%g operations of attention, want %g", got, want)
	}
	// What is frozen has no gradient of its own: two thirds of the products with weights, and all of attention's.
	if got, all := AdapterFLOPs(&c, pairs), FLOPs(&c, pairs); got != all {
		t.Errorf("%g operations of attention with an adapter, %g without", got, all)
	}
	if got := AdapterFLOPs(trainertest.SmolLM2, pairs); got < want*2/3 || got > 1.03*want*2/3 {
		t.Errorf("%g operations with an adapter, %g without attention", got, want*2/3)
	}
}
