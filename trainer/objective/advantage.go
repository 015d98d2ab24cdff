package objective

import "math"

// Advantages compares the rewards of one group of rollouts of the same question:
// A = (R - mean) / (std + 1e-6) with the sample standard deviation (n-1), as verl
// computes Eq. 6; without std, A = R - mean (Dr. GRPO). A group whose rewards are
// equal has no advantage, whatever rounding leaves of its mean. A rollout whose reward
// is NaN has the advantage 0 and is left out of the mean and the deviation, as TRL does
// where every reward function returned None; verl would lose the whole group.
func Advantages(rewards []float64, std bool) []float32 {
	out := make([]float32, len(rewards))
	var scored []float64
	for _, r := range rewards {
		if !math.IsNaN(r) {
			scored = append(scored, r)
		}
	}
	n := float64(len(scored))
	if n < 2 {
		return out
	}
	mean := 0.0
	for _, r := range scored {
		mean += r / n
	}
	variance, equal := 0.0, true
	for _, r := range scored {
		variance += (r - mean) * (r - mean) / (n - 1)
		equal = equal && r == scored[0]
	}
	if equal {
		return out
	}
	scale := 1.0
	if std {
		scale = math.Sqrt(variance) + 1e-6
	}
	for i, r := range rewards {
		if !math.IsNaN(r) {
			out[i] = float32((r - mean) / scale)
		}
	}
	return out
}
