package objective

import "math"

// KLController holds β, the weight of the KL divergence. With a target it adapts,
// as verl's AdaptiveKLController (Ziegler et al., "Fine-Tuning Language Models from
// Human Preferences", §2.2); without, it stays.
type KLController struct {
	Beta    float64
	Target  float64 // 0 is fixed
	Horizon int     // rollouts
}

// Update moves β after rollouts of this number whose divergence was kl.
func (c *KLController) Update(kl float64, rollouts int) {
	if c.Target == 0 || math.IsNaN(kl) {
		return
	}
	off := min(max(kl/c.Target-1, -0.2), 0.2)
	c.Beta *= 1 + off*float64(rollouts)/float64(c.Horizon)
}

// KLEstimate is the divergence at one token, as PerToken's graph computes it, for
// KL in the reward.
func KLEstimate(kind string, logprob, ref float32) float64 {
	d := float64(logprob) - float64(ref)
	switch kind {
	case "k1":
		return d
	case "k2":
		return d * d / 2
	}
	back := min(max(-d, -20), 20)
	return min(max(math.Expm1(back)-back, -10), 10)
}
