package report

import (
	"fmt"
	"slices"
	"strings"

	"stele/eval"
)

// Figure is a picture with its caption.
type Figure struct {
	Name, Title, Caption string
	canvas               *canvas
}

// SVG is the picture for a page.
func (f *Figure) SVG() string { return f.canvas.svg(f.Title) }

// Section is a run, or the evaluations side by side.
type Section struct {
	ID, Title string
	Facts     []string // sentences that say what it is and what came of it
	Figures   []Figure
	Tables    []Table
}

// evaluation is one column of numbers: results and what to call them.
type evaluation struct {
	name    string
	results *eval.Results
}

func (e evaluation) score(benchmark, language string) (eval.Score, bool) {
	s, ok := e.results.Benchmarks[benchmark].Languages[language]
	return s, ok && s.Samples > 0
}

// union is what any of the evaluations has, in the order of the first.
func union(evaluations []evaluation, of func(*eval.Spec) []string) []string {
	var all []string
	for _, e := range evaluations {
		for _, name := range of(&e.results.Settings) {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

func benchmarksOf(e []evaluation) []string {
	return union(e, func(s *eval.Spec) []string { return s.Benchmarks })
}

func languagesOf(e []evaluation) []string {
	return inOrder(union(e, func(s *eval.Spec) []string { return s.Languages }))
}

// trainingSection reports a training run.
func trainingSection(id string, run *Run) Section {
	t := run.Training
	s := Section{ID: id, Title: run.Name, Facts: t.facts()}
	var evaluations []evaluation
	if t.Before != nil {
		evaluations = append(evaluations, evaluation{"before", t.Before})
	}
	if t.After != nil {
		evaluations = append(evaluations, evaluation{"after", t.After})
	}
	trained := map[string]bool{}
	for _, l := range t.Languages {
		trained[l] = true
	}
	if len(evaluations) > 0 {
		s.Figures = accuracyFigures(id, evaluations, trained)
	}
	var change *transfer
	if len(evaluations) == 2 {
		change = newTransfer(t.Before, t.After, t.Languages)
		s.Figures = append(s.Figures, change.figure(id, trained))
	}
	if c := t.curves(id); c != nil {
		s.Figures = append(s.Figures, *c)
	}
	if len(evaluations) > 0 {
		s.Tables = scoreTables(id, evaluations, trained)
	}
	if change != nil {
		s.Tables = append(s.Tables, change.tables(id, trained)...)
	}
	return s
}

// facts say in sentences what was run and what came of it.
func (t *Training) facts() []string {
	var facts []string
	if t.Model != "" {
		facts = append(facts, fmt.Sprintf("%s, trained with %s on %s.",
			t.Model, strings.ToUpper(t.Algorithm), strings.Join(t.Languages, ", ")))
	}
	if n := len(t.Steps); n > 0 {
		last := int(t.Steps[n-1]["step"])
		if t.Planned > last {
			facts = append(facts, fmt.Sprintf("%d of %d steps are done.", last, t.Planned))
		} else {
			facts = append(facts, fmt.Sprintf("%d steps.", last))
		}
	}
	if t.Before != nil && t.After != nil {
		facts = append(facts, fmt.Sprintf("Mean accuracy over languages and benchmarks %s before and %s after; answers in another language than asked %s before and %s after.",
			percentSE(t.Before.Mean.Accuracy, t.Before.Mean.AccuracySE), percentSE(t.After.Mean.Accuracy, t.After.Mean.AccuracySE),
			percent(t.Before.Mean.OffTarget), percent(t.After.Mean.OffTarget)))
		if m := newTransfer(t.Before, t.After, t.Languages).mean; m.ok {
			facts = append(facts, fmt.Sprintf("Multilingual transferability index (MTI) %s.", fixed(m.x, 2)))
		}
	}
	return facts
}

func (t *Training) curves(id string) *Figure {
	if len(t.Steps) == 0 {
		return nil
	}
	c := drawCurves(id+"-curves", t.Steps)
	if c == nil {
		return nil
	}
	caption := "Training by step."
	if n := len(t.Steps); n >= smoothFrom {
		caption += fmt.Sprintf(" Thin: each step; thick: mean of the last %d steps.", window(n))
	}
	return &Figure{Name: id + "-curves", Title: "Training", Caption: caption, canvas: c}
}

// accuracyFigures draw accuracy and off-target rate by language, a figure a
// benchmark and one of their mean where there are several.
func accuracyFigures(id string, evaluations []evaluation, trained map[string]bool) []Figure {
	paints := make([]int, len(evaluations))
	for i := range paints {
		paints[i] = i
	}
	if len(evaluations) == 1 {
		paints[0] = 1
	}
	f := barFigure{paints: paints, languages: languagesOf(evaluations), trained: trained}
	for _, e := range evaluations {
		f.series = append(f.series, e.name)
	}
	draw := func(name, title string, of func(e evaluation, language string) (eval.Score, bool)) Figure {
		f.name = id + "-" + name
		accuracy := barPanel{title: "Accuracy, " + title, height: 190, percent: true}
		off := barPanel{title: "Answers in another language", height: 78, percent: true}
		for _, e := range evaluations {
			var a, o []value
			for _, l := range f.languages {
				s, ok := of(e, l)
				a = append(a, value{s.Accuracy, s.AccuracySE, ok})
				o = append(o, value{s.OffTarget, s.OffTargetSE, ok})
			}
			accuracy.values, off.values = append(accuracy.values, a), append(off.values, o)
		}
		f.panels = []barPanel{accuracy, off}
		caption := fmt.Sprintf("%s: accuracy and off-target rate by language; bars ± one standard error.", title)
		return Figure{Name: f.name, Title: "Accuracy by language, " + title, Caption: caption, canvas: f.draw()}
	}
	var figures []Figure
	benchmarks := benchmarksOf(evaluations)
	if len(benchmarks) > 1 {
		figures = append(figures, draw("accuracy-mean", "mean over benchmarks", func(e evaluation, l string) (eval.Score, bool) {
			s, ok := e.results.Languages[l]
			return s, ok && s.Samples > 0
		}))
	}
	for _, b := range benchmarks {
		figures = append(figures, draw("accuracy-"+slug(b), b, func(e evaluation, l string) (eval.Score, bool) { return e.score(b, l) }))
	}
	return figures
}

// figure draws ΔR and MTI by language.
func (t *transfer) figure(id string, trained map[string]bool) Figure {
	one := 1.0
	delta := barPanel{title: "Relative change of accuracy, ΔR", height: 150}
	mti := barPanel{title: "Transfer to unseen languages, MTI (dotted: as much as in the languages trained on)", height: 150, reference: &one, unseen: true}
	var d, m []value
	for _, l := range t.languages {
		var over []value
		for _, b := range t.benchmarks {
			over = append(over, t.delta[b][l])
		}
		d = append(d, meanOf(over))
		m = append(m, t.mtiOfLanguage[l])
	}
	delta.values, mti.values = [][]value{d}, [][]value{m}
	if len(t.benchmarks) > 1 {
		delta.pointNames = t.benchmarks
		for _, b := range t.benchmarks {
			var points, ratios []value
			for _, l := range t.languages {
				points = append(points, t.delta[b][l])
				ratios = append(ratios, t.mti[b][l])
			}
			delta.points = append(delta.points, points)
			mti.points = append(mti.points, ratios)
		}
		mti.pointNames = t.benchmarks
	}
	f := barFigure{name: id + "-transfer", series: []string{""}, paints: []int{1},
		languages: t.languages, trained: trained, panels: []barPanel{delta, mti}}
	caption := "Relative change of accuracy (ΔR) by language; for languages that were not trained on, their change over that of the languages trained on (MTI)."
	if len(t.benchmarks) > 1 {
		caption += " Bars are means over benchmarks, marks are the benchmarks."
	}
	caption += " A dash: undefined, because nothing was right before training or the languages trained on did not change."
	return Figure{Name: f.name, Title: "Transfer by language", Caption: caption, canvas: f.draw()}
}

// slug makes a name fit for files and ids.
func slug(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, s)
}
