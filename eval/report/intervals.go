package report

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval/metric"
)

// intervals resamples all models together and gives every number of pairs and arms its 95 %
// interval. Questions are drawn for all models at once, and for means over seeds these too, a base
// together with what was trained from it.
func (s *study) intervals() {
	if len(s.pairs) == 0 {
		return
	}
	b := metric.Bootstrap{Full: 1, Replicates: replicates, Seed: bootstrapSeed}
	// Only what is compared is drawn: a pair that shares only some of its questions is
	// measured on those, and the others of its models do not come into it.
	index := map[*model]int{}
	of := func(m *model) int {
		if _, ok := index[m]; !ok {
			index[m] = len(b.Models)
			b.Models = append(b.Models, m.measured())
		}
		return index[m]
	}
	at := map[*pair][2]int{}
	all := slices.Concat(s.pairs, s.singlePairs)
	for _, p := range all {
		if p.seeds != nil {
			continue // drawn as its seeds
		}
		if c := p.on; c.restricted {
			at[p] = [2]int{len(b.Models), len(b.Models) + 1}
			b.Models = append(b.Models, c.measured(p.base, c.base, c.baseAnswers),
				c.measured(p.trained, c.trained, c.trainedAnswers))
		} else {
			at[p] = [2]int{of(p.base), of(p.trained)}
		}
	}
	collect := func(drawn map[*pair]*transfer) []*float64 {
		var numbers []*float64
		see := func(v *value) {
			if v.ok && !math.IsNaN(v.x) && !math.IsInf(v.x, 0) {
				x := v.x
				numbers = append(numbers, &x)
			} else {
				numbers = append(numbers, nil)
			}
		}
		for _, p := range all {
			drawn[p].each(see)
		}
		for _, a := range s.arms {
			again := arm{pairs: a.pairs}
			again.fit(func(p *pair) *transfer { return drawn[p] })
			again.mti.each(see)
			again.accuracy.each(see)
		}
		for _, c := range s.claims {
			v := c.of(func(p *pair) *transfer { return drawn[p] })
			see(&v)
		}
		return numbers
	}
	random := rand.New(rand.NewPCG(bootstrapSeed, 0x5365656473))
	draws := map[string]metric.SeedDraws{}
	var keys []string
	for _, p := range s.pairs {
		if p.seeds != nil && !slices.Contains(keys, p.seedKey()) {
			keys = append(keys, p.seedKey())
		}
	}
	var replicates replicated
	b.Each(func(scores []metric.Scores) {
		weights := map[string][]float64{}
		drawn := make(map[*pair]*transfer, len(all))
		for _, p := range all {
			before, after := scores[at[p][0]], scores[at[p][1]]
			if p.seeds != nil {
				key := p.seedKey()
				if weights[key] == nil {
					weights[key] = metric.SeedWeights(len(p.seeds), random)
				}
				var bases, gained []metric.Scores
				for _, q := range p.seeds {
					bases, gained = append(bases, scores[at[q][0]]), append(gained, scores[at[q][1]])
				}
				before, after = metric.Averaged(bases, weights[key], 1), metric.Averaged(gained, weights[key], 1)
			}
			t := transferOf(before, after, p.benchmarks, p.transfer.languages, p.languages, p.inDistribution)
			t.sameMeans(p.transfer)
			drawn[p] = t
		}
		for _, key := range keys {
			draws[key] = append(draws[key], weights[key])
		}
		replicates.add(collect(drawn))
	})
	next := 0
	take := func(pairs ...*pair) func(*value) {
		var groups []metric.SeedDraws
		var used []string
		for _, p := range pairs {
			if p.seeds != nil && !slices.Contains(used, p.seedKey()) {
				used, groups = append(used, p.seedKey()), append(groups, draws[p.seedKey()])
			}
		}
		return func(v *value) {
			i := replicates.interval(next, groups)
			next++
			if i != nil && i[1] > i[0] && v.ok {
				v.ci = i
				s.resampled = true
			}
		}
	}
	for _, p := range all {
		p.each(take(p))
		for _, v := range p.accuracyOf {
			clip(v)
		}
		clip(p.accuracy)
	}
	for _, a := range s.arms {
		a.mti.each(take(a.pairs...))
		a.accuracy.each(take(a.pairs...))
	}
	for _, c := range s.claims {
		take(c.pairs...)(&c.effect)
	}
}

// clip keeps the interval of an accuracy among accuracies.
func clip(v value) {
	if v.ci != nil {
		v.ci[0], v.ci[1] = max(0, v.ci[0]), min(1, v.ci[1])
	}
}

// replicated holds the replicates of some statistics, NaN where one is undefined.
type replicated struct{ values [][]float64 }

func (r *replicated) add(numbers []*float64) {
	for len(r.values) < len(numbers) {
		r.values = append(r.values, nil)
	}
	for i, x := range numbers {
		if x == nil {
			r.values[i] = append(r.values[i], math.NaN())
		} else {
			r.values[i] = append(r.values[i], *x)
		}
	}
}

// interval returns that of a statistic; nil where fewer than nine in ten replicates define it.
func (r *replicated) interval(i int, groups []metric.SeedDraws) *metric.Interval {
	defined := slices.DeleteFunc(slices.Clone(r.values[i]), math.IsNaN)
	if 10*len(defined) < 9*len(r.values[i]) || len(defined) == 0 {
		return nil
	}
	interval := metric.Percentiles(defined)
	if len(groups) > 0 {
		interval = metric.SeededInterval(r.values[i], groups)
	}
	return &interval
}

// over says what intervals are over.
func (s *study) over() string {
	if len(s.singlePairs) > 0 {
		return "questions and seeds"
	}
	return "questions"
}

// seedsSaid names the seeds that a model is the mean of.
func (m *model) seedsSaid() string {
	var all []string
	for _, one := range m.seeds {
		all = append(all, strings.TrimPrefix(one.name, m.name+", "))
	}
	return strings.Join(all, ", ")
}
