package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/metric"
)

// Figure is a picture with its caption.
type Figure struct {
	Name, Title, Caption string
	Folded               bool // on the page, until somebody wants to see it
	// Number is the paper's of a figure that is its; others are counted.
	Number string
	canvas *canvas
	narrow *canvas // the same for a narrow page
}

// Widths of a figure, in pixels: that of its file and of a wide page, and that of a telephone.
const (
	figureWidth = 960.0
	narrowWidth = 380.0
)

// drawn draws the figure at both widths.
func (f Figure) drawn(draw func(name string, width float64) *canvas) Figure {
	f.canvas, f.narrow = draw(f.Name, figureWidth), draw(f.Name+"-narrow", narrowWidth)
	return f
}

// SVG returns the picture for a page.
func (f *Figure) SVG() string { return f.canvas.svg(f.Title) }

// Narrow returns it for a narrow page.
func (f *Figure) Narrow() string { return f.narrow.svg(f.Title) }

// Section is a question that is answered, or a run.
type Section struct {
	ID, Title string
	Facts     []string // sentences that say what it is and what came of it
	Points    []string // sentences of which each is a line
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

// mean returns a language's score over benchmarks.
func (e evaluation) mean(language string) (eval.Score, bool) {
	s, ok := e.results.Languages[language]
	return s, ok && s.Samples > 0
}

// evaluationsOf lists all evaluations of some runs, those of training runs too.
func evaluationsOf(runs []*Run) []evaluation {
	var all []evaluation
	add := func(r *eval.Results) {
		if r != nil {
			all = append(all, evaluation{results: r})
		}
	}
	for _, run := range runs {
		add(run.Results)
		if run.Training != nil {
			add(run.Training.Before)
			add(run.Training.After)
		}
	}
	return all
}

// union returns the names that any of the evaluations has, in the order of the first.
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
	return knownLanguagesOf(e...).inOrder(union(e, func(s *eval.Spec) []string { return s.Languages }))
}

// sections returns the sections of the report in order.
func (s *study) sections(runs []*Run) []Section {
	var all []Section
	add := func(x Section) {
		if len(x.Facts)+len(x.Points)+len(x.Figures)+len(x.Tables) > 0 {
			all = append(all, x)
		}
	}
	if len(s.models) > 0 {
		add(Section{ID: "overview", Title: "Overview", Facts: s.facts(runs),
			Tables: []Table{s.overviewTable()}})
	}
	if s.paper {
		add(s.findings())
		add(s.paperSection())
	}
	if len(s.pairs) > 0 {
		x := Section{ID: "transfer", Title: "Transfer to other languages"}
		if f, ok := s.transferFigure(); ok {
			x.Figures = append(x.Figures, f)
		}
		if f, ok := s.transferByLanguage(); ok {
			x.Figures = append(x.Figures, f)
		}
		x.Figures = append(x.Figures, s.heatmaps()...)
		x.Tables = append([]Table{s.mtiTable(), s.languageMTITable()}, s.deltaTables()...)
		add(x)
	}
	if len(s.arms) > 0 {
		x := Section{ID: "scaling", Title: "Scaling with training languages", Figures: s.scalingFigures(),
			Tables: []Table{s.scalingTable()}}
		if f, ok := s.secondLanguageFigure(); ok {
			x.Figures = append(x.Figures, f)
		}
		if t, ok := s.lawTable(); ok {
			x.Tables = append(x.Tables, t)
		}
		add(x)
	}
	if groups := s.templateGroups(); len(groups) > 0 {
		add(Section{ID: "templates", Title: "Prompt templates", Figures: s.templateFigures(groups),
			Tables: []Table{s.templateTable(groups)}})
	}
	if len(s.models) > 0 {
		x := Section{ID: "evaluation", Title: "Accuracy and language by benchmark",
			Figures: s.accuracyFigures(), Tables: scoreTables(s.models, s.sharedOnly())}
		if t, ok := severalTable(s.models); ok {
			x.Tables = append(x.Tables, t)
		}
		add(x)
	}
	add(Section{ID: "difficulty", Title: "Difficulty of the questions", Figures: s.difficultyFigures()})
	for _, x := range s.measuresSections() {
		add(x)
	}
	add(Section{ID: "graders", Title: "Where the graders differ", Tables: graderTables(s.models)})
	if f, ok := s.sideBySide(runs); ok {
		add(Section{ID: "side-by-side", Title: f.Title, Figures: []Figure{f}})
	}
	used := map[string]bool{}
	for _, run := range runs {
		if run.Training == nil {
			continue
		}
		add(s.trainingSection(numbered("run-"+slug(run.Name), used), run))
	}
	return all
}

