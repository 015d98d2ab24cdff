package objective

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
)

// Loss holds the options of the policy objective (Eq. 5-6 of the paper and the
// later recipes); each is independent of the others. Every aggregation is a weight
// for each token, computed on the host over the whole mini-batch (see Aggregation),
// so that micro-batches add up to the same gradient whatever their size.
type Loss struct {
	Aggregation Aggregation `yaml:"aggregation" json:"aggregation"`
	// Length is the constant of Aggregation seq-mean-token-sum-norm; 0 means the
	// most tokens a completion may have.
	Length int `yaml:"length" json:"length"`
	// MicroSequences is how many rollouts Aggregation micro-token-mean takes the
	// mean over at a time, verl's ppo_micro_batch_size_per_gpu.
	MicroSequences int     `yaml:"micro_sequences" json:"micro_sequences"`
	ClipLow        float64 `yaml:"clip_low" json:"clip_low"`   // ε below 1: ratios under 1-ε are clipped
	ClipHigh       float64 `yaml:"clip_high" json:"clip_high"` // ε above 1
	// DualClip c > 1 bounds the loss of negative advantages at -c·A, as verl does
	// with 3; 0 is off.
	DualClip float64 `yaml:"dual_clip" json:"dual_clip"`

	// Beta is the weight of the KL divergence to the reference model; 0 needs no
	// reference. KLIn says where it counts: in the loss (Eq. 5), or in the reward.
	Beta float64 `yaml:"beta" json:"beta"`
	KLIn string  `yaml:"kl_in" json:"kl_in"`
	// KL is the estimator: k1, k2 or k3 (Schulman, "Approximating KL divergence").
	KL string `yaml:"kl" json:"kl"`
	// KLTarget makes β adaptive: it moves so that the KL divergence of a sequence in
	// the reward, of a token in the loss, comes to this; 0 keeps β fixed. KLHorizon
	// is the number of rollouts in which it moves by its own size (see KLController).
	KLTarget  float64 `yaml:"kl_target" json:"kl_target"`
	KLHorizon int     `yaml:"kl_horizon" json:"kl_horizon"`

	// Entropy is the weight of the entropy bonus.
	Entropy float64 `yaml:"entropy" json:"entropy"`
	// Std divides advantages by the group's standard deviation (off in Dr. GRPO).
	Std bool `yaml:"std" json:"std"`
	// MaskTruncated leaves rollouts that were cut off out of the loss; they still
	// count in their group's mean (DAPO, "overlong filtering").
	MaskTruncated bool `yaml:"mask_truncated" json:"mask_truncated"`

	// ImportanceSampling corrects for the sampling engine's probabilities being
	// others than the trainer's, in TRL's words: none, token_truncate, token_mask,
	// sequence_truncate or sequence_mask, with ImportanceCap as the largest weight.
	ImportanceSampling Correction `yaml:"importance_sampling" json:"importance_sampling"`
	ImportanceCap      float64    `yaml:"importance_cap" json:"importance_cap"`
}

// Where the KL divergence counts.
const (
	KLInLoss   = "loss"
	KLInReward = "reward"
)

func (l Loss) Validate() error {
	switch {
	case l.ClipLow <= 0 || l.ClipLow > 1 || l.ClipHigh <= 0:
		return fmt.Errorf("loss: clip_low %g and clip_high %g must be positive, clip_low at most 1", l.ClipLow, l.ClipHigh)
	case l.DualClip != 0 && l.DualClip <= 1:
		return fmt.Errorf("loss: dual_clip %g must be above 1, or 0 for off", l.DualClip)
	case l.Beta < 0 || l.Length < 0 || l.KLTarget < 0:
		return fmt.Errorf("loss: beta %g, length %d and kl_target %g must not be negative", l.Beta, l.Length, l.KLTarget)
	case l.KL != "k1" && l.KL != "k2" && l.KL != "k3":
		return fmt.Errorf("loss: unknown kl %q: expected k1, k2 or k3", l.KL)
	case l.KLIn != KLInLoss && l.KLIn != KLInReward:
		return fmt.Errorf("loss: unknown kl_in %q: expected loss or reward", l.KLIn)
	case l.KLTarget > 0 && (l.Beta == 0 || l.KLHorizon < 1):
		return fmt.Errorf("loss: kl_target %g needs a beta to begin with (it is %g) and a kl_horizon of at least 1 (it is %d)",
			l.KLTarget, l.Beta, l.KLHorizon)
	case l.Aggregation == MicroTokenMean && l.MicroSequences < 1:
		return fmt.Errorf("loss: aggregation %s needs micro_sequences of at least 1, it is %d", l.Aggregation, l.MicroSequences)
	case l.ImportanceSampling != CorrectionNone && !(l.ImportanceCap > 0):
		return fmt.Errorf("loss: importance_cap %g must be positive", l.ImportanceCap)
	}
	if err := l.ImportanceSampling.Validate(); err != nil {
		return err
	}
	return l.Aggregation.Validate()
}

