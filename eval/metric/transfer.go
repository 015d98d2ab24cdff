// Package metric measures cross-lingual transfer: the paper's ΔR, MTI and power
// law, as pure functions of accuracies.
//
// Invariants: an undefined number is nil, never zero; nothing depends on the order
// of a map.
package metric

import (
	"math"
	"slices"
)

// Scores are accuracies by benchmark and language, in any unit. A missing cell is
// a missing key.
type Scores map[string]map[string]float64

// Transfer holds the gain of a trained model over its base, and of the languages that it was
// not trained on.
type Transfer struct {
	// DeltaR is Eq. 1, the relative gain by benchmark and language. It is nil where
	// the base has 0 or either score is missing.
	DeltaR map[string]map[string]*float64
	// DeltaRTrain is Eq. 2, the mean of DeltaR over the training languages.
	DeltaRTrain map[string]*float64
	// MTI is Eq. 3 averaged over the unseen languages: their mean DeltaR over
	// DeltaRTrain. It is nil when nothing is left, or nothing was gained in training.
	MTI map[string]*float64
	// MTIMean is Eq. 4, the mean of MTI over the benchmarks that have one.
	MTIMean *float64
	// DeltaRUnseen is the mean of DeltaR over the unseen languages: the numerator of MTI.
	DeltaRUnseen map[string]*float64
	// MTILanguage is Eq. 3, DeltaR over DeltaRTrain by benchmark and unseen language.
	MTILanguage map[string]map[string]*float64
	// Points is trained less base, in the unit of the scores, by benchmark and
	// language: the paper's ΔPerformance. PointsTrain and PointsUnseen are its means
	// over the languages trained on and the others.
	Points                    map[string]map[string]*float64
	PointsTrain, PointsUnseen map[string]*float64
}

// DeltaR returns Eq. 1: (trained - base) / base; nil when the base is 0.
func DeltaR(base, trained float64) *float64 {
	if base == 0 {
		return nil
	}
	d := (trained - base) / base
	return &d
}

// NewTransfer compares a trained model with its base over languages; those not
// among trainLanguages are unseen. Languages whose gain is undefined are skipped.
func NewTransfer(base, trained Scores, languages, trainLanguages []string) Transfer {
	t := Transfer{
		DeltaR: map[string]map[string]*float64{}, DeltaRTrain: map[string]*float64{},
		MTI:          map[string]*float64{},
		DeltaRUnseen: map[string]*float64{}, MTILanguage: map[string]map[string]*float64{},
		Points: map[string]map[string]*float64{}, PointsTrain: map[string]*float64{},
		PointsUnseen: map[string]*float64{},
	}
	var indices []float64
	for _, benchmark := range Benchmarks(trained) {
		gains, points := map[string]*float64{}, map[string]*float64{}
		var seen, unseen, pointsSeen, pointsUnseen []float64
		for _, language := range languages {
			b, okBase := base[benchmark][language]
			s, okTrained := trained[benchmark][language]
			gains[language], points[language] = nil, nil
			if okBase && okTrained {
				gains[language] = DeltaR(b, s)
				difference := s - b
				points[language] = &difference
				if slices.Contains(trainLanguages, language) {
					pointsSeen = append(pointsSeen, difference)
				} else {
					pointsUnseen = append(pointsUnseen, difference)
				}
			}
			switch d := gains[language]; {
			case d == nil:
			case slices.Contains(trainLanguages, language):
				seen = append(seen, *d)
			default:
				unseen = append(unseen, *d)
			}
		}
		t.DeltaR[benchmark], t.Points[benchmark] = gains, points
		t.DeltaRTrain[benchmark], t.DeltaRUnseen[benchmark] = Mean(seen), Mean(unseen)
		t.PointsTrain[benchmark], t.PointsUnseen[benchmark] = Mean(pointsSeen), Mean(pointsUnseen)
		t.MTI[benchmark] = nil
		if train, target := Mean(seen), Mean(unseen); train != nil && target != nil && *train != 0 {
			index := ratio(*target, *train)
			t.MTI[benchmark] = &index
			indices = append(indices, index)
		}
		t.MTILanguage[benchmark] = map[string]*float64{}
		for _, language := range languages {
			if slices.Contains(trainLanguages, language) {
				continue
			}
			t.MTILanguage[benchmark][language] = nil
			if train, d := t.DeltaRTrain[benchmark], gains[language]; train != nil && d != nil &&
				*train != 0 {
				index := ratio(*d, *train)
				t.MTILanguage[benchmark][language] = &index
			}
		}
	}
	t.MTIMean = Mean(indices)
	return t
}

// ratio returns x / y, and 0 where x is, never −0.
func ratio(x, y float64) float64 {
	if x == 0 {
		return 0
	}
	return x / y
}

// Benchmarks lists the benchmarks of scores, sorted.
func Benchmarks(s Scores) []string {
	var names []string
	for name := range s {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// MeanOf returns the mean of those of the named values that are defined, nil of none: a
// row's average over benchmarks or languages.
func MeanOf(values map[string]*float64, names []string) *float64 {
	var defined []float64
	for _, name := range names {
		if x := values[name]; x != nil {
			defined = append(defined, *x)
		}
	}
	return Mean(defined)
}

// Mean returns the arithmetic mean, nil of nothing.
func Mean(values []float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	sum /= float64(len(values))
	return &sum
}

// Snap returns scores in percent as the counts that they were printed from: the
// nearest k of counts[benchmark] trials. Tables print two decimals, and ratios of
// small numbers need more. A score that is no such count rounded to two decimals,
// and benchmarks without a count, stay as they are.
func Snap(s Scores, counts map[string]int) Scores {
	out := Scores{}
	for benchmark, cells := range s {
		out[benchmark] = map[string]float64{}
		for language, v := range cells {
			if n := float64(counts[benchmark]); n > 0 {
				if exact := math.Round(v*n/100) / n * 100; math.Abs(exact-v) < 0.0051 {
					v = exact
				}
			}
			out[benchmark][language] = v
		}
	}
	return out
}

// Round rounds to a number of decimals, as a table prints.
func Round(x float64, decimals int) float64 {
	scale := math.Pow(10, float64(decimals))
	return math.Round(x*scale) / scale
}
