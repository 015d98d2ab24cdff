package objective

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
)

// SAPO is the algorithm of Gao et al., "Soft Adaptive Policy Optimization", 2025 (arXiv 2511.20347).
const SAPO = "sapo"

// sapoOptions are loss.options of sapo.
type sapoOptions struct {
	// TauPositive is how fast a token with a positive advantage loses its weight as its ratio moves away
	// from 1.
	TauPositive float64 `yaml:"tau_positive"`
	// TauNegative is the same for a token with a negative or zero advantage.
	TauNegative float64 `yaml:"tau_negative"`
}

var sapoDefaults = sapoOptions{TauPositive: 1, TauNegative: 1.05}

func init() {
	Register(Algorithm{
		Name: SAPO, Rollouts: true, Own: sapoDefaults, New: newSAPO,
		Unused: []string{"loss.clip_low", "loss.clip_high", "loss.dual_clip"},
	})
}

// newSAPO is the objective of a soft gate in place of the clip, σ for the logistic function:
//
//	-4/τ·σ(τ·(r-1))·A,  r = π/π_old,  τ = tau_positive where A > 0, else tau_negative
func newSAPO(options Options) (Objective, error) {
	own := sapoDefaults
	if err := options.ReadOwn(&own); err != nil {
		return Objective{}, err
	}
	if !(own.TauPositive > 0) || !(own.TauNegative > 0) {
		return Objective{}, fmt.Errorf("loss.options: tau_positive %g and tau_negative %g must be positive",
			own.TauPositive, own.TauNegative)
	}
	const positive, negative = "tau_positive", "tau_negative"
	return options.regularised(surrogate{
		formula: SAPO,
		scalars: []string{positive, negative},
		values:  map[string]float32{positive: float32(own.TauPositive), negative: float32(own.TauNegative)},
		loss: func(t *Tokens, advantage *Node) (policy, ratio *Node) {
			ratio = tokenRatio(t)
			ones := OnesLike(advantage)
			tau := Where(GreaterThan(advantage, ZerosLike(advantage)), Mul(ones, t.Scalar(positive)),
				Mul(ones, t.Scalar(negative)))
			// σ(x) = 1/(1 + e^-x), within bounds that keep its gradient finite.
			x := ClipScalar(Mul(tau, AddScalar(ratio, -1)), -40, 40)
			gate := MulScalar(Div(Inverse(AddScalar(Exp(Neg(x)), 1)), tau), 4)
			return Neg(Mul(gate, advantage)), ratio
		},
		report: func(*Totals, map[string]float64) {},
	}), nil
}
