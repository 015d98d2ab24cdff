package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/metric"
)

// printed prints a number as the paper does, which rounds a half up: 3 of 480 samples are 0.63 %.
func (v value) printed(digits int, scale float64) string {
	const more = 1e-9 // what is a half may lie below it in binary
	v.x = metric.Round(scale*v.x+math.Copysign(more, v.x), digits) / scale
	return v.text(digits, scale)
}

// inPercent prints a share in percent.
func inPercent(x float64, digits int) string { return value{x: x, ok: true}.printed(digits, 100) }

// exact prints an accuracy in percent with so many digits, as the paper does, and its standard error.
func exact(s eval.Score, digits int) string {
	text := inPercent(s.Accuracy, digits)
	if s.AccuracySE != nil {
		text += " ± " + fixed(100**s.AccuracySE, digits)
	}
	return text
}

// basesOf are the models that pairs were trained from, each once.
func basesOf(pairs []*pair) []*model {
	var all []*model
	for _, p := range pairs {
		if !slices.Contains(all, p.base) {
			all = append(all, p.base)
		}
	}
	return all
}

func benchmarksOfPairs(pairs []*pair) []string { return (&study{pairs: pairs}).pairBenchmarks() }

// paperTypes is Table 1: initial models of several types, before and after training.
func (s *study) paperTypes(item string) made {
	pairs := s.chosen(item, s.intervened)
	if len(pairs) == 0 {
		return made{missing: nothingIntervened}
	}
	benchmarks := benchmarksOfPairs(pairs)
	t := Table{Labels: 1, Caption: "Initial models before and after training: accuracy by benchmark, mean over " +
		"languages, their mean, samples that reason in another language than asked (off-target), and MTI.",
		Head: append(append([]string{"Model"}, benchmarks...), "Avg", "Off-tag", "MTI")}
	row := func(name string, r *eval.Results, mti string) {
		cells := []string{name}
		for _, b := range benchmarks {
			result, ok := r.Benchmarks[b]
			cells = append(cells, cellOf(result.Mean, ok, func(s eval.Score) string { return exact(s, 2) }))
		}
		t.Rows = append(t.Rows, append(cells, exact(r.Mean, 2), inPercent(r.Mean.OffTarget, 2), mti))
	}
	for _, base := range basesOf(pairs) {
		row(base.name, base.results, "–")
		for _, p := range pairs {
			if p.base == base {
				row(p.name(), p.after(), p.mean.printed(2, 1))
			}
		}
	}
	return made{table: t}
}

// paperModels is Table 2: trained models, what each was trained from, and how.
func (s *study) paperModels(item string) made {
	pairs := s.chosen(item, s.observed)
	if len(pairs) == 0 {
		return made{missing: nothingObserved}
	}
	t := Table{Labels: 4, Caption: "Trained models: the model that each was trained from, how, and in which languages.",
		Head: []string{"Model", "Base model", "Method", "Training languages"}}
	for _, p := range pairs {
		t.Rows = append(t.Rows, []string{p.name(), p.base.name, orDash(p.method),
			orDash(strings.Join(p.languages, " "))})
	}
	return made{table: t}
}

// paperTemplates is Table 3: prompt templates.
func (s *study) paperTemplates(item string) made {
	groups := s.templateGroups()
	if making := s.making(item); len(making) > 0 {
		for family, models := range groups {
			groups[family] = slices.DeleteFunc(models, func(m *model) bool {
				return !slices.ContainsFunc(making, func(c PlanComparison) bool { return c.in(m.run, m.madeBy) })
			})
			if len(groups[family]) < 2 {
				delete(groups, family)
			}
		}
	}
	var evaluations []evaluation
	var benchmarks []string
	for _, family := range sortedKeys(groups) {
		for _, m := range groups[family] {
			evaluations = append(evaluations, m.evaluation)
		}
		for _, b := range commonBenchmarks(groups[family]) {
			if !slices.Contains(benchmarks, b) {
				benchmarks = append(benchmarks, b)
			}
		}
	}
	if len(evaluations) == 0 || len(benchmarks) == 0 {
		return made{missing: "it is of models that were evaluated with several prompt templates, and there are none"}
	}
	languages := languagesOf(evaluations)
	t := Table{Labels: 3, Caption: "Prompt templates: accuracy by language, its mean (Acc), and samples that reason " +
		"in another language than asked (Off).",
		Head: languageHead([]string{"Model", "Benchmark", "Template"}, languages, nil, "Acc", "Off")}
	for _, family := range sortedKeys(groups) {
		for _, b := range commonBenchmarks(groups[family]) {
			for _, m := range groups[family] {
				t.Rows = append(t.Rows, accuracyRow([]string{family, b, m.template}, m.evaluation, b, languages, 1))
				t.About = append(t.About, []string{m.name})
			}
		}
	}
	return made{table: t}
}

