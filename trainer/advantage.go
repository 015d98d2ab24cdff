package trainer

import "math"

// Advantages compares the rewards of one group of rollouts of the same question:
// A = (R - mean) / (std + 1e-6) with the sample standard deviation (n-1), as verl
// computes Eq. 6; without std, A = R - mean (Dr. GRPO). A group whose rewards are
// equal has no advantage, whatever rounding leaves of its mean.
func Advantages(rewards []float64, std bool) []float32 {
	out := make([]float32, len(rewards))
	n := float64(len(rewards))
	if n < 2 {
		return out
	}
	mean := 0.0
	for _, r := range rewards {
		mean += r / n
	}
	variance, equal := 0.0, true
	for _, r := range rewards {
		variance += (r - mean) * (r - mean) / (n - 1)
		equal = equal && r == rewards[0]
	}
	if equal {
		return out
	}
	scale := 1.0
	if std {
		scale = math.Sqrt(variance) + 1e-6
	}
	for i, r := range rewards {
		out[i] = float32((r - mean) / scale)
	}
	return out
}
