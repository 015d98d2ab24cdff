package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/eval/metric"
)

// none stands in a table where a number is undefined.
const none = "None"

// unknown stands where nothing was measured.
const unknown = "–"

func percent(x float64) string { return fixed(100*x, 1) + " %" }

// hundred returns a fraction in percent, without the sign, with its standard error; where it
// has none, because all questions came out alike, with its 95 % interval.
func hundred(x float64, se *float64, ci *eval.Interval) string {
	switch {
	case se != nil:
		return fixed(100*x, 1) + " ± " + fixed(100**se, 1)
	case ci != nil:
		return value{x: x, ci: (*metric.Interval)(ci), ok: true}.text(1, 100)
	}
	return fixed(100*x, 1)
}

// alikeNote says what brackets beside standard errors are.
const alikeNote = " In brackets, where all questions came out alike and resampling says nothing, Wilson's " +
	"95 % interval."

// text prints a number with so many digits, and its interval behind it.
func (v value) text(digits int, scale float64) string {
	if !v.ok {
		return none
	}
	s := fixed(scale*v.x, digits)
	if v.ci != nil {
		s += fmt.Sprintf(" [%s, %s]", fixed(scale*v.ci[0], digits), fixed(scale*v.ci[1], digits))
	}
	return s
}

// orUnknown prints a number without its interval, or that it was not measured.
func (v value) orUnknown(digits int, scale float64) string {
	if !v.ok {
		return unknown
	}
	return fixed(scale*v.x, digits)
}

// signed prints a change.
func (v value) signed(digits int, scale float64) string {
	if !v.ok {
		return none
	}
	s := v.text(digits, scale)
	if number := fixed(scale*v.x, digits); !strings.HasPrefix(number, "−") &&
		strings.Trim(number, "0.") != "" {
		s = "+" + s
	}
	return s
}

// change prints a relative change, a ratio, without digits that say nothing.
func (v value) change() string {
	v.ci = nil
	if math.Abs(v.x) >= 9.995 {
		return v.signed(1, 1)
	}
	return v.signed(2, 1)
}

// languageHead returns a table's head: labels, then languages, then rest. A star marks
// languages trained on.
func languageHead(labels, languages []string, trained map[string]bool, rest ...string) []string {
	head := slices.Clone(labels)
	for _, l := range languages {
		if trained[l] {
			l += "*"
		}
		head = append(head, l)
	}
	return append(head, rest...)
}

// starIf marks a number of a language that was trained on.
func starIf(trainedOn bool, cell string) string {
	if !trainedOn || cell == none {
		return cell
	}
	number, aside := splitCell(cell)
	if aside != "" {
		aside = " " + aside
	}
	return number + "*" + aside
}

// cellOf prints a score, or that it was not measured.
func cellOf(s eval.Score, ok bool, print func(eval.Score) string) string {
	if !ok {
		return unknown
	}
	return print(s)
}

func printAccuracy(s eval.Score) string  { return hundred(s.Accuracy, s.AccuracySE, s.AccuracyCI) }
func printOff(s eval.Score) string       { return hundred(s.OffTarget, s.OffTargetSE, s.OffTargetCI) }
func printAnswerOff(s eval.Score) string { return fixed(100*s.AnswerOffTarget, 1) }