// accuracyRow has a model's accuracies on a benchmark by language, their mean, and the off-target rate.
func accuracyRow(labels []string, e evaluation, benchmark string, languages []string, digits int) []string {
	for _, l := range languages {
		score, ok := e.score(benchmark, l)
		labels = append(labels, cellOf(score, ok, func(s eval.Score) string { return inPercent(s.Accuracy, digits) }))
	}
	mean := e.results.Benchmarks[benchmark].Mean
	return append(labels, exact(mean, digits), inPercent(mean.OffTarget, digits))
}

// accuracyTable has accuracies by benchmark, model and language.
func accuracyTable(caption string, evaluations []evaluation) Table {
	languages := languagesOf(evaluations)
	t := Table{Labels: 2, Head: languageHead([]string{"Benchmark", "Model"}, languages, nil, "Acc", "Off"),
		Caption: caption + ": accuracy by benchmark and language, its mean over languages (Acc), and samples that " +
			"reason in another language than asked (Off)."}
	for _, b := range benchmarksOf(evaluations) {
		for _, e := range evaluations {
			if _, ok := e.results.Benchmarks[b]; ok {
				t.Rows = append(t.Rows, accuracyRow([]string{b, e.name}, e, b, languages, 2))
			}
		}
	}
	return t
}

// paperBases is Table 4: the models that others were trained from.
func (s *study) paperBases(item string) made {
	pairs := s.chosen(item, s.observed)
	if len(pairs) == 0 {
		return made{missing: nothingObserved}
	}
	var evaluations []evaluation
	for _, m := range basesOf(pairs) {
		evaluations = append(evaluations, m.evaluation)
	}
	return made{table: accuracyTable("Initial models", evaluations)}
}

// paperMTI is Table 5: what carried over, by model and benchmark.
func (s *study) paperMTI(item string) made {
	pairs := s.chosen(item, s.observed)
	if len(pairs) == 0 {
		return made{missing: nothingObserved}
	}
	some := s.with(pairs, item)
	benchmarks, in := some.pairBenchmarks(), some.inDistribution()
	t := Table{Labels: 1, Caption: "MTI by benchmark, and its mean. None: undefined, since nothing was right before " +
		"or the languages trained on did not change.", Head: append([]string{"Model"}, benchmarks...)}
	if len(in) > 0 {
		t.Head = append(t.Head, "ID", "OOD")
		t.Caption += " ID: " + strings.Join(in, ", ") + "; OOD: the other benchmarks."
	}
	t.Head = append(t.Head, "Avg")
	for _, p := range pairs {
		row := []string{p.name()}
		for _, b := range benchmarks {
			if v, ok := p.mtiOfBenchmark[b]; ok {
				row = append(row, v.printed(3, 1))
			} else {
				row = append(row, "–")
			}
		}
		if len(in) > 0 {
			row = append(row, p.id.printed(3, 1), p.ood.printed(3, 1))
		}
		t.Rows, t.About = append(t.Rows, append(row, p.mean.printed(3, 1))), append(t.About, p.both())
	}
	return made{table: t}
}

// paperTrained is Table 6: the trained models.
func (s *study) paperTrained(item string) made {
	pairs := s.chosen(item, s.observed)
	if len(pairs) == 0 {
		return made{missing: nothingObserved}
	}
	var evaluations []evaluation
	for _, p := range pairs {
		evaluations = append(evaluations, evaluation{p.name(), p.after()})
	}
	return made{table: accuracyTable("Trained models", evaluations)}
}

// paperPoints is Table 7: changes of accuracy by language.
func (s *study) paperPoints(item string) made {
	pairs := s.chosen(item, s.intervened)
	if len(pairs) == 0 {
		return made{missing: nothingIntervened}
	}
	languages := (&study{pairs: pairs, known: s.known}).pairLanguages()
	t := Table{Labels: 2, Caption: "ΔPerformance: accuracy after training less before, in percentage points, by " +
		"language, and the means over the languages trained on (*) and the others.",
		Head: languageHead([]string{"Model", "Benchmark"}, languages, nil, "Training", "Untraining")}
	for _, p := range pairs {
		for _, b := range p.benchmarks {
			row := []string{p.name(), b}
			for _, l := range languages {
				v := p.points[b][l]
				if !v.ok {
					row = append(row, "–")
					continue
				}
				row = append(row, starIf(slices.Contains(p.languages, l), v.printed(2, 100)))
			}
			t.Rows = append(t.Rows, append(row, p.pointsTrained[b].printed(2, 100), p.pointsUnseen[b].printed(2, 100)))
			t.About = append(t.About, p.both())
		}
	}
	return made{table: t}
}

