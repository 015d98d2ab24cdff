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
		return numbers
	}
	drawAll := func(scores []metric.Scores, single map[*pair]*transfer, weights func(p *pair) []float64,
	) map[*pair]*transfer {
		drawn := make(map[*pair]*transfer, len(all))
		for _, p := range all {
			if t := single[p]; t != nil && p.seeds == nil {
				drawn[p] = t
				continue
			}
			before, after := scores[at[p][0]], scores[at[p][1]]
			if p.seeds != nil {
				var bases, gained []metric.Scores
				for _, q := range p.seeds {
					bases, gained = append(bases, scores[at[q][0]]), append(gained, scores[at[q][1]])
				}
				w := weights(p)
				before, after = metric.Averaged(bases, w, 1), metric.Averaged(gained, w, 1)
			}
			t := transferOf(before, after, p.benchmarks, p.transfer.languages, p.languages, p.inDistribution)
			t.sameMeans(p.transfer)
			drawn[p] = t
		}
		return drawn
	}
	random := rand.New(rand.NewPCG(bootstrapSeed, 0x5365656473))
	var both, questions replicated
	seeded := len(s.singlePairs) > 0
	b.Each(func(scores []metric.Scores) {
		weights := map[string][]float64{}
		drawn := drawAll(scores, nil, func(p *pair) []float64 {
			key := p.seedKey()
			if weights[key] == nil {
				weights[key] = metric.SeedWeights(len(p.seeds), random)
			}
			return weights[key]
		})
		both.add(collect(drawn))
		if seeded {
			questions.add(collect(drawAll(scores, drawn,
				func(p *pair) []float64 { return metric.EqualWeights(len(p.seeds)) })))
		}
	})
	next := 0
	take := func(freedom int) func(*value) {
		return func(v *value) {
			i := both.interval(next, &questions, freedom)
			next++
			if i != nil && i[1] > i[0] && v.ok {
				v.ci = i
				s.resampled = true
			}
		}
	}
	for _, p := range all {
		p.each(take(len(p.seeds) - 1))
		if v := &p.accuracy; v.ci != nil {
			v.ci[0], v.ci[1] = max(0, v.ci[0]), min(1, v.ci[1])
		}
	}
	for _, a := range s.arms {
		freedom := 0
		for _, p := range a.pairs {
			if k := len(p.seeds) - 1; k > 0 && (freedom == 0 || k < freedom) {
				freedom = k
			}
		}
		a.mti.each(take(freedom))
		a.accuracy.each(take(freedom))
	}
}

// replicated holds the replicates of some statistics.
type replicated struct {
	n      int
	values [][]float64
}

func (r *replicated) add(numbers []*float64) {
	for len(r.values) < len(numbers) {
		r.values = append(r.values, nil)
	}
	r.n++
	for i, x := range numbers {
		if x != nil {
			r.values[i] = append(r.values[i], *x)
		}
	}
}

// interval returns that of a statistic; nil where fewer than nine in ten replicates define it.
func (r *replicated) interval(i int, questions *replicated, freedom int) *metric.Interval {
	if 10*len(r.values[i]) < 9*r.n || len(r.values[i]) == 0 {
		return nil
	}
	if freedom < 1 || len(questions.values[i]) == 0 {
		interval := metric.Percentiles(r.values[i])
		return &interval
	}
	interval := metric.SeededInterval(r.values[i], questions.values[i], freedom)
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
