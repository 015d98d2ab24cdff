package objective

import (
	"fmt"
	"math"

	"github.com/stele-lm/stele/internal/nearest"
)

// Estimator is a way to make advantages of rewards.
type Estimator string

// The estimators, R a rollout's reward, of n in its group. A rollout without a reward counts in no mean and has the
// advantage 0.
const (
	// GroupAdvantage is Eq. 6: R - mean of the group, divided by a standard deviation where Std says so.
	GroupAdvantage Estimator = "group"
	// RLOO is R - mean of the group's others (Ahmadian et al., "Back to Basics", 2024, Eq. 9).
	RLOO Estimator = "rloo"
	// ReinforcePlusPlus is (R - mean)/std over the tokens of all rollouts of a step (Hu et al., "REINFORCE++",
	// 2025, Eq. 8).
	ReinforcePlusPlus Estimator = "reinforce++"
	// ReinforceBaseline is the same of R - mean of the group (REINFORCE++-baseline, Eq. 9 and 10 there).
	ReinforceBaseline Estimator = "reinforce++-baseline"
)

var estimators = []string{
	string(GroupAdvantage), string(RLOO), string(ReinforcePlusPlus), string(ReinforceBaseline),
}

// Values of Options.StdOf.
const (
	StdOfGroup = "group"
	StdOfBatch = "batch"
)

// batchEpsilon is what TRL adds to the standard deviation of a batch, and whitening what verl adds to a variance.
const batchEpsilon, whitening = 1e-4, 1e-8

// validate refuses names that there are not.
func (e Estimator) validate(stdOf string) error {
	switch e {
	case "", GroupAdvantage, RLOO, ReinforcePlusPlus, ReinforceBaseline:
	default:
		return fmt.Errorf("loss: unknown advantage %q: expected %s%s", e, nearest.List(estimators),
			nearest.Hint(string(e), estimators))
	}
	if ways := []string{StdOfGroup, StdOfBatch}; stdOf != "" && stdOf != ways[0] && stdOf != ways[1] {
		return fmt.Errorf("loss: unknown std_of %q: expected %s%s", stdOf, nearest.List(ways),
			nearest.Hint(stdOf, ways))
	}
	return nil
}

// Advantages returns the advantages of a step's rollouts, group by group, of their rewards, NaN where there is none,
// and the numbers of their tokens.
func (l Options) Advantages(rewards [][]float64, tokens [][]int) [][]float32 {
	centred := make([][]float64, len(rewards)) // NaN where there is no reward
	var all []float64
	var weights []int
	for g, group := range rewards {
		switch l.Advantage {
		case RLOO:
			centred[g] = minusMean(group, true)
		case ReinforcePlusPlus:
			centred[g] = group
		default:
			centred[g] = minusMean(group, false)
		}
		all, weights = append(all, centred[g]...), append(weights, tokens[g]...)
	}
	mean, scale := 0.0, 1.0
	switch {
	case l.Advantage == ReinforcePlusPlus || l.Advantage == ReinforceBaseline:
		var variance float64
		mean, variance = momentsOf(all, weights)
		scale = 1 / math.Sqrt(variance+whitening)
		if variance == 0 {
			scale = 0 // equals teach nothing
		}
	case l.Advantage == RLOO || !l.Std:
	case l.StdOf == StdOfBatch:
		// The deviation of rewards, not of what is left of them.
		var each []float64
		for _, group := range rewards {
			each = append(each, group...)
		}
		_, variance := momentsOf(each, nil)
		scale = 1 / (math.Sqrt(variance) + batchEpsilon)
	}
	out := make([][]float32, len(rewards))
	for g, group := range centred {
		if l.Std && l.StdOf != StdOfBatch && (l.Advantage == GroupAdvantage || l.Advantage == "") {
			out[g] = Advantages(rewards[g], true)
			continue
		}
		out[g] = make([]float32, len(group))
		for i, a := range group {
			if !math.IsNaN(a) {
				out[g][i] = float32((a - mean) * scale)
			}
		}
	}
	return out
}

// minusMean returns the rewards of a group less their mean, or less that of the others; 0 where all are equal or
// there is one alone.
func minusMean(rewards []float64, others bool) []float64 {
	out, n, sum, equal, first := make([]float64, len(rewards)), 0.0, 0.0, true, math.NaN()
	for _, r := range rewards {
		if math.IsNaN(r) {
			continue
		}
		if n == 0 {
			first = r
		}
		equal = equal && r == first
		n++
		sum += r
	}
	for i, r := range rewards {
		switch {
		case math.IsNaN(r):
			out[i] = r
		case equal:
		case others:
			out[i] = r - (sum-r)/(n-1)
		default:
			out[i] = r - sum/n
		}
	}
	return out
}

// momentsOf returns the mean and the variance, unbiased, of numbers that count as often as weights say, or once; NaN
// does not count. The variance of equals, and of fewer than two, is 0.
func momentsOf(values []float64, weights []int) (mean, variance float64) {
	weight := func(i int) float64 {
		switch {
		case math.IsNaN(values[i]):
			return 0
		case weights == nil:
			return 1
		}
		return float64(weights[i])
	}
	n, equal, first := 0.0, true, math.NaN()
	for i, v := range values {
		if w := weight(i); w > 0 {
			if n == 0 {
				first = v
			}
			equal = equal && v == first
			n += w
			mean += w * v
		}
	}
	if n == 0 {
		return 0, 0
	}
	if mean /= n; equal || n < 2 {
		return first, 0
	}
	for i, v := range values {
		if w := weight(i); w > 0 {
			variance += w * (v - mean) * (v - mean) / (n - 1)
		}
	}
	return mean, variance
}
