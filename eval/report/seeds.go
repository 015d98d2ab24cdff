package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/metric"
)

// several tells whether a plan has more than one run of an arm.
func (p Plan) several(arm string) bool {
	n := 0
	for _, run := range p.Runs {
		n += int(metric.Indicator(run.Of == arm && arm != ""))
	}
	return n > 1
}

// average makes one model and one pair of those that differ in their seeds alone, with the means of
// their accuracies; the single ones are kept in singles.
func (s *study) average(plan Plan) {
	groups := map[string][]*model{}
	var order []string
	for _, m := range s.models {
		of := plan.Runs[m.run].Of
		if of == "" || m.after {
			continue
		}
		if groups[of] == nil {
			order = append(order, of)
		}
		groups[of] = append(groups[of], m)
	}
	made := map[*model]*model{} // of a single one its mean
	for _, of := range order {
		group := groups[of]
		if len(group) < 2 {
			continue
		}
		if why := unlike(group); why != "" {
			s.refused = append(s.refused, fmt.Sprintf("The seeds of %s are reported one by one: %s.", of, why))
			continue
		}
		mean := meanModel(of, plan.Runs[group[0].run].Label, group)
		for _, m := range group {
			made[m] = mean
		}
	}
	var pairs []*pair
	for _, p := range s.pairs {
		mean := made[p.trained]
		if mean == nil {
			pairs = append(pairs, p)
			continue
		}
		if slices.ContainsFunc(pairs, func(q *pair) bool { return q.trained == mean }) {
			continue // made with the first of its seeds
		}
		var seeds []*pair
		for _, q := range s.pairs {
			if made[q.trained] == mean {
				seeds = append(seeds, q)
			}
		}
		pairs = append(pairs, s.meanPair(mean, seeds, made))
		s.singlePairs = append(s.singlePairs, seeds...)
	}
	s.pairs = pairs
	var models []*model
	for _, m := range s.models {
		mean := made[m]
		switch {
		case mean == nil:
			models = append(models, m)
			continue
		case !slices.Contains(models, mean):
			models = append(models, mean)
		}
		s.singles = append(s.singles, m)
	}
	s.models = models
}

// unlike says why evaluations of one arm's seeds cannot be averaged; "" where they can.
func unlike(group []*model) string {
	first := group[0]
	for _, m := range group[1:] {
		if _, said := differ(&first.results.Settings, &m.results.Settings); said != "" {
			return fmt.Sprintf("%s and %s were evaluated differently (%s)", first.name, m.name, said)
		}
		if !slices.Equal(first.results.Settings.Benchmarks, m.results.Settings.Benchmarks) ||
			!slices.Equal(first.results.Settings.Languages, m.results.Settings.Languages) {
			return fmt.Sprintf("%s and %s were put other benchmarks or languages", first.name, m.name)
		}
	}
	return ""
}

// meanModel is the mean of evaluations of one arm's seeds.
func meanModel(of, label string, group []*model) *model {
	first := group[0]
	if label == "" {
		label = of
	}
	var results []*eval.Results
	answers := []*outcomes{}
	for _, m := range group {
		results = append(results, m.results)
		if m.answers != nil {
			answers = append(answers, m.answers)
		}
	}
	mean := *first
	mean.run, mean.seeds = of, group
	mean.evaluation = evaluation{label, meanResults(results)}
	mean.results.Model = of
	if mean.family == modelLabel(first.results.Model) {
		mean.family = of
	}
	mean.answers = nil
	if len(answers) == len(group) {
		mean.answers = meanOutcomes(answers)
	}
	mean.paired = slices.ContainsFunc(group, func(m *model) bool { return m.paired })
	mean.spoken = slices.ContainsFunc(group, func(m *model) bool { return m.spoken })
	return &mean
}

// meanPair is the mean of an arm's seeds beside the mean of what each began with.
func (s *study) meanPair(trained *model, seeds []*pair, made map[*model]*model) *pair {
	first := seeds[0]
	mean := *first
	mean.run, mean.trained, mean.seeds = trained.run, trained, seeds
	if m := made[first.base]; m != nil {
		mean.base = m
	}
	on := *first.on
	var bases, gained []metric.Scores
	var before, after []*eval.Results
	for _, p := range seeds {
		bases, gained = append(bases, p.on.base), append(gained, p.on.trained)
		before, after = append(before, p.before()), append(after, p.after())
		on.restricted = on.restricted || p.on.restricted
		on.checked = on.checked && p.on.checked
		on.reworded = max(on.reworded, p.on.reworded)
	}
	weights := metric.EqualWeights(len(seeds))
	on.base, on.trained = metric.Averaged(bases, weights, 1), metric.Averaged(gained, weights, 1)
	on.baseAnswers, on.trainedAnswers, on.baseOn, on.trainedOn = nil, nil, nil, nil
	if on.restricted {
		on.baseOn, on.trainedOn = meanResults(before), meanResults(after)
	}
	mean.on = &on
	mean.transfer = transferOf(on.base, on.trained, on.benchmarks, on.languages, mean.languages, first.inDistribution)
	return &mean
}

