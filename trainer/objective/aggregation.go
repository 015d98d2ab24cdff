package objective

import (
	"fmt"
	"strings"

	"github.com/stele-lm/stele/internal/nearest"
)

// Aggregation is a way to make one number of token losses, by verl's name for it.
type Aggregation string

// The aggregations.
const (
	// SeqMeanTokenMean is Eq. 5: the mean over sequences of the mean over tokens.
	SeqMeanTokenMean Aggregation = "seq-mean-token-mean"
	// TokenMean is DAPO's: the mean over all tokens.
	TokenMean Aggregation = "token-mean"
	// MicroTokenMean is verl v0.2's: the mean over the tokens of a few sequences at a
	// time, in their order, and the mean of those.
	MicroTokenMean Aggregation = "micro-token-mean"
	// SeqMeanTokenSum is the mean over sequences of the sum over tokens.
	SeqMeanTokenSum Aggregation = "seq-mean-token-sum"
	// SeqMeanTokenSumNorm is Dr. GRPO's: the sum over tokens divided by a constant.
	SeqMeanTokenSumNorm Aggregation = "seq-mean-token-sum-norm"
)

// aggregations are the names of all.
var aggregations = []string{
	string(SeqMeanTokenMean), string(TokenMean), string(MicroTokenMean), string(SeqMeanTokenSum),
	string(SeqMeanTokenSumNorm),
}

// Validate refuses a name that is no aggregation, and lists those that are.
func (a Aggregation) Validate() error {
	switch a {
	case SeqMeanTokenMean, TokenMean, MicroTokenMean, SeqMeanTokenSum, SeqMeanTokenSumNorm:
		return nil
	}
	return fmt.Errorf("loss: unknown aggregation %q: expected %s%s", a, strings.Join(aggregations, ", "),
		nearest.Hint(string(a), aggregations))
}

// Weights returns the weight of each token of sequences with these lengths, so
// that the aggregate is the weighted sum over all tokens. constant is the divisor
// of SeqMeanTokenSumNorm and the number of sequences of MicroTokenMean. Empty
// sequences count as sequences.
func (a Aggregation) Weights(lengths []int, constant int) []float32 {
	weights := make([]float32, len(lengths))
	if a == MicroTokenMean {
		parts := (len(lengths) + constant - 1) / constant
		for from := 0; from < len(lengths); from += constant {
			to := min(from+constant, len(lengths))
			for i, w := range TokenMean.Weights(lengths[from:to], 0) {
				weights[from+i] = w / float32(parts)
			}
		}
		return weights
	}
	tokens := 0
	for _, n := range lengths {
		tokens += n
	}
	for i, n := range lengths {
		sequences := float64(len(lengths))
		var w float64
		switch {
		case n == 0:
		case a == TokenMean:
			w = 1 / float64(tokens)
		case a == SeqMeanTokenSum:
			w = 1 / sequences
		case a == SeqMeanTokenSumNorm:
			w = 1 / (sequences * float64(constant))
		default:
			w = 1 / (sequences * float64(n))
		}
		weights[i] = float32(w)
	}
	return weights
}
