package objective

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"
)

// SFT is the algorithm that minimises Likelihood.
const SFT = "sft"

func init() {
	Register(Algorithm{Name: SFT, New: func(Options) (Objective, error) {
		return Likelihood(), nil
	}})
}

const probability = "probability" // of a token

// Likelihood is the objective of supervised fine-tuning: the negative log-likelihood of
// the reference solution's tokens.
func Likelihood() Objective {
	return Objective{
		Formula: "likelihood",
		Loss:    func(t *Tokens) *Node { return Neg(t.LogProb) },
		Derived: map[string]func(Seen, Columns, int) float64{
			probability: func(seen Seen, _ Columns, i int) float64 {
				return math.Exp(float64(seen[LogProb][i]))
			},
		},
		Report: func(t *Totals, _ float64, m map[string]float64) {
			m["loss"] = -t.Weighted[LogProb] / t.Updates
			m["entropy"], m["mean_token_probability"] = t.Sum[Entropy]/t.Tokens, t.Sum[probability]/t.Tokens
		},
	}
}
