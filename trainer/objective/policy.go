package objective

import (
	"maps"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
)

// GRPO is the algorithm that minimises Policy.
const GRPO = "grpo"

func init() {
	Register(Algorithm{Name: GRPO, Rollouts: true, New: func(o Options) (Objective, error) {
		return Policy(o), nil
	}})
}

// Statistics of Policy, by token.
const (
	PolicyLoss = "policy loss" // of the surrogate, as -min(r·A, clip(r)·A) with dual clip, corrected
	KL         = "kl"          // the estimate of KL(π‖π_ref)
	Ratio      = "ratio"       // r = π/π_old
	ClipLow    = "clip_low"    // 1 where a ratio below its lowest was clipped
	ClipHigh   = "clip_high"   // 1 where a ratio above its highest was clipped
	DualClip   = "dual_clip"   // 1 where the dual clip took hold
	oldKL      = "old kl"      // log π_old - log π
)

// Scalars of Policy.
const (
	lowestRatio   = "1-clip_low"
	highestRatio  = "1+clip_high"
	dualBound     = "dual_clip" // or a number too large to matter
	klWeight      = "beta"      // where KL is in the loss, or 0
	entropyWeight = "entropy"
)

// surrogate is what takes the place of the expected reward in an objective of rollouts: a loss of each token that
// falls where those with an advantage become likelier, and how far the policy may go from the old one.
type surrogate struct {
	formula    string
	sequences  bool               // see Objective.Sequences
	scalars    []string           // beside those of regularised
	values     map[string]float32 // of the scalars
	statistics []string           // beside PolicyLoss, KL and Ratio
	// loss returns a token's loss and its ratio π/π_old; advantage is an input.
	loss   func(t *Tokens, advantage *Node) (policy, ratio *Node)
	report func(t *Totals, m map[string]float64)
}

// Policy is the objective of GRPO and the recipes that followed: Eq. 5's token term with
// the sign of a loss,
//
//	-min(r·A, clip(r, 1-ε, 1+ε)·A) + β·D_KL(π‖π_ref),  r = π/π_old
//
// and what its options add.
func Policy(options Options) Objective {
	dual := float32(1e30)
	if options.DualClip != 0 {
		dual = float32(options.DualClip)
	}
	return options.regularised(surrogate{
		formula: "policy",
		scalars: []string{lowestRatio, highestRatio, dualBound},
		values: map[string]float32{
			lowestRatio: float32(1 - options.ClipLow), highestRatio: float32(1 + options.ClipHigh), dualBound: dual,
		},
		statistics: []string{ClipLow, ClipHigh, DualClip},
		loss:       clippedLoss,
		report: func(t *Totals, m map[string]float64) {
			reportClipped(t, m)
			if options.DualClip != 0 {
				m["actor/pg_clipfrac_lower"] = t.Sum[DualClip] / t.Tokens
			}
		},
	})
}

// regularised is the objective of a surrogate, corrected for the engine's probabilities, with the KL divergence and
// the entropy bonus of the options.
func (l Options) regularised(s surrogate) Objective {
	bonus := l.Entropy != 0
	o := Objective{
		Formula:   s.formula,
		Sequences: s.sequences,
		Inputs:    []Input{{Name: Old}, {Name: Ref}, {Name: Advantage}, {Name: Correction, Default: 1}},
		Scalars:   append(slices.Clone(s.scalars), klWeight, "k1", "k2", "k3"),
		Values: func(beta float64) map[string]float32 {
			values := l.regularisedScalars(beta)
			maps.Copy(values, s.values)
			return values
		},
		RefOnlyWithBeta: true,
		Statistics:      append([]string{PolicyLoss, KL, Ratio}, s.statistics...),
		Loss:            func(t *Tokens) *Node { return regularisedLoss(t, s, bonus) },
		Derived: map[string]func(Seen, Columns, int) float64{
			oldKL: func(seen Seen, columns Columns, i int) float64 {
				return float64(columns[Old][i] - seen[LogProb][i])
			},
		},
		Report: func(t *Totals, beta float64, m map[string]float64) {
			l.reportRegularised(t, beta, m)
			s.report(t, m)
		},
	}
	if bonus {
		o.Formula += " with an entropy bonus"
		o.Scalars = append(o.Scalars, entropyWeight)
	}
	return o
}

