package objective

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/internal/nearest"
)

// GSPO is the algorithm of Zheng et al., "Group Sequence Policy Optimization", 2025 (arXiv 2507.18071).
const GSPO = "gspo"

// gspoOptions are loss.options of gspo.
type gspoOptions struct {
	// Low is ε below 1: ratios of a sequence under 1-ε are clipped.
	Low float64 `yaml:"low"`
	// High is ε above 1: ratios of a sequence over 1+ε are clipped.
	High float64 `yaml:"high"`
	// Level says which probabilities the gradient of a token reaches: sequence, those of all tokens (Eq. 5
	// to 7 of the paper, TRL's), or token, only its own (Eq. 13, verl's). With loss.aggregation
	// seq-mean-token-mean both are the same.
	Level string `yaml:"level"`
}

var gspoDefaults = gspoOptions{Low: 3e-4, High: 4e-4, Level: "sequence"}

func init() {
	Register(Algorithm{
		Name: GSPO, Rollouts: true, Own: gspoDefaults, New: newGSPO,
		Unused: []string{"loss.clip_low", "loss.clip_high", "loss.dual_clip"},
	})
}

// newGSPO is the objective of one ratio for each sequence y, normalised by its length and clipped as a whole:
//
//	-min(s·A, clip(s, 1-ε_low, 1+ε_high)·A),  s = (π(y)/π_old(y))^(1/|y|)
//
// and of the token variant, where s of token t is sg[s]·π(y_t)/sg[π(y_t)] with sg for what has no gradient.
func newGSPO(options Options) (Objective, error) {
	own := gspoDefaults
	if err := options.ReadOwn(&own); err != nil {
		return Objective{}, err
	}
	levels := []string{"sequence", "token"}
	switch {
	case !(own.Low > 0) || own.Low > 1 || !(own.High > 0):
		return Objective{}, fmt.Errorf("loss.options: low %g and high %g must be positive, low at most 1", own.Low,
			own.High)
	case own.Level != levels[0] && own.Level != levels[1]:
		return Objective{}, fmt.Errorf("loss.options.level is %q, expected %s%s", own.Level, nearest.List(levels),
			nearest.Hint(own.Level, levels))
	}
	return options.regularised(surrogate{
		formula:    GSPO + " of a " + own.Level,
		sequences:  true,
		scalars:    []string{lowestRatio, highestRatio},
		values:     map[string]float32{lowestRatio: float32(1 - own.Low), highestRatio: float32(1 + own.High)},
		statistics: []string{ClipLow, ClipHigh},
		loss: func(t *Tokens, advantage *Node) (policy, ratio *Node) {
			log := t.SequenceMean(Sub(t.LogProb, t.Input(Old)))
			if own.Level == "token" {
				log = Add(StopGradient(log), Sub(t.LogProb, StopGradient(t.LogProb)))
			}
			ratio = Exp(MinScalar(log, 10)) // verl's clamp
			return clip(t, advantage, ratio), ratio
		},
		report: reportClipped,
	}), nil
}
