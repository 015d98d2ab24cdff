package metric

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Answers holds the share of right samples, 0 to 1, by
// benchmark, language and question.
type Answers map[string]map[string]map[string]float64

// Measured are a model's accuracies with what is known of how they came about.
type Measured struct {
	Scores Scores
	// Answers, where known, are resampled question by question.
	Answers Answers
	// Trials are the independent trials behind an accuracy, by benchmark and
	// language; they are used for cells without Answers. A cell with neither is
	// taken as exact.
	Trials map[string]map[string]int
}

// Bootstrap resamples measurements. Questions are drawn with replacement, the same
// ones for every model and language, since they are translations of each other and
// put to each model: what is hard for all does not widen a difference. Cells of
// which only the number of trials is known are drawn from a binomial
// distribution, each on its own.
type Bootstrap struct {
	Models []Measured
	// Full is the accuracy of a model that is always right: 1 or 100.
	Full       float64
	Replicates int
	Seed       uint64
}

// cell is an accuracy to be drawn.
type cell struct {
	model               int
	benchmark, language string
	// Of known questions: their index in the benchmark, and the share right.
	question []int
	share    []float64
	binomial *distuv.Binomial
	exact    float64
}

// Each calls f with the accuracies of all models, in their order, for every
// replicate. A language none of whose questions were drawn is missing.
func (b *Bootstrap) Each(f func([]Scores)) {
	random := rand.NewPCG(b.Seed, 0x5374656c65)
	cells, counts := b.cells(random)
	benchmarks := make([]string, 0, len(counts))
	for name := range counts {
		benchmarks = append(benchmarks, name)
	}
	slices.Sort(benchmarks)
	r := rand.New(random)
	weights := map[string][]float64{}
	for range b.Replicates {
		for _, name := range benchmarks {
			weights[name] = Redraw(counts[name], r.IntN)
		}
		drawn := make([]Scores, len(b.Models))
		for i := range drawn {
			drawn[i] = Scores{}
		}
		for i := range cells {
			c := &cells[i]
			if drawn[c.model][c.benchmark] == nil {
				drawn[c.model][c.benchmark] = map[string]float64{}
			}
			if x, ok := c.draw(weights[c.benchmark]); ok {
				drawn[c.model][c.benchmark][c.language] = x * b.Full
			}
		}
		f(drawn)
	}
}

func (c *cell) draw(weights []float64) (float64, bool) {
	switch {
	case c.binomial != nil:
		return c.binomial.Rand() / c.binomial.N, true
	case c.question == nil:
		return c.exact, true
	}
	return Reweighted(c.share, c.question, weights)
}

// cells lists what is drawn, in an order that depends on no map, and the number
// of known questions of each benchmark.
func (b *Bootstrap) cells(source rand.Source) ([]cell, map[string]int) {
	questions := map[string][]string{}
	for _, m := range b.Models {
		for benchmark, languages := range m.Answers {
			for _, answers := range languages {
				for id := range answers {
					questions[benchmark] = append(questions[benchmark], id)
				}
			}
		}
	}
	index, counts := map[string]map[string]int{}, map[string]int{}
	for benchmark, ids := range questions {
		slices.Sort(ids)
		ids = slices.Compact(ids)
		index[benchmark] = map[string]int{}
		for i, id := range ids {
			index[benchmark][id] = i
		}
		questions[benchmark], counts[benchmark] = ids, len(ids)
	}
	var cells []cell
	for i, m := range b.Models {
		for _, benchmark := range Benchmarks(m.Scores) {
			for _, language := range sortedKeys(m.Scores[benchmark]) {
				c := cell{model: i, benchmark: benchmark, language: language,
					exact: m.Scores[benchmark][language] / b.Full}
				answers, trials := m.Answers[benchmark][language], m.Trials[benchmark][language]
				switch {
				case len(answers) > 0:
					for _, id := range questions[benchmark] {
						if share, ok := answers[id]; ok {
							c.question = append(c.question, index[benchmark][id])
							c.share = append(c.share, share)
						}
					}
				case trials > 0:
					c.binomial = &distuv.Binomial{N: float64(trials), P: min(1, max(0, c.exact)), Src: source}
				}
				cells = append(cells, c)
			}
		}
	}
	return cells, counts
}

func sortedKeys(m map[string]float64) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Intervals returns the percentile intervals of some statistics of the models'
// accuracies. stat returns as many numbers each time, nil for undefined ones; a
// statistic that fewer than nine in ten replicates define has no interval.
func (b *Bootstrap) Intervals(stat func([]Scores) []*float64) []*Interval {
	var values [][]float64
	b.Each(func(drawn []Scores) {
		s := stat(drawn)
		for len(values) < len(s) {
			values = append(values, nil)
		}
		for i, x := range s {
			if x != nil && !math.IsNaN(*x) && !math.IsInf(*x, 0) {
				values[i] = append(values[i], *x)
			}
		}
	})
	intervals := make([]*Interval, len(values))
	for i, v := range values {
		if len(v) > 0 && 10*len(v) >= 9*b.Replicates {
			interval := Percentiles(v)
			intervals[i] = &interval
		}
	}
	return intervals
}