// regularisedScalars returns the scalars for a β, which may have moved away from the option.
func (l Options) regularisedScalars(beta float64) map[string]float32 {
	values := map[string]float32{klWeight: 0, "k1": 0, "k2": 0, "k3": 0}
	values[l.KL] = 1 // the estimator in use
	if l.KLIn != KLInReward {
		values[klWeight] = float32(beta)
	}
	if l.Entropy != 0 {
		values[entropyWeight] = float32(l.Entropy)
	}
	return values
}

func regularisedLoss(t *Tokens, s surrogate, bonus bool) *Node {
	policy, ratio := s.loss(t, t.Input(Advantage))
	policy = Mul(policy, t.Input(Correction))

	d := Sub(t.LogProb, t.Input(Ref))
	back := ClipScalar(Neg(d), -20, 20) // k3 with verl's clamps
	k3 := ClipScalar(expBeyondLinear(back), -10, 10)
	kl := Add(Add(Mul(d, t.Scalar("k1")), Mul(MulScalar(Mul(d, d), 0.5), t.Scalar("k2"))),
		Mul(k3, t.Scalar("k3")))

	t.Return(Ratio, ratio)
	t.Return(PolicyLoss, policy)
	t.Return(KL, kl)
	loss := Add(policy, Mul(kl, t.Scalar(klWeight)))
	if bonus {
		return Sub(loss, Mul(t.Entropy, t.Scalar(entropyWeight)))
	}
	return loss
}

// tokenRatio is π/π_old of each token.
func tokenRatio(t *Tokens) *Node {
	// verl clamps the exponent so that a runaway token cannot make infinities.
	return Exp(ClipScalar(Sub(t.LogProb, t.Input(Old)), -20, 20))
}

func clippedLoss(t *Tokens, advantage *Node) (policy, ratio *Node) {
	zero := ZerosLike(advantage)
	ratio = tokenRatio(t)
	policy = clip(t, advantage, ratio)
	against := Neg(advantage)
	negative := LessThan(advantage, zero)
	bound := Mul(against, t.Scalar(dualBound))
	t.Return(DualClip, Where(LogicalAnd(negative, GreaterThan(policy, bound)), OnesLike(advantage), zero))
	return Where(negative, Min(policy, bound), policy), ratio
}

// clip returns -min(r·A, clip(r)·A), by the scalars lowestRatio and highestRatio, and the statistics ClipLow and
// ClipHigh through t.
func clip(t *Tokens, advantage, ratio *Node) *Node {
	one, zero := OnesLike(advantage), ZerosLike(advantage)
	against := Neg(advantage)
	free := Mul(against, ratio)
	clipped := Mul(against, Max(Min(ratio, t.Scalar(highestRatio)), t.Scalar(lowestRatio)))
	active := GreaterThan(clipped, free)
	t.Return(ClipHigh, Where(LogicalAnd(active, GreaterThan(ratio, one)), one, zero))
	t.Return(ClipLow, Where(LogicalAnd(active, LessThan(ratio, one)), one, zero))
	return Max(free, clipped)
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

// reportRegularised writes the means over updates and tokens under the names of TRL and verl.
func (l Options) reportRegularised(t *Totals, beta float64, m map[string]float64) {
	m["actor/pg_loss"] = t.Weighted[PolicyLoss] / t.Updates
	m["entropy"] = t.Sum[Entropy] / t.Tokens
	loss := m["actor/pg_loss"]
	if l.Beta != 0 && l.KLIn != KLInReward {
		m["kl"] = t.Weighted[KL] / t.Updates
		loss += beta * m["kl"]
	}
	loss -= l.Entropy * t.Weighted[Entropy] / t.Updates
	m["loss"] = loss
	m["actor/ppo_kl"] = t.Sum[oldKL] / t.Tokens
	m["actor/ratio_mean"] = t.Sum[Ratio] / t.Tokens
}

// reportClipped writes how many tokens were clipped.
func reportClipped(t *Totals, m map[string]float64) {
	m["clip_ratio/low_mean"], m["clip_ratio/low_min"] = t.Sum[ClipLow]/t.Tokens, t.Lowest[ClipLow]
	m["clip_ratio/high_mean"], m["clip_ratio/high_max"] = t.Sum[ClipHigh]/t.Tokens, t.Highest[ClipHigh]
	m["clip_ratio/region_mean"] = (t.Sum[ClipLow] + t.Sum[ClipHigh]) / t.Tokens
}
