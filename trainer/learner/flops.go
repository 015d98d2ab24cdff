package learner

import (
	"slices"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model/dense"
)

// FLOPs counts the operations that the gradient of pairs needs by what is trained: see FLOPs and AdapterFLOPs.
func (l *Learner) FLOPs(pairs []dense.Pair) float64 {
	if l.options.Adapter != nil {
		return AdapterFLOPs(l.weights.Config, pairs)
	}
	return FLOPs(l.weights.Config, pairs)
}

// FLOPs counts the floating-point operations that the gradient of pairs needs, two a
// multiplication and addition: the products with the weights and attention's,
// once forward and twice back, the head at the completions' tokens alone, a prompt
// that several in turn share once. Padding and what is computed again are not in it.
func FLOPs(m *checkpoint.Config, pairs []dense.Pair) float64 {
	weights, scores := multiplications(m, pairs)
	return 6 * (weights + scores)
}

// AdapterFLOPs is FLOPs where the weights are frozen: a product with them is computed once back, for what it was
// given, and not for the weights. An adapter's own products, a few in a thousand, are not in it.
func AdapterFLOPs(m *checkpoint.Config, pairs []dense.Pair) float64 {
	weights, scores := multiplications(m, pairs)
	return 4*weights + 6*scores
}

// multiplications counts those of a forward pass, with the weights and of attention's scores.
func multiplications(m *checkpoint.Config, pairs []dense.Pair) (weights, scores float64) {
	token, score := 0.0, 0.0 // for a token, and for a query and a key that it sees
	for _, layer := range m.Model().Layers {
		for _, p := range layer.Projections() {
			token += float64(p.Out) * float64(p.In)
		}
		score += 2 * float64(layer.Attention.Query.Out)
	}
	head := float64(m.HiddenSize) * float64(m.VocabSize)
	for i, p := range pairs {
		n, t := float64(len(p.Prompt)), float64(len(p.Completion))
		if i == 0 || !slices.Equal(p.Prompt, pairs[i-1].Prompt) {
			weights, scores = weights+n*token, scores+n*(n+1)/2*score
		}
		weights, scores = weights+t*(token+head), scores+(t*n+t*(t+1)/2)*score
	}
	return weights, scores
}