// seedKey is of what is drawn together: each arm by itself or, where each seed began with a model of
// its own, all arms of these seeds, so that what such a model does to all stays out of differences.
func (p *pair) seedKey() string {
	var all []string
	shared := true
	for _, q := range p.seeds {
		all = append(all, fmt.Sprint(q.seed))
		shared = shared && q.base == p.seeds[0].base
	}
	if shared {
		return "arm " + p.run
	}
	return "seeds " + strings.Join(all, " ")
}

// meanResults is the mean of results, score by score. Its standard errors hold both what the
// questions leave open, the mean of the squares of those of single seeds, and what the seeds do,
// their variance over their number.
func meanResults(all []*eval.Results) *eval.Results {
	mean := *all[0]
	mean.Benchmarks, mean.Languages = map[string]eval.BenchmarkResult{}, map[string]eval.Score{}
	mean.Table, mean.Graders, mean.Differences = nil, nil, nil
	over := func(of func(*eval.Results) eval.Score) eval.Score {
		var scores []eval.Score
		for _, r := range all {
			scores = append(scores, of(r))
		}
		return seedScore(scores)
	}
	for b, result := range all[0].Benchmarks {
		x := eval.BenchmarkResult{Languages: map[string]eval.Score{},
			Mean: over(func(r *eval.Results) eval.Score { return r.Benchmarks[b].Mean })}
		for l := range result.Languages {
			x.Languages[l] = over(func(r *eval.Results) eval.Score { return r.Benchmarks[b].Languages[l] })
		}
		mean.Benchmarks[b] = x
	}
	for l := range all[0].Languages {
		mean.Languages[l] = over(func(r *eval.Results) eval.Score { return r.Languages[l] })
	}
	mean.Mean = over(func(r *eval.Results) eval.Score { return r.Mean })
	return &mean
}

func seedScore(scores []eval.Score) eval.Score {
	mean := meanScore(scores)
	mean.Questions, mean.Samples = scores[0].Questions, 0
	for _, s := range scores {
		mean.Samples += s.Samples
	}
	estimate := func(of func(s eval.Score) (float64, *float64, *eval.Interval)) (*float64, *eval.Interval) {
		var x, squares []float64
		var alike *eval.Interval
		for _, s := range scores {
			value, se, ci := of(s)
			x = append(x, value)
			if se != nil {
				squares = append(squares, *se**se)
			}
			alike = ci
		}
		between := variance(x) / float64(len(x))
		if math.IsNaN(between) {
			return nil, nil // of accuracies that were only stated
		}
		if len(squares) == 0 && between == 0 {
			return nil, alike
		}
		sum := 0.0
		for _, q := range squares {
			sum += q / float64(len(x))
		}
		se := math.Sqrt(sum + between)
		return &se, nil
	}
	mean.AccuracySE, mean.AccuracyCI = estimate(func(s eval.Score) (float64, *float64, *eval.Interval) {
		return s.Accuracy, s.AccuracySE, s.AccuracyCI
	})
	mean.OffTargetSE, mean.OffTargetCI = estimate(func(s eval.Score) (float64, *float64, *eval.Interval) {
		return s.OffTarget, s.OffTargetSE, s.OffTargetCI
	})
	for name := range scores[0].Several {
		value := 0.0
		for _, s := range scores {
			value += s.Several[name].Value / float64(len(scores))
		}
		se, ci := estimate(func(s eval.Score) (float64, *float64, *eval.Interval) {
			return s.Several[name].Value, s.Several[name].SE, s.Several[name].CI
		})
		if mean.Several == nil {
			mean.Several = map[string]eval.Estimate{}
		}
		mean.Several[name] = eval.Estimate{Value: value, SE: se, CI: ci}
	}
	return mean
}

// variance returns s², over n − 1.
func variance(x []float64) float64 {
	mean, sum := *metric.Mean(x), 0.0
	for _, v := range x {
		sum += (v - mean) * (v - mean)
	}
	return sum / float64(max(1, len(x)-1))
}

// meanOutcomes has of each question the mean share right, and all the samples' verdicts.
func meanOutcomes(all []*outcomes) *outcomes {
	mean := &outcomes{right: metric.Answers{}, asked: all[0].asked, tallies: map[[2]string]*tally{}}
	for b, languages := range all[0].right {
		mean.right[b] = map[string]map[string]float64{}
		for l, answers := range languages {
			mean.right[b][l] = map[string]float64{}
			for id := range answers {
				sum, n := 0.0, 0.0
				for _, o := range all {
					if x, ok := o.right[b][l][id]; ok {
						sum, n = sum+x, n+1
					}
				}
				mean.right[b][l][id] = sum / n
			}
		}
	}
	for _, o := range all {
		mean.samples += o.samples
		mean.disputes = append(mean.disputes, o.disputes...)
		for cell, t := range o.tallies {
			if mean.tallies[cell] == nil {
				mean.tallies[cell] = newTally()
			}
			sum := mean.tallies[cell]
			sum.samples += t.samples
			for g, n := range t.right {
				sum.right[g] += n
			}
			for g, n := range t.only {
				sum.only[g] += n
			}
		}
	}
	return mean
}