// settingsSection says how evaluations were done, and where numbers are from.
func (s *study) settingsSection(made []provenance) Section {
	x := Section{ID: "settings", Title: "Settings"}
	if len(s.models) > 0 {
		x.Tables = append(x.Tables, settingsTable(s.models))
	}
	if len(made) > 0 {
		x.Tables = append(x.Tables, provenanceTable(made))
	}
	return x
}

// facts say in a few sentences what was measured.
func (s *study) facts(runs []*Run) []string {
	var evaluations []evaluation
	for _, m := range s.models {
		evaluations = append(evaluations, m.evaluation)
	}
	languages, benchmarks := languagesOf(evaluations), benchmarksOf(evaluations)
	n := len(s.singles)
	for _, m := range s.models {
		n += int(metric.Indicator(m.seeds == nil))
	}
	facts := []string{fmt.Sprintf("%s on %s (%s) in %s.", count(n, "evaluation"),
		count(len(benchmarks), "benchmark"),
		strings.Join(benchmarks, ", "), count(len(languages), "language"))}
	for _, r := range runs {
		if r.unfinished != "" {
			facts = append(facts, fmt.Sprintf("%s is not done: %s; its numbers will change.", r.Name,
				r.unfinished))
		}
	}
	facts = append(facts, s.given()...)
	for _, m := range s.models {
		if truncation := m.results.Truncation(); truncation != "" {
			facts = append(facts, m.name+": "+truncation+".")
		}
	}
	means := map[string][]string{}
	for _, m := range s.models {
		if m.seeds != nil {
			means[m.seedsSaid()] = append(means[m.seedsSaid()], m.name)
		}
	}
	for _, seeds := range sortedKeys(means) {
		facts = append(facts, fmt.Sprintf("Means over %s: %s.", seeds, strings.Join(means[seeds], ", ")))
	}
	if n := len(s.pairs); n > 0 {
		facts = append(facts, fmt.Sprintf("%s of a base and what it became by training.", count(n, "pair")))
	}
	for i, p := range s.pairs {
		if p.on.restricted {
			facts = append(facts,
				fmt.Sprintf("%s and %s were put other questions, and are compared on those that both were "+
					"put: %s; tables of accuracy have rows for these (“shared with”) beside those of all "+
					"questions of each.",
					p.name(), p.base.name, p.questions()))
		}
		if p.on.allowed != "" && !slices.ContainsFunc(s.pairs[:i],
			func(q *pair) bool { return q.on.allowed == p.on.allowed }) {
			var alike []string
			for _, q := range s.pairs[i:] {
				if q.on.allowed == p.on.allowed {
					alike = append(alike, q.base.name+" and "+q.name())
				}
			}
			facts = append(facts,
				fmt.Sprintf("%s were evaluated differently, which the plan allows: %s.",
					strings.Join(alike, "; "), p.on.allowed))
		}
		if p.on.precision != "" {
			facts = append(facts, p.on.precision+".")
		}
		if n := p.on.reworded; n > 0 && p.on.lenient {
			facts = append(facts,
				fmt.Sprintf("%s and %s were put %d of the questions that they share in other words, which "+
					"the plan allows.", p.base.name, p.name(), n))
		} else if n > 0 {
			facts = append(facts,
				fmt.Sprintf("%s and %s were put %d questions of the same names in other words; these do not "+
					"count.", p.base.name, p.name(), n))
		}
	}
	return append(facts, s.remarks()...)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// fewPairs is up to how many pairs are drawn benchmark by benchmark.
const fewPairs = 3

// accuracyFigures draw accuracy and off-target rate by language: of each pair
// before and after, and of other models side by side.
func (s *study) accuracyFigures() []Figure {
	var figures []Figure
	for i, p := range s.pairs {
		trained := map[string]bool{}
		for _, l := range p.languages {
			trained[l] = true
		}
		x := []evaluation{{p.base.name + " (before)", p.before()}, {p.name() + " (after)", p.after()}}
		drawn := languageFigures(fmt.Sprintf("pair-%d", i+1), x, s.looksOf(p.base.name, p.name()), p.benchmarks,
			trained,
			len(s.pairs) <= fewPairs)
		if p.on.restricted {
			for k := range drawn {
				drawn[k].Caption += " Of the questions a language that both were put: " + p.questions() + "."
			}
		}
		figures = append(figures, drawn...)
	}
	var alone []evaluation
	for _, m := range s.models {
		if !m.paired {
			alone = append(alone, m.evaluation)
		}
	}
	n := 0
	for group := range slices.Chunk(alone, styles) {
		id := "evaluation"
		if n++; n > 1 {
			id += fmt.Sprintf("-%d", n)
		}
		var names []string
		for _, e := range group {
			names = append(names, e.name)
		}
		figures = append(figures, languageFigures(id, group, s.looksOf(names...), benchmarksOf(group), nil,
			true)...)
	}
	return figures
}

// templateFigures compare the templates of each model.
func (s *study) templateFigures(groups map[string][]*model) []Figure {
	var figures []Figure
	for i, family := range sortedKeys(groups) {
		var x []evaluation
		var paints []int
		for _, m := range groups[family] {
			x, paints = append(x, evaluation{m.template, m.results}), append(paints, s.look(m.name))
		}
		if len(x) > styles {
			x = x[:styles]
		}
		for _, f := range languageFigures(fmt.Sprintf("templates-%d", i+1), x, paints,
			commonBenchmarks(groups[family]), nil, true) {
			f.Title, f.Caption = family+": "+f.Title, family+" with several prompt templates. "+f.Caption
			figures = append(figures, f)
		}
	}
	return figures
}

// languageFigures draw accuracy and off-target rate by language, a figure a
// benchmark when each is set, and one of their mean where there are several.
func languageFigures(id string, evaluations []evaluation, paints []int, benchmarks []string,
	trained map[string]bool, each bool) []Figure {
	var languages []string
	for _, l := range languagesOf(evaluations) {
		if slices.ContainsFunc(evaluations, func(e evaluation) bool {
			return slices.ContainsFunc(benchmarks, func(b string) bool { _, ok := e.score(b, l); return ok })
		}) {
			languages = append(languages, l)
		}
	}
	if len(languages) == 0 {
		return nil
	}
	f := barFigure{paints: paints, languages: languages, trained: trained, known: knownLanguagesOf(evaluations...)}
	var names []string
	for _, e := range evaluations {
		f.series = append(f.series, e.name)
		names = append(names, e.name)
	}
	draw := func(name, title string, of func(e evaluation, language string) (eval.Score, bool)) Figure {
		f.name = id + "-" + name
		accuracy := barPanel{title: "Accuracy, " + title, axis: "accuracy, %", height: 190, percent: true}
		off := barPanel{title: "Reasoning in another language than asked (off-target)", axis: "off-target, %",
			height: 88, percent: true}
		for _, e := range evaluations {
			var a, o []value
			for _, l := range f.languages {
				s, ok := of(e, l)
				a = append(a, measured(s.Accuracy, s.AccuracySE, s.AccuracyCI, ok))
				o = append(o, measured(s.OffTarget, s.OffTargetSE, s.OffTargetCI, ok))
			}
			accuracy.values, off.values = append(accuracy.values, a), append(off.values, o)
		}
		f.panels = []barPanel{accuracy, off}
		caption := fmt.Sprintf("%s: accuracy and off-target rate by language, %s; whiskers ± one standard "+
			"error, or Wilson's 95 %% interval where all questions came out alike.", strings.Join(names,
			", "), title)
		return Figure{Name: f.name, Title: "Accuracy by language, " + title, Caption: caption}.drawn(f.draw)
	}
	var figures []Figure
	if len(benchmarks) > 1 {
		figures = append(figures, draw("accuracy-mean", "mean over benchmarks",
			func(e evaluation, l string) (eval.Score, bool) { return meanOver(e, benchmarks, l) }))
	}
	if each || len(benchmarks) == 1 {
		for _, b := range benchmarks {
			figures = append(figures,
				draw("accuracy-"+slug(b), b, func(e evaluation, l string) (eval.Score,
					bool) {
					return e.score(b, l)
				}))
		}
	}
	return figures
}

// measured returns a share with its standard error, or with its interval where it has none.
func measured(x float64, se *float64, ci *eval.Interval, ok bool) value {
	v := value{x: x, se: se, ok: ok && !math.IsNaN(x)}
	if se == nil {
		v.ci = (*metric.Interval)(ci)
	}
	return v
}

// meanOver returns a language's score over some benchmarks: what the results have when
// they are all that was measured.
func meanOver(e evaluation, benchmarks []string, language string) (eval.Score, bool) {
	if len(benchmarks) == len(e.results.Benchmarks) {
		return e.mean(language)
	}
	var scores []eval.Score
	for _, b := range benchmarks {
		if s, ok := e.score(b, language); ok {
			scores = append(scores, s)
		}
	}
	return meanScore(scores), len(scores) > 0
}

// languageFigure draws ΔR and MTI of a pair by language.
func (s *study) languageFigure(p *pair, id string) Figure {
	t := p.transfer
	one := 1.0
	trained := map[string]bool{}
	for _, l := range p.languages {
		trained[l] = true
	}
	delta := barPanel{title: "Relative change of accuracy, ΔR (ratio)", axis: "ΔR", height: 150}
	mti := barPanel{title: "Transfer to unseen languages, MTI (dotted: as much as in the languages " +
		"trained on)", axis: "MTI", height: 150, reference: &one, unseen: true}
	var d, m []value
	for _, l := range t.languages {
		d = append(d, t.deltaOfLanguage[l])
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
	f := barFigure{name: id + "-transfer", series: []string{""}, paints: s.looksOf(p.name()),
		languages: t.languages, trained: trained, known: knownLanguagesOf(p.base.evaluation, p.trained.evaluation),
		panels: []barPanel{delta, mti}}
	caption := "Relative change of accuracy (ΔR) by language; for languages that were not trained on, " +
		"their change over that of the languages trained on (MTI)."
	if len(t.benchmarks) > 1 {
		caption += " Bars are means over benchmarks, marks are the benchmarks."
	}
	caption += " Whiskers: 95 % intervals of a bootstrap over questions. A dash: undefined, because " +
		"nothing was right before training or the languages trained on did not change."
	return Figure{Name: f.name, Title: "Transfer by language", Caption: caption}.drawn(f.draw)
}

// numbered returns a name that is not used yet, with a number behind it where it must have one.
func numbered(name string, used map[string]bool) string {
	unique := name
	for n := 2; used[unique]; n++ {
		unique = fmt.Sprintf("%s-%d", name, n)
	}
	used[unique] = true
	return unique
}

// slug makes a name fit for files and ids; others may have the same.
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
