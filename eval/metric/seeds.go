package metric

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// SeedWeights draws weights for a replicate's mean over k runs that differ in their seeds. Their sum
// is 1, and the weighted mean of k values deviates normally from the plain one, with s/√k for its
// standard deviation. Drawing k runs of k with replacement would take s² for its share (k−1)/k and
// have a few values for a distribution.
func SeedWeights(k int, random *rand.Rand) []float64 {
	weights := EqualWeights(k)
	if k < 2 {
		return weights
	}
	mean := 0.0
	normal := make([]float64, k)
	for i := range normal {
		normal[i] = random.NormFloat64()
		mean += normal[i] / float64(k)
	}
	for i := range weights {
		weights[i] += (normal[i] - mean) / math.Sqrt(float64(k*(k-1)))
	}
	return weights
}

// EqualWeights are those of a plain mean over k runs.
func EqualWeights(k int) []float64 {
	weights := make([]float64, k)
	for i := range weights {
		weights[i] = 1 / float64(k)
	}
	return weights
}

// SeededInterval returns the 95 % interval of a statistic of means over few seeds: the percentiles of
// replicates in which questions and seeds were drawn, widened by Student's t over the normal
// quantile. freedom is the number of seeds less one; the degrees of freedom are Satterthwaite's,
// who weighs it by the share of the variance that seeds have: what questions has all that they have
// alone, whose replicates are of the same questions.
func SeededInterval(all, questions []float64, freedom int) Interval {
	interval := Percentiles(all)
	total := spreadOf(all)
	total *= total
	alone := spreadOf(questions)
	seeds := total - alone*alone
	if freedom < 1 || seeds <= 0 {
		return interval
	}
	nu := total * total * float64(freedom) / (seeds * seeds)
	wider := distuv.StudentsT{Sigma: 1, Nu: nu}.Quantile(0.975) / distuv.UnitNormal.Quantile(0.975)
	middle := quantile(slices.Sorted(slices.Values(all)), 0.5)
	return Interval{middle - wider*(middle-interval[0]), middle + wider*(interval[1]-middle)}
}

// spreadOf returns the standard deviation of replicates as the half of what holds two thirds of
// them: outliers of ratios do not come into it.
func spreadOf(replicates []float64) float64 {
	sorted := slices.Sorted(slices.Values(replicates))
	one := distuv.UnitNormal.CDF(1)
	return (quantile(sorted, one) - quantile(sorted, 1-one)) / 2
}

// Averaged returns the weighted mean of accuracies, cell by cell, between 0 and full. A cell that one
// of them lacks is missing.
func Averaged(scores []Scores, weights []float64, full float64) Scores {
	out := Scores{}
	for _, benchmark := range Benchmarks(scores[0]) {
		out[benchmark] = map[string]float64{}
	cells:
		for _, language := range sortedKeys(scores[0][benchmark]) {
			sum := 0.0
			for i, s := range scores {
				x, ok := s[benchmark][language]
				if !ok {
					continue cells
				}
				sum += weights[i] * x
			}
			out[benchmark][language] = min(full, max(0, sum))
		}
	}
	return out
}