// scoreTables returns accuracy with off-target rate, one table a benchmark as in the
// paper's appendix, then off-target rates by language, of the reasoning and of the
// answer, and length with truncation; of models on all their questions, then partly on
// those that pairs share.
func scoreTables(models []*model, partly []evaluation) []Table {
	var evaluations []evaluation
	for _, m := range models {
		evaluations = append(evaluations, m.evaluation)
	}
	evaluations = append(evaluations, partly...)
	alikeNote := alikeNote
	if partly != nil {
		alikeNote += sharedNote
	}
	languages, benchmarks := languagesOf(evaluations), benchmarksOf(evaluations)
	var tables []Table
	for _, b := range benchmarks {
		t := Table{Name: "accuracy-" + slug(b), Labels: 2, Benchmark: b,
			Caption: "Accuracy on " + b +
				" by language, in percent ± standard error; at the right the mean over languages and " +
				"samples that reason in another language than asked (off-target)." + alikeNote,
			Head: languageHead([]string{"model", "questions a language"}, languages, nil, "mean",
				"off-target")}
		for _, e := range evaluations {
			result, ok := e.results.Benchmarks[b]
			if !ok {
				continue
			}
			cells := []string{e.name, questionsOf(result)}
			for _, l := range languages {
				s, ok := e.score(b, l)
				cells = append(cells, cellOf(s, ok, printAccuracy))
			}
			t.Rows = append(t.Rows, append(cells, printAccuracy(result.Mean), printOff(result.Mean)))
		}
		tables = append(tables, t)
	}
	by := func(evaluations []evaluation, name, caption string, print func(eval.Score) string) Table {
		t := Table{Name: name, Caption: caption, Head: languageHead([]string{"benchmark", "model"}, languages,
			nil, "mean"), Labels: 2}
		row := func(benchmark string, e evaluation, of func(string) (eval.Score, bool), mean eval.Score) {
			cells := []string{benchmark, e.name}
			for _, l := range languages {
				s, ok := of(l)
				cells = append(cells, cellOf(s, ok, print))
			}
			t.Rows = append(t.Rows, append(cells, print(mean)))
		}
		for _, b := range benchmarks {
			for _, e := range evaluations {
				if result, ok := e.results.Benchmarks[b]; ok {
					row(b, e, func(l string) (eval.Score, bool) { return e.score(b, l) }, result.Mean)
				}
			}
		}
		if len(benchmarks) > 1 {
			for _, e := range evaluations {
				if len(e.results.Benchmarks) > 1 {
					row("mean", e, e.mean, e.results.Mean)
				}
			}
		}
		t.Rows = slices.DeleteFunc(t.Rows, func(row []string) bool { // of accuracies that were only stated
			return !slices.ContainsFunc(row[t.Labels:], func(cell string) bool { return cell != unknown })
		})
		return t
	}
	tables = append(tables,
		by(evaluations, "off-target",
			"Samples that reason in another language than asked (off-target), in percent ± standard "+
				"error."+alikeNote, printOff),
		by(evaluations, "length",
			"Tokens generated, mean a sample; in parentheses the share of samples cut off at the limit.",
			func(s eval.Score) string {
				if s.MeanTokens == 0 || math.IsNaN(s.MeanTokens) {
					return unknown
				}
				return fixed(s.MeanTokens, 0) + " (" + fixed(100*s.Truncated, 0) + " %)"
			}))
	// Results from elsewhere, without samples, know nothing of the answers' language.
	var sampled []evaluation
	for _, m := range models {
		if m.answers != nil {
			sampled = append(sampled, m.evaluation)
		}
	}
	sampled = append(sampled, partly...)
	if sampled != nil {
		answers := by(sampled, "answer-off-target",
			"Samples that answer in another language than asked, in percent. An answer without words, "+
				"such as a number, is in none.", printAnswerOff)
		tables = slices.Insert(tables, len(tables)-1, answers)
	}
	return slices.DeleteFunc(tables, func(t Table) bool { return len(t.Rows) == 0 })
}

// overviewTable has a line for each model: accuracy by benchmark, off-target rate,
// and what its training carried over.
func (s *study) overviewTable() Table {
	var evaluations []evaluation
	for _, m := range s.models {
		evaluations = append(evaluations, m.evaluation)
	}
	benchmarks, partly := benchmarksOf(evaluations), s.sharedOnly()
	t := Table{Name: "overview", Labels: 4,
		Caption: "Models: accuracy by benchmark in percent, mean over languages ± standard error; samples " +
			"that reason in another language than asked (off-target), in percent; multilingual " +
			"transferability index (MTI) with its 95 % interval.",
		Head: append([]string{"model", "base", "method", "trained on"}, benchmarks...)}
	if partly != nil {
		t.Labels = 5
		t.Head = slices.Insert(t.Head, 4, "questions a language")
		t.Caption += sharedNote
	}
	several := len(benchmarks) > 1
	if several {
		t.Head = append(t.Head, "Avg")
	}
	t.Head = append(t.Head, "off-target", "MTI")
	add := func(labels []string, r *eval.Results, mti string) {
		row := labels
		if partly != nil {
			row = append(row, questionsOfAll(r))
		}
		for _, b := range benchmarks {
			result, ok := r.Benchmarks[b]
			row = append(row, cellOf(result.Mean, ok, printAccuracy))
		}
		if several {
			row = append(row, printAccuracy(r.Mean))
		}
		t.Rows = append(t.Rows, append(row, fixed(100*r.Mean.OffTarget, 1), mti))
	}
	for _, m := range s.models {
		labels, mti := []string{m.name, "–", "–", "–"}, "–"
		for _, p := range s.pairs {
			if p.trained == m {
				labels = []string{m.name, p.base.name, orDash(p.method),
					orDash(strings.Join(p.languages, " "))}
				mti = p.mean.text(2, 1)
			}
		}
		add(labels, m.results, mti)
	}
	for _, e := range partly {
		add([]string{e.name, "–", "–", "–"}, e.results, "–")
	}
	return t
}

func orDash(s string) string {
	if s == "" {
		return unknown
	}
	return s
}

