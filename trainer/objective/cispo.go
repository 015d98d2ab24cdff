package objective

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
)

// CISPO is the algorithm of "MiniMax-M1: Scaling Test-Time Compute Efficiently with Lightning Attention", 2025
// (arXiv 2506.13585).
const CISPO = "cispo"

// cispoOptions are loss.options of cispo.
type cispoOptions struct {
	// Lowest is the smallest weight that a token's ratio can give it; 0, the paper's value, is no limit.
	Lowest float64 `yaml:"lowest"`
	// Highest is the largest weight that a token's ratio can give it.
	Highest float64 `yaml:"highest"`
}

var cispoDefaults = cispoOptions{Highest: 5}

func init() {
	Register(Algorithm{
		Name: CISPO, Rollouts: true, Own: cispoDefaults, New: newCISPO,
		Unused: []string{"loss.clip_low", "loss.clip_high", "loss.dual_clip"},
	})
}

// newCISPO is the objective (Eq. 4 and 5 of the paper) of REINFORCE with the weight of importance sampling, which is
// clipped and has no gradient (sg), so that no token is left out:
//
//	-sg[clip(r, lowest, highest)]·A·log π,  r = π/π_old
func newCISPO(options Options) (Objective, error) {
	own := cispoDefaults
	if err := options.ReadOwn(&own); err != nil {
		return Objective{}, err
	}
	if !(own.Lowest >= 0) || !(own.Highest > own.Lowest) {
		return Objective{}, fmt.Errorf("loss.options: lowest %g must not be negative, and highest %g above it",
			own.Lowest, own.Highest)
	}
	return options.regularised(surrogate{
		formula:    CISPO,
		scalars:    []string{lowestRatio, highestRatio},
		values:     map[string]float32{lowestRatio: float32(own.Lowest), highestRatio: float32(own.Highest)},
		statistics: []string{ClipLow, ClipHigh},
		loss: func(t *Tokens, advantage *Node) (policy, ratio *Node) {
			one, zero := OnesLike(advantage), ZerosLike(advantage)
			ratio = tokenRatio(t)
			lowest, highest := t.Scalar(lowestRatio), t.Scalar(highestRatio)
			t.Return(ClipLow, Where(LessThan(Sub(ratio, lowest), zero), one, zero))
			t.Return(ClipHigh, Where(GreaterThan(Sub(ratio, highest), zero), one, zero))
			weight := StopGradient(Max(Min(ratio, highest), lowest))
			return Neg(Mul(Mul(weight, advantage), t.LogProb)), ratio
		},
		report: reportClipped,
	}), nil
}