// curveRows adds a row for each pair of curves and each of its benchmarks: curve where there are several,
// benchmark where there are several, number of parallel languages, and what of it has.
func (t *Table) curveRows(arms []*arm, byBenchmark bool, rest func(p *pair, benchmark string) []string) {
	var benchmarks []string
	for _, a := range arms {
		benchmarks = append(benchmarks, benchmarksOfPairs(a.pairs)...)
	}
	slices.Sort(benchmarks)
	byBenchmark = byBenchmark && len(slices.Compact(benchmarks)) > 1
	var labels []string
	if len(arms) > 1 {
		labels = append(labels, "Curve")
	}
	if byBenchmark {
		labels = append(labels, "Benchmark")
	}
	t.Head = slices.Concat(labels, []string{"Parallel languages"}, t.Head)
	t.Labels = len(labels) + 1
	for _, a := range arms {
		of := []string{""}
		if byBenchmark {
			of = benchmarksOfPairs(a.pairs)
		}
		for _, b := range of {
			for _, p := range a.pairs {
				var row []string
				if len(arms) > 1 {
					row = append(row, a.name)
				}
				if byBenchmark {
					row = append(row, b)
				}
				row = append(row, fmt.Sprint(len(p.languages)-1))
				on := b
				if b == "" && len(p.benchmarks) > 0 {
					on = p.benchmarks[0]
				}
				if slices.Contains(p.benchmarks, on) {
					t.Rows, t.About = append(t.Rows, append(row, rest(p, on)...)), append(t.About, p.both())
				}
			}
		}
	}
}

// paperLanguages is Table 8: the training languages of each arm.
func (s *study) paperLanguages(item string) made {
	arms := s.curves(item)
	if len(arms) == 0 {
		return made{missing: noCurve}
	}
	t := Table{Caption: "Training languages by the number of parallel languages.",
		Head: []string{"Model", "Training languages"}}
	t.curveRows(arms, false, func(p *pair, _ string) []string {
		return []string{p.name(), strings.Join(orderOfAdding(arms, p), " ")}
	})
	t.Labels = len(t.Head)
	return made{table: t}
}

// orderOfAdding are a pair's languages in the order in which its curve adds them.
func orderOfAdding(arms []*arm, of *pair) []string {
	var order []string
	for _, a := range arms {
		if !slices.Contains(a.pairs, of) {
			continue
		}
		for _, p := range a.pairs { // by the number of their languages
			for _, l := range p.languages {
				if !slices.Contains(order, l) {
					order = append(order, l)
				}
			}
		}
	}
	return common(order, of.languages)
}

// curveLanguages are the languages of all pairs of some curves.
func (s *study) curveLanguages(arms []*arm) []string {
	var all []*pair
	for _, a := range arms {
		all = append(all, a.pairs...)
	}
	return (&study{pairs: all, known: s.known}).pairLanguages()
}

// paperParallel is Table 9: accuracies by the number of parallel languages.
func (s *study) paperParallel(item string) made {
	arms := s.curves(item)
	if len(arms) == 0 {
		return made{missing: noCurve}
	}
	languages := s.curveLanguages(arms)
	t := Table{Caption: "Accuracy by the number of parallel languages, its mean over languages (Acc), and samples " +
		"that reason in another language than asked (Off). * trained on.",
		Head: languageHead(nil, languages, nil, "Acc", "Off")}
	t.curveRows(arms, true, func(p *pair, b string) []string {
		var row []string
		for _, l := range languages {
			x, ok := p.on.trained[b][l]
			row = append(row, starIf(slices.Contains(p.languages, l), value{x: x, ok: ok}.printedOrUnknown(1, 100)))
		}
		return append(row, p.accuracyOf[b].printed(1, 100), inPercent(p.after().Benchmarks[b].Mean.OffTarget, 1))
	})
	return made{table: t}
}

// printedOrUnknown is printed, or that nothing was measured.
func (v value) printedOrUnknown(digits int, scale float64) string {
	if !v.ok {
		return unknown
	}
	return v.printed(digits, scale)
}

// paperParallelMTI is Table 10: relative changes and MTI by the number of parallel languages.
func (s *study) paperParallelMTI(item string) made {
	arms := s.curves(item)
	if len(arms) == 0 {
		return made{missing: noCurve}
	}
	languages := s.curveLanguages(arms)
	t := Table{Caption: "ΔR by the number of parallel languages, its means over the languages trained on (*) and " +
		"the others, and their ratio, MTI.",
		Head: languageHead(nil, languages, nil, "ΔR train", "ΔR target", "MTI")}
	t.curveRows(arms, true, func(p *pair, b string) []string {
		var row []string
		for _, l := range languages {
			text := p.delta[b][l].printed(3, 1)
			if !p.points[b][l].ok {
				text = "–"
			}
			row = append(row, starIf(slices.Contains(p.languages, l), text))
		}
		return append(row, p.deltaTrained[b].printed(3, 1), p.deltaUnseen[b].printed(3, 1),
			p.mtiOfBenchmark[b].printed(3, 1))
	})
	return made{table: t}
}
