package learner

import (
	"slices"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
)

// FLOPs is how many floating-point operations the gradient of pairs needs,
// two a multiplication and addition: the products with the weights and attention's,
// once forward and twice back, the head at the completions' tokens alone, a prompt
// that several in turn share once. Padding and what is computed again are not in it.
func FLOPs(m *checkpoint.Config, pairs []model.Pair) float64 {
	D, L := float64(m.HiddenSize), float64(m.NumLayers)
	HE, KE := float64(m.NumHeads*m.HeadDim), float64(m.NumKVHeads*m.HeadDim)
	token := L * (D*(2*HE+2*KE) + 3*D*float64(m.IntermediateSize)) // products of a token, multiplications
	score := L * 2 * HE                                            // of a query and a key it sees
	head := D * float64(m.VocabSize)
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
