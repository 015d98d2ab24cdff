package multilingual

import (
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/stele-lm/stele/eval/metric"
)

// point is a sample's value, for an interval; value counts where it is defined.
type point struct {
	id      string // of the question
	value   float64
	defined bool
}

// draws are how often each of n questions comes when they are drawn anew with replacement, replicate
// by replicate; nil where no interval is asked for, or one question alone says nothing of others.
func (a *Asked) draws(n int) [][]float64 {
	if n < 2 || a.Replicates == 0 {
		return nil
	}
	r := rand.New(rand.NewPCG(a.Seed, 0x6d756c7469))
	draws := make([][]float64, a.Replicates)
	for i := range draws {
		draws[i] = metric.Redraw(n, r.IntN)
	}
	return draws
}

// interval is the percentile interval of a statistic of drawn questions; nil where fewer than nine
// in ten draws define it, or all give the same.
func interval(draws [][]float64, of func(weights []float64) *float64) *metric.Interval {
	var all []float64
	for _, weights := range draws {
		if x := of(weights); x != nil {
			all = append(all, *x)
		}
	}
	if len(all) == 0 || 10*len(all) < 9*len(draws) {
		return nil
	}
	i := metric.Percentiles(all)
	if i[1]-i[0] < 1e-12 {
		return nil
	}
	return &i
}

// intervals are those of means over samples in each language, and of the mean of these. Questions are
// drawn, the same in all languages, with all their samples.
func (a *Asked) intervals(points map[string][]point) (by map[string]*metric.Interval, mean *metric.Interval) {
	var ids []string
	for _, of := range points {
		for _, p := range of {
			ids = append(ids, p.id)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	draws := a.draws(len(ids))
	type sum struct{ of, n float64 }
	sums := map[string][]sum{}
	for language, of := range points {
		all := make([]sum, len(ids))
		for _, p := range of {
			if i, _ := slices.BinarySearch(ids, p.id); p.defined {
				all[i].of += p.value
				all[i].n++
			}
		}
		sums[language] = all
	}
	in := func(language string, weights []float64) *float64 {
		total, n := 0.0, 0.0
		for i, s := range sums[language] {
			total += weights[i] * s.of
			n += weights[i] * s.n
		}
		return share(total, n)
	}
	languages := slices.Sorted(maps.Keys(points))
	by = map[string]*metric.Interval{}
	for _, language := range languages {
		by[language] = interval(draws, func(weights []float64) *float64 { return in(language, weights) })
	}
	return by, interval(draws, func(weights []float64) *float64 {
		all := make([]*float64, len(languages))
		for i, language := range languages {
			all[i] = in(language, weights)
		}
		return average(all...)
	})
}

// bound gives each language of each benchmark its interval, and the mean its own.
func bound[S, T any](a *Asked, samples map[cell][]S, into map[string]*ByLanguage[T], value func(S) point,
	set func(*T, *metric.Interval)) {
	for _, b := range slices.Sorted(maps.Keys(into)) {
		points := map[string][]point{}
		for at, of := range samples {
			if at.benchmark != b {
				continue
			}
			for _, s := range of {
				points[at.language] = append(points[at.language], value(s))
			}
		}
		by, mean := a.intervals(points)
		for language, of := range into[b].Languages {
			set(of, by[language])
		}
		set(into[b].Mean, mean)
	}
}
