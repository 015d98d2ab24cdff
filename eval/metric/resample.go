package metric

import (
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/interp"
)

// Interval is a 95 % confidence interval: low, high.
type Interval [2]float64

// Redraw draws n of n questions with replacement and returns how often each came. pick
// returns a number from 0 to n-1.
func Redraw(n int, pick func(n int) int) (weights []float64) {
	weights = make([]float64, n)
	for range n {
		weights[pick(n)]++
	}
	return weights
}

// Reweighted returns the mean of questions' values by how often they were drawn; question
// holds the index in weights of each value. drawn is false where none of them was.
func Reweighted(values []float64, question []int, weights []float64) (mean float64, drawn bool) {
	sum, n := 0.0, 0.0
	for k, q := range question {
		sum += weights[q] * values[k]
		n += weights[q]
	}
	return sum / n, n > 0
}

// Percentiles returns the interval from the 2.5th to the 97.5th percentile of replicates,
// which it leaves as they are.
func Percentiles(replicates []float64) Interval {
	sorted := slices.Sorted(slices.Values(replicates))
	return Interval{quantile(sorted, 0.025), quantile(sorted, 0.975)}
}

// quantile interpolates between the order statistics of sorted values by type 7 of Hyndman
// and Fan, the default of R and NumPy; gonum's stat.Quantile has types 1 and 4 only.
func quantile(sorted []float64, p float64) float64 {
	if len(sorted) == 1 {
		return sorted[0]
	}
	ranks := floats.Span(make([]float64, len(sorted)), 0, float64(len(sorted)-1))
	var between interp.PiecewiseLinear
	if err := between.Fit(ranks, sorted); err != nil {
		panic(err) // Fit has no error for as many ranks as values
	}
	return between.Predict(p * float64(len(sorted)-1))
}
