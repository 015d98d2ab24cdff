package learner

import (
	"slices"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model/dense"
)

// FLOPs counts the floating-point operations that the gradient of pairs needs, two a
// multiplication and addition: the products with the weights and attention's,
// once forward and twice back, the head at the completions' tokens alone, a prompt
// that several in turn share once. Padding and what is computed again are not in it.
func FLOPs(m *checkpoint.Config, pairs []dense.Pair) float64 {
	token, score := 0.0, 0.0 // multiplications for a token, and for a query and a key that it sees
	for _, layer := range m.Model().Layers {
		for _, p := range layer.Projections() {
			token += float64(p.Out) * float64(p.In)
		}
		score += 2 * float64(layer.Attention.Query.Out)
	}
	head := float64(m.HiddenSize) * float64(m.VocabSize)
	total := 0.0
	for i, p := range pairs {
		n, t := float64(len(p.Prompt)), float64(len(p.Completion))
		if i == 0 || !slices.Equal(p.Prompt, pairs[i-1].Prompt) {
			total += n*token + n*(n+1)/2*score
		}
		total += t*(token+head) + (t*n+t*(t+1)/2)*score
	}
	return 6 * total
}