// settingsTable says how each evaluation was done.
func settingsTable(models []*model) Table {
	t := Table{Name: "settings", Caption: "Settings of the evaluations.", Labels: 2,
		Head: []string{"model", "weights", "questions a language", "samples a question", "temperature",
			"top-p", "top-k", "max tokens", "seed", "template", "prefix", "grader"}}
	for _, m := range models {
		s := &m.results.Settings
		var samples, questions []string
		for _, b := range s.Benchmarks {
			most := 0
			for _, score := range m.results.Benchmarks[b].Languages {
				most = max(most, score.Questions)
			}
			questions = append(questions, b+" "+numberOf(most))
			samples = append(samples, fmt.Sprintf("%s %d", b, s.Samples[b]))
		}
		prefix := "no"
		if s.Hack {
			prefix = "yes"
		}
		weights := modelLabel(m.results.Model)
		if m.given != "" {
			weights = "accuracies of " + m.given
		}
		if m.after { // results name what the training began with
			weights += ", trained"
		}
		if m.unsettled() {
			row := []string{m.name, weights, strings.Join(questions, ", "), strings.Join(samples, ", ")}
			for len(row) < len(t.Head) {
				row = append(row, unknown)
			}
			t.Rows = append(t.Rows, row)
			continue
		}
		t.Rows = append(t.Rows, []string{m.name, weights, strings.Join(questions, ", "),
			strings.Join(samples, ", "),
			fmt.Sprint(s.Temperature), fmt.Sprint(s.TopP), fmt.Sprint(s.TopK), fmt.Sprint(s.MaxTokens),
			fmt.Sprint(s.Seed), s.Template, prefix, s.Grader})
	}
	return t
}

// severalTable holds avg@n, pass@k and maj@n where the runs have them.
func severalTable(models []*model) (Table, bool) {
	all := map[string]bool{}
	for _, m := range models {
		for _, result := range m.results.Benchmarks {
			for name := range result.Mean.Several {
				all[name] = true
			}
		}
	}
	names := eval.SeveralNames(all)
	t := Table{Name: "samples", Labels: 2,
		Caption: "Several samples a question, in percent, mean over languages: avg@n the share right, " +
			"pass@k the chance that one of k is right, maj@n whether most agree on the right answer. " +
			"In brackets 95 % intervals, as the evaluation made them.",
		Head: append([]string{"benchmark", "model"}, names...)}
	for _, m := range models {
		for _, b := range m.results.Settings.Benchmarks {
			several := m.results.Benchmarks[b].Mean.Several
			if len(several) == 0 {
				continue
			}
			row := []string{b, m.name}
			for _, name := range names {
				if e, ok := several[name]; ok {
					row = append(row, value{x: e.Value, ok: true, ci: (*metric.Interval)(e.CI)}.text(1, 100))
				} else {
					row = append(row, "–")
				}
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t, len(t.Rows) > 0
}

// mostDisputes are listed in a table; the CSV beside it has all.
const mostDisputes = 30

// graderTables say where the graders differ: how often, and on what.
func graderTables(models []*model) []Table {
	counts := Table{Name: "graders", Labels: 2, Head: []string{"benchmark", "model", "samples"}}
	var by []string
	for _, g := range grade.Graders {
		counts.Head = append(counts.Head, g.Name+", %")
		by = append(by, "by "+g.Name+" ("+g.About+")")
	}
	for _, g := range grade.Graders {
		counts.Head = append(counts.Head, "only "+g.Name)
	}
	number := map[int]string{2: "two ", 3: "three ", 4: "four "}[len(by)]
	counts.Caption = "Verdicts of the " + number + "graders: share of samples right " + strings.Join(by, " and ") +
		", and how many of the samples only one of them calls right."
	list := Table{Name: "graders-differ", Labels: 8,
		Caption: "Samples on which the graders differ.",
		Head: []string{"model", "benchmark", "language", "question", "sample", "extracted answer",
			"reference", "right by"}}
	differ := 0
	for _, m := range models {
		if m.answers == nil {
			continue
		}
		for _, b := range m.results.Settings.Benchmarks {
			sum := newTally()
			for _, l := range m.results.Settings.Languages {
				if t := m.answers.tallies[[2]string{b, l}]; t != nil {
					sum.samples += t.samples
					for _, g := range grade.Graders {
						sum.right[g.Name] += t.right[g.Name]
						sum.only[g.Name] += t.only[g.Name]
					}
				}
			}
			if sum.samples == 0 {
				continue
			}
			n := float64(sum.samples)
			row := []string{b, m.name, fmt.Sprint(sum.samples)}
			for _, g := range grade.Graders {
				row = append(row, fixed(100*float64(sum.right[g.Name])/n, 1))
			}
			for _, g := range grade.Graders {
				row = append(row, fmt.Sprint(sum.only[g.Name]))
			}
			counts.Rows = append(counts.Rows, row)
		}
		differ += len(m.answers.disputes)
		for _, d := range m.answers.disputes {
			row := []string{m.name, d.benchmark, d.language, d.id, fmt.Sprint(d.sample), brief(d.extracted),
				brief(d.reference), d.right}
			list.all = append(list.all, row)
			if len(list.Rows) < mostDisputes {
				list.Rows = append(list.Rows, row)
			}
		}
	}
	switch {
	case len(counts.Rows) == 0:
		return nil
	case differ == 0:
		counts.Caption += " They agree on every sample."
		return []Table{counts}
	case differ > mostDisputes:
		list.Caption = fmt.Sprintf("The first %d of %d samples on which the graders differ; the CSV has all.",
			mostDisputes, differ)
	}
	return []Table{counts, list}
}

// brief shortens a model's answer for a table.
func brief(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