// Numbers of the objective that are inputs of the gradient program, so that one
// program serves every setting and β can move. In this order.
const (
	knobLow     = iota // 1 - clip_low
	knobHigh           // 1 + clip_high
	knobDual           // dual_clip, or a number too large to matter
	knobBeta           // β where KL is in the loss, or 0
	knobEntropy        // weight of the entropy bonus
	knobK1             // 1 for the estimator in use, 0 for the others
	knobK2
	knobK3
	NumKnobs
)

// Knobs returns the inputs for a β, which may have moved away from Loss.Beta.
func (l Loss) Knobs(beta float64) []float32 {
	values := make([]float32, NumKnobs)
	values[knobLow], values[knobHigh] = float32(1-l.ClipLow), float32(1+l.ClipHigh)
	values[knobDual] = 1e30
	if l.DualClip != 0 {
		values[knobDual] = float32(l.DualClip)
	}
	if l.KLIn != KLInReward {
		values[knobBeta] = float32(beta)
	}
	values[knobEntropy] = float32(l.Entropy)
	values[map[string]int{"k1": knobK1, "k2": knobK2, "k3": knobK3}[l.KL]] = 1
	return values
}

// TokenLoss is what the objective says of each of N tokens; all nodes are [N]
// float32.
type TokenLoss struct {
	Loss   *Node // policy + β·kl - entropy bonus: what is summed with weights
	Policy *Node // -min(r·A, clip(r)·A), with dual clip, corrected
	KL     *Node // the estimate of KL(π‖π_ref)
	Ratio  *Node // r = π/π_old
	ClipLo *Node // 1 where a ratio below 1-ε was clipped
	ClipHi *Node // 1 where a ratio above 1+ε was clipped
	Dual   *Node // 1 where the dual clip took hold
}

// TokenNodes are the inputs of the objective, all [N] but Knobs [NumKnobs].
type TokenNodes struct {
	Logprob, Entropy             *Node // of the policy
	Old                          *Node // log-probability under the policy that sampled
	Ref                          *Node // under the reference
	Advantage, Correction, Knobs *Node
}

// expBeyondLinear is e^x - x - 1, about x²/2, for |x| ≤ 20. The formula as it stands has
// no digits below 1e-7: where policy and reference are close, as they are when a run
// begins, it is rounding, of either sign, and so is nearly all of its slope's digits.
func expBeyondLinear(x *Node) *Node {
	// Below 1/2 the series to x¹⁰: what is left out is below 1e-9 of it.
	series := AddScalar(MulScalar(x, 1./10), 1)
	for n := 9; n >= 3; n-- {
		series = AddScalar(MulScalar(Mul(x, series), 1/float64(n)), 1)
	}
	series = Mul(MulScalar(Mul(x, x), 0.5), series)
	plain := AddScalar(Sub(Exp(x), x), -1)
	return Where(LessThan(Abs(x), Scalar(x.Graph(), x.DType(), 0.5)), series, plain)
}

// PerToken builds the objective: Eq. 5's token term with the sign of a loss,
//
//	-min(r·A, clip(r, 1-ε, 1+ε)·A) + β·D_KL(π‖π_ref),  r = π/π_old
//
// and the later recipes' additions. bonus says whether there is an entropy bonus.
func PerToken(in TokenNodes, bonus bool) TokenLoss {
	knob := func(i int) *Node { return Reshape(Slice(in.Knobs, AxisElem(i))) }
	var t TokenLoss
	one, zero := OnesLike(in.Advantage), ZerosLike(in.Advantage)

	// verl clamps the exponent so that a runaway token cannot make infinities.
	t.Ratio = Exp(ClipScalar(Sub(in.Logprob, in.Old), -20, 20))
	against := Neg(in.Advantage)
	free := Mul(against, t.Ratio)
	clipped := Mul(against, Max(Min(t.Ratio, knob(knobHigh)), knob(knobLow)))
	t.Policy = Max(free, clipped)
	active := GreaterThan(clipped, free)
	t.ClipHi = Where(LogicalAnd(active, GreaterThan(t.Ratio, one)), one, zero)
	t.ClipLo = Where(LogicalAnd(active, LessThan(t.Ratio, one)), one, zero)

	negative := LessThan(in.Advantage, zero)
	bound := Mul(against, knob(knobDual))
	t.Dual = Where(LogicalAnd(negative, GreaterThan(t.Policy, bound)), one, zero)
	t.Policy = Where(negative, Min(t.Policy, bound), t.Policy)
	t.Policy = Mul(t.Policy, in.Correction)

	d := Sub(in.Logprob, in.Ref)
	back := ClipScalar(Neg(d), -20, 20) // k3 with verl's clamps
	k3 := ClipScalar(expBeyondLinear(back), -10, 10)
	t.KL = Add(Add(Mul(d, knob(knobK1)), Mul(MulScalar(Mul(d, d), 0.5), knob(knobK2))), Mul(k3, knob(knobK3)))

	t.Loss = Add(t.Policy, Mul(t.KL, knob(knobBeta)))
	if bonus {
		t.Loss = Sub(t.Loss, Mul(in.Entropy, knob(knobEntropy)))
	}
	return t
}
