package trainer

import "fmt"

// Aggregation says how token losses become one number, in verl's names.
type Aggregation string

// The aggregations.
const (
	// SeqMeanTokenMean is Eq. 5: the mean over sequences of the mean over tokens.
	SeqMeanTokenMean Aggregation = "seq-mean-token-mean"
	// TokenMean is DAPO's: the mean over all tokens.
	TokenMean Aggregation = "token-mean"
	// SeqMeanTokenSum is the mean over sequences of the sum over tokens.
	SeqMeanTokenSum Aggregation = "seq-mean-token-sum"
	// SeqMeanTokenSumNorm is Dr. GRPO's: the sum over tokens divided by a constant.
	SeqMeanTokenSumNorm Aggregation = "seq-mean-token-sum-norm"
)

func (a Aggregation) validate() error {
	switch a {
	case SeqMeanTokenMean, TokenMean, SeqMeanTokenSum, SeqMeanTokenSumNorm:
		return nil
	}
	return fmt.Errorf("loss: unknown aggregation %q", a)
}

// Weights returns the weight of each token of sequences with these lengths, so
// that the aggregate is the weighted sum over all tokens. length is the constant
// of SeqMeanTokenSumNorm. Empty sequences count as sequences.
func (a Aggregation) Weights(lengths []int, length int) []float32 {
	tokens := 0
	for _, n := range lengths {
		tokens += n
	}
	weights := make([]float32, len(lengths))
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
			w = 1 / (sequences * float64(length))
		default:
			w = 1 / (sequences * float64(n))
		}
		weights[i] = float32(w)
	}
	return weights
}
