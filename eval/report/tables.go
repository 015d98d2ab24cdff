package report

import (
	"fmt"
	"slices"
	"strings"

	"stele/eval"
)

// none is what a table prints where a number is undefined.
const none = "None"

func percent(x float64) string { return fixed(100*x, 1) + " %" }

func percentSE(x float64, se *float64) string { return hundredSE(x, se) + " %" }

// hundredSE is a fraction in percent with its standard error, without the sign.
func hundredSE(x float64, se *float64) string {
	if se == nil {
		return fixed(100*x, 1)
	}
	return fixed(100*x, 1) + " ± " + fixed(100**se, 1)
}

// languageHead is a table's head: labels, then languages, then rest. A star marks
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

func starred(trained map[string]bool) string {
	if len(trained) == 0 {
		return ""
	}
	return " * trained on."
}

// scoreTables are accuracy, off-target rate, and length with truncation.
func scoreTables(id string, evaluations []evaluation, trained map[string]bool) []Table {
	languages := languagesOf(evaluations)
	head := languageHead([]string{"benchmark", "run"}, languages, trained, "mean")
	table := func(name, caption string, cell func(eval.Score) string) Table {
		t := Table{Name: id + "-" + name, Caption: caption + starred(trained), Head: head, Labels: 2}
		row := func(benchmark string, e evaluation, of func(string) (eval.Score, bool), mean eval.Score) {
			cells := []string{benchmark, e.name}
			for _, l := range languages {
				if s, ok := of(l); ok {
					cells = append(cells, cell(s))
				} else {
					cells = append(cells, none)
				}
			}
			t.Rows = append(t.Rows, append(cells, cell(mean)))
		}
		benchmarks := benchmarksOf(evaluations)
		for _, b := range benchmarks {
			for _, e := range evaluations {
				if result, ok := e.results.Benchmarks[b]; ok {
					row(b, e, func(l string) (eval.Score, bool) { return e.score(b, l) }, result.Mean)
				}
			}
		}
		if len(benchmarks) > 1 {
			for _, e := range evaluations {
				row("mean", e, func(l string) (eval.Score, bool) {
					s, ok := e.results.Languages[l]
					return s, ok && s.Samples > 0
				}, e.results.Mean)
			}
		}
		return t
	}
	return []Table{
		table("accuracy", "Accuracy in percent ± standard error.", func(s eval.Score) string { return hundredSE(s.Accuracy, s.AccuracySE) }),
		table("off-target", "Answers in another language than asked, in percent ± standard error.", func(s eval.Score) string { return hundredSE(s.OffTarget, s.OffTargetSE) }),
		table("length", "Tokens generated in the mean, and the share cut off at the limit.", func(s eval.Score) string {
			return fixed(s.MeanTokens, 0) + " (" + fixed(100*s.Truncated, 0) + " %)"
		}),
	}
}

// tables are ΔR and MTI.
func (t *transfer) tables(id string, trained map[string]bool) []Table {
	ratioText := func(v value) string {
		if !v.ok {
			return none
		}
		return fixed(v.x, 3)
	}
	delta := Table{Name: id + "-delta-r", Labels: 1,
		Caption: "ΔR = (after − before) / before, of accuracy; None where nothing was right before." + starred(trained),
		Head:    languageHead([]string{"benchmark"}, t.languages, trained, "mean of trained")}
	mti := Table{Name: id + "-mti", Labels: 1,
		Caption: "Multilingual transferability index: ΔR of an unseen language over the mean ΔR of the languages trained on (" + strings.Join(t.trained, ", ") + ").",
		Head:    languageHead([]string{"benchmark"}, t.unseen(), nil, "mean")}
	for _, b := range t.benchmarks {
		d, m := []string{b}, []string{b}
		for _, l := range t.languages {
			d = append(d, ratioText(t.delta[b][l]))
		}
		for _, l := range t.unseen() {
			m = append(m, ratioText(t.mti[b][l]))
		}
		delta.Rows = append(delta.Rows, append(d, ratioText(t.deltaTrained[b])))
		mti.Rows = append(mti.Rows, append(m, ratioText(t.mtiOfBenchmark[b])))
	}
	if len(t.benchmarks) > 1 {
		m := []string{"mean"}
		for _, l := range t.unseen() {
			m = append(m, ratioText(t.mtiOfLanguage[l]))
		}
		mti.Rows = append(mti.Rows, append(m, ratioText(t.mean)))
	}
	if len(t.unseen()) == 0 {
		return []Table{delta}
	}
	return []Table{delta, mti}
}

// settingsTable says how each evaluation was done.
func settingsTable(id string, evaluations []evaluation) Table {
	t := Table{Name: id + "-settings", Caption: "Settings.", Labels: 2,
		Head: []string{"run", "model", "samples a question", "temperature", "top-p", "top-k", "max tokens", "seed", "template", "prefix", "grader"}}
	for _, e := range evaluations {
		s := &e.results.Settings
		var samples []string
		for _, b := range s.Benchmarks {
			samples = append(samples, fmt.Sprintf("%s %d", b, s.Samples[b]))
		}
		prefix := "no"
		if s.Hack {
			prefix = "yes"
		}
		t.Rows = append(t.Rows, []string{e.name, e.results.Model, strings.Join(samples, ", "),
			fmt.Sprint(s.Temperature), fmt.Sprint(s.TopP), fmt.Sprint(s.TopK), fmt.Sprint(s.MaxTokens),
			fmt.Sprint(s.Seed), s.Template, prefix, s.Grader})
	}
	return t
}

// overview has a line for each training run that was measured before and after.
func overview(runs []*Run) (Table, bool) {
	t := Table{Name: "overview", Caption: "Training runs: means over languages and benchmarks.", Labels: 3,
		Head: []string{"run", "model", "trained on", "steps", "accuracy before, %", "accuracy after, %", "off-target before, %", "off-target after, %", "MTI"}}
	for _, r := range runs {
		x := r.Training
		if x == nil || x.Before == nil || x.After == nil {
			continue
		}
		steps, mti := "0", none
		if n := len(x.Steps); n > 0 {
			steps = fixed(x.Steps[n-1]["step"], 0)
		}
		if m := newTransfer(x.Before, x.After, x.Languages).mean; m.ok {
			mti = fixed(m.x, 3)
		}
		b, a := x.Before.Mean, x.After.Mean
		t.Rows = append(t.Rows, []string{r.Name, x.Model, strings.Join(x.Languages, ", "), steps,
			hundredSE(b.Accuracy, b.AccuracySE), hundredSE(a.Accuracy, a.AccuracySE), fixed(100*b.OffTarget, 1), fixed(100*a.OffTarget, 1), mti})
	}
	return t, len(t.Rows) > 1
}
