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

// SeedDraws are the weights that a group of k runs had in each replicate.
type SeedDraws [][]float64

// SeededInterval returns the 95 % interval of a statistic of means over few seeds: the percentiles of
// replicates in which questions and seeds were drawn, widened by Student's t over the normal
// quantile. The degrees of freedom are Satterthwaite's: those of each group of runs, k − 1, weighed by
// the share of the variance that its draws explain; what questions explain is taken as known. A
// replicate that is NaN left the statistic undefined; one at least must not be.
func SeededInterval(replicates []float64, groups []SeedDraws) Interval {
	defined := slices.DeleteFunc(slices.Clone(replicates), math.IsNaN)
	interval := Percentiles(defined)
	slices.Sort(defined)
	middle := quantile(defined, 0.5)
	// Ratios have outliers, which would hide what explains the rest.
	one := distuv.UnitNormal.CDF(1)
	reach := 3 * (quantile(defined, one) - quantile(defined, 1-one)) / 2
	calm := func(x float64) float64 { return max(-reach, min(reach, x-middle)) }
	n := float64(len(defined))
	mean, total := 0.0, 0.0
	for _, x := range defined {
		mean += calm(x) / n
	}
	for _, x := range defined {
		total += (calm(x) - mean) * (calm(x) - mean) / n
	}
	weighed := 0.0
	for _, draws := range groups {
		k := float64(len(draws[0]))
		if k < 2 {
			continue
		}
		covariance := make([]float64, len(draws[0]))
		for r, x := range replicates {
			if math.IsNaN(x) {
				continue
			}
			for s, w := range draws[r] {
				covariance[s] += (calm(x) - mean) * (w - 1/k) / n
			}
		}
		explained := -(k - 1) / n * total // what chance explains
		for _, c := range covariance {
			explained += c * c * k * (k - 1)
		}
		explained = min(total, max(0, explained))
		weighed += explained * explained / (k - 1)
	}
	wider := wideningOf(total * total / weighed)
	if wider == 1 {
		return interval
	}
	return Interval{middle - wider*(middle-interval[0]), middle + wider*(interval[1]-middle)}
}

// wideningOf is the 97.5th percentile of Student's t over that of the normal distribution.
func wideningOf(freedom float64) float64 {
	// Above, the two are the same to four digits; NaN is of replicates that do not vary.
	if !(freedom < 1e5) {
		return 1
	}
	return distuv.StudentsT{Sigma: 1, Nu: freedom}.Quantile(0.975) / distuv.UnitNormal.Quantile(0.975)
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
