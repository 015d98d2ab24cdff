package trainer

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
)

// Loss holds the options of the policy objective (Eq. 5-6 of the paper and the
// later recipes). Every aggregation is a weight for each token, computed on the
// host over the whole mini-batch (see Aggregation), so that micro-batches add up
// to the same gradient whatever their size.
type Loss struct {
	Aggregation Aggregation `yaml:"aggregation"`
	ClipLow     float64     `yaml:"clip_low"`  // ε below 1: ratios under 1-ε are clipped
	ClipHigh    float64     `yaml:"clip_high"` // ε above 1
	// DualClip c > 1 bounds the loss of negative advantages at -c·A, as verl does
	// with 3; 0 is off.
	DualClip float64 `yaml:"dual_clip"`
	// Beta is the weight of the KL divergence to the reference model; 0 needs no
	// reference.
	Beta float64 `yaml:"beta"`
	// KL is the estimator: k1, k2 or k3 (Schulman, "Approximating KL divergence").
	KL string `yaml:"kl"`
	// Entropy is the weight of the entropy bonus.
	Entropy float64 `yaml:"entropy"`
	// Std divides advantages by the group's standard deviation (off in Dr. GRPO).
	Std bool `yaml:"std"`
	// Length is the constant of Aggregation seq-mean-token-sum-norm; 0 means the
	// most tokens a completion may have.
	Length int `yaml:"length"`
}

func (l Loss) validate() error {
	switch {
	case l.ClipLow <= 0 || l.ClipLow > 1 || l.ClipHigh <= 0:
		return fmt.Errorf("loss: clip_low %g and clip_high %g must be positive, clip_low at most 1", l.ClipLow, l.ClipHigh)
	case l.DualClip != 0 && l.DualClip <= 1:
		return fmt.Errorf("loss: dual_clip %g must be above 1, or 0 for off", l.DualClip)
	case l.Beta < 0 || l.Length < 0:
		return fmt.Errorf("loss: beta %g and length %d must not be negative", l.Beta, l.Length)
	case l.KL != "k1" && l.KL != "k2" && l.KL != "k3":
		return fmt.Errorf("loss: unknown kl %q: expected k1, k2 or k3", l.KL)
	}
	return l.Aggregation.validate()
}

// tokenLoss is what the objective says of each of N tokens; all nodes are [N]
// float32.
type tokenLoss struct {
	policy *Node // -min(r·A, clip(r)·A), with dual clip
	kl     *Node // the estimate of KL(π‖π_ref)
	ratio  *Node // r = π/π_old
	clipLo *Node // 1 where a ratio below 1-ε was clipped
	clipHi *Node // 1 where a ratio above 1+ε was clipped
}

// perToken builds the objective for log-probabilities of the policy, the policy
// that sampled and the reference, and advantages, all [N].
func (l Loss) perToken(logprob, old, ref, advantage *Node) tokenLoss {
	var t tokenLoss
	// verl clamps the exponent so that a runaway token cannot make infinities.
	t.ratio = Exp(ClipScalar(Sub(logprob, old), -20, 20))
	free := Mul(Neg(advantage), t.ratio)
	clipped := Mul(Neg(advantage), ClipScalar(t.ratio, 1-l.ClipLow, 1+l.ClipHigh))
	t.policy = Max(free, clipped)
	one := OnesLike(advantage)
	active := GreaterThan(clipped, free)
	t.clipHi = Where(LogicalAnd(active, GreaterThan(t.ratio, one)), one, ZerosLike(one))
	t.clipLo = Where(LogicalAnd(active, LessThan(t.ratio, one)), one, ZerosLike(one))
	if l.DualClip != 0 {
		bound := MulScalar(Neg(advantage), l.DualClip)
		t.policy = Where(LessThan(advantage, ZerosLike(advantage)), Min(t.policy, bound), t.policy)
	}
	switch d := Sub(logprob, ref); l.KL {
	case "k1":
		t.kl = d
	case "k2":
		t.kl = MulScalar(Mul(d, d), 0.5)
	default: // k3, with verl's clamps
		back := ClipScalar(Neg(d), -20, 20)
		t.kl = ClipScalar(AddScalar(Sub(Exp(back), back), -1), -10, 10)
	}
	return t
}
