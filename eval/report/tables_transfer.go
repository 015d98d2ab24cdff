package report

import (
	"fmt"
	"slices"
	"strings"
)

// mtiTable returns MTI by model and benchmark, with its means in and out of distribution.
func (s *study) mtiTable() Table {
	benchmarks := s.pairBenchmarks()
	t := Table{Name: "mti", Labels: 5,
		Caption: "Multilingual transferability index (MTI): mean relative gain of the languages not " +
			"trained on over that of the languages trained on. None: undefined, since nothing was right " +
			"before or the languages trained on did not change. " + s.intervalNote(),
		Head: append([]string{"model", "base", "method", "trained on", "questions a language"},
			benchmarks...)}
	t.Caption = strings.TrimSpace(t.Caption) + questionsNote
	in := s.inDistribution()
	if len(in) > 0 {
		t.Head = append(t.Head, "ID", "OOD")
		t.Caption += " ID: " + strings.Join(in, ", ") + "; OOD: the other benchmarks."
	}
	if len(benchmarks) > 1 {
		t.Head = append(t.Head, "Avg")
	}
	for _, p := range s.pairs {
		row := []string{p.name(), p.base.name, orDash(p.method), orDash(strings.Join(p.languages, " ")),
			p.questions()}
		for _, b := range benchmarks {
			if v, ok := p.mtiOfBenchmark[b]; ok {
				row = append(row, v.text(2, 1))
			} else {
				row = append(row, "–")
			}
		}
		if len(in) > 0 {
			for _, v := range []struct {
				of value
				in bool
			}{{p.id, true}, {p.ood, false}} {
				if slices.ContainsFunc(p.benchmarks,
					func(b string) bool { return slices.Contains(p.inDistribution, b) == v.in }) {
					row = append(row, v.of.text(2, 1))
				} else {
					row = append(row, "–")
				}
			}
		}
		if len(benchmarks) > 1 {
			row = append(row, p.mean.text(2, 1))
		}
		t.Rows, t.About = append(t.Rows, row), append(t.About, p.both())
	}
	return t
}

// both names base and trained model.
func (p *pair) both() []string { return []string{p.base.name, p.trained.name} }

// questionsNote says what the column of questions is.
const questionsNote = " Questions: those that base and trained model were both put, of those that either " +
	"was; by number: without both samples.jsonl they are only counted."

// inDistribution returns the benchmarks that count so for any pair, where that tells
// benchmarks apart.
func (s *study) inDistribution() []string {
	var in []string
	for _, b := range s.pairBenchmarks() {
		if slices.ContainsFunc(s.pairs, func(p *pair) bool { return slices.Contains(p.inDistribution, b) }) {
			in = append(in, b)
		}
	}
	if len(in) == len(s.pairBenchmarks()) {
		return nil
	}
	return in
}

// intervalNote says what brackets are.
func (s *study) intervalNote() string {
	if !s.resampled {
		return ""
	}
	return fmt.Sprintf("In brackets 95 %% intervals of a bootstrap over %s (%d replicates); none "+
		"where too many replicates leave the number undefined.", s.over(), replicates)
}

// deltaTables returns the changes in points and relative to the base, by language.
func (s *study) deltaTables() []Table {
	languages := s.pairLanguages()
	head := func(unit string, rest ...string) []string {
		return languageHead([]string{"model", "benchmark", "questions a language"}, languages, nil,
			append([]string{"trained on, " + unit, "other, " + unit}, rest...)...)
	}
	points := Table{Name: "delta-points", Labels: 3, Head: head("pp"),
		Caption: "ΔPerformance: accuracy after less before, in percentage points (pp). * trained on; at " +
			"the right the means over the languages trained on and the others." + questionsNote}
	delta := Table{Name: "delta-r", Labels: 3, Head: head("ratio", "MTI"),
		Caption: "ΔR = (after − before) / before, a ratio: 0.25 is a quarter more than before. None where " +
			"nothing was right before, – not measured. * trained on; at the right the means over the " +
			"languages trained on and the others, and their ratio, MTI." + questionsNote}
	for _, p := range s.pairs {
		for _, b := range p.benchmarks {
			inPoints, relative := []string{p.name(), b, p.on.questions(b)}, []string{p.name(), b,
				p.on.questions(b)}
			for _, l := range languages {
				on := slices.Contains(p.languages, l)
				if !p.points[b][l].ok {
					inPoints, relative = append(inPoints, "–"), append(relative, "–")
					continue
				}
				inPoints = append(inPoints, starIf(on, p.points[b][l].signed(1, 100)))
				relative = append(relative, starIf(on, p.delta[b][l].change()))
			}
			points.Rows = append(points.Rows, append(inPoints, p.pointsTrained[b].signed(1, 100),
				p.pointsUnseen[b].signed(1, 100)))
			delta.Rows = append(delta.Rows, append(relative, p.deltaTrained[b].change(),
				p.deltaUnseen[b].change(), p.mtiOfBenchmark[b].text(2, 1)))
			points.About, delta.About = append(points.About, p.both()), append(delta.About, p.both())
		}
	}
	return []Table{points, delta}
}

// languageMTITable returns MTI by unseen language, mean over benchmarks (Eq. 4).
func (s *study) languageMTITable() Table {
	languages := s.pairLanguages()
	t := Table{Name: "mti-by-language", Labels: 1, Head: languageHead([]string{"model"}, languages, nil),
		Caption: "MTI by language that was not trained on, mean over benchmarks. –: trained on. " +
			s.intervalNote()}
	for _, p := range s.pairs {
		row := []string{p.name()}
		for _, l := range languages {
			if slices.Contains(p.languages, l) || !slices.Contains(p.transfer.languages, l) {
				row = append(row, "–")
			} else {
				row = append(row, p.mtiOfLanguage[l].text(2, 1))
			}
		}
		t.Rows, t.About = append(t.Rows, row), append(t.About, p.both())
	}
	return t
}

// scalingTable returns accuracy by language for each set of training languages.
func (s *study) scalingTable() Table {
	languages := s.pairLanguages()
	t := Table{Name: "scaling", Labels: 2,
		Caption: "Accuracy by language for a growing number of training languages, in percent, mean over " +
			"benchmarks. * trained on.",
		Head: languageHead([]string{"arm", "training languages"}, languages, nil, "mean", "off-target",
			"MTI")}
	for _, a := range s.arms {
		t.Rows = append(t.Rows, s.armRow(a, languages, a.pairs[0].base, nil))
		t.About = append(t.About, []string{a.pairs[0].base.name})
		for _, p := range a.pairs {
			t.Rows = append(t.Rows, s.armRow(a, languages, p.trained, p))
			t.About = append(t.About, []string{p.trained.name})
		}
	}
	return t
}

func (s *study) armRow(a *arm, languages []string, m *model, p *pair) []string {
	row := []string{a.name, "base"}
	benchmarks, results := a.pairs[0].benchmarks, m.results
	if p != nil {
		row[1], results = fmt.Sprintf("%d: %s", len(p.languages), strings.Join(p.languages, " ")), p.after()
		if p.on.restricted {
			row[1] += " (on " + p.questions() + ")"
		}
	} else if slices.ContainsFunc(a.pairs, func(p *pair) bool { return p.on.baseOn != nil }) {
		row[1] += " (all its questions)"
	}
	mean := func(of func(b string) (float64, bool)) value {
		var all []value
		for _, b := range benchmarks {
			x, ok := of(b)
			all = append(all, value{x: x, ok: ok})
		}
		return meanOf(all)
	}
	for _, l := range languages {
		v := mean(func(b string) (float64, bool) {
			if p != nil {
				x, ok := p.on.trained[b][l]
				return x, ok
			}
			score, ok := m.score(b, l)
			return score.Accuracy, ok
		})
		row = append(row, starIf(p != nil && slices.Contains(p.languages, l), v.text(1, 100)))
	}
	accuracy := mean(func(b string) (float64, bool) {
		r, ok := results.Benchmarks[b]
		return r.Mean.Accuracy, ok
	})
	off := mean(func(b string) (float64, bool) {
		r, ok := results.Benchmarks[b]
		return r.Mean.OffTarget,
			ok
	})
	mti := "–"
	if p != nil {
		accuracy, mti = p.accuracy, p.mean.text(2, 1)
	}
	return append(row, accuracy.text(1, 100), off.text(1, 100), mti)
}

// lawTable holds the power laws of the arms.
func (s *study) lawTable() (Table, bool) {
	t := Table{Name: "scaling-laws", Labels: 2,
		Caption: "Power laws f(X) = α·X^β over X ≥ 2 training languages, by nonlinear least squares; the " +
			"expected value for one language f(1); the monolingual generalization gap, f(1) less what was " +
			"measured for one language; the first-parallel leap, the measured value for two languages " +
			"less that for one. ",
		Head: []string{"arm", "of", "α", "β", "R²", "f(1)", "gap", "leap"}}
	if s.resampled {
		t.Caption += fmt.Sprintf("In brackets 95 %% intervals of a bootstrap over %s (%d replicates).",
			s.over(), replicates)
	} else {
		t.Caption += "In brackets 95 % intervals from the fit's covariance."
	}
	for _, a := range s.arms {
		for _, c := range []struct {
			name string
			law  law
		}{{"MTI", a.mti}, {"accuracy, %", a.accuracy}} {
			if l := c.law; l.ok {
				t.About = append(t.About, a.models())
				t.Rows = append(t.Rows, []string{a.name, c.name, l.alpha.text(2, 1), l.beta.text(2, 1),
					fixed(l.r2, 3),
					l.expected.text(2, 1), l.gap.text(2, 1), l.leap.text(2, 1)})
			}
		}
	}
	return t, len(t.Rows) > 0
}

// templateGroups returns models that were measured with several prompt templates.
func (s *study) templateGroups() map[string][]*model {
	groups := map[string][]*model{}
	for _, m := range s.models {
		groups[m.family] = append(groups[m.family], m)
	}
	for family, group := range groups {
		var names []string
		for _, m := range group {
			if !slices.Contains(names, m.template) {
				names = append(names, m.template)
			}
		}
		if len(names) < 2 {
			delete(groups, family)
		}
	}
	return groups
}

// templateTable compares templates.
func (s *study) templateTable(groups map[string][]*model) Table {
	var evaluations []evaluation
	for _, family := range sortedKeys(groups) {
		for _, m := range groups[family] {
			evaluations = append(evaluations, m.evaluation)
		}
	}
	languages := languagesOf(evaluations)
	t := Table{Name: "templates", Labels: 3,
		Caption: "Prompt templates: accuracy in percent ± standard error, and samples that reason in " +
			"another language than asked (off-target)." + alikeNote,
		Head: languageHead([]string{"model", "benchmark", "template"}, languages, nil, "mean",
			"off-target")}
	for _, family := range sortedKeys(groups) {
		for _, b := range commonBenchmarks(groups[family]) {
			for _, m := range groups[family] {
				row := []string{family, b, m.template}
				for _, l := range languages {
					score, ok := m.score(b, l)
					row = append(row, cellOf(score, ok, printAccuracy))
				}
				mean := m.results.Benchmarks[b].Mean
				t.Rows = append(t.Rows, append(row, printAccuracy(mean), printOff(mean)))
				t.About = append(t.About, []string{m.name})
			}
		}
	}
	return t
}

// commonBenchmarks returns those that all models were put.
func commonBenchmarks(models []*model) []string {
	return slices.DeleteFunc(slices.Clone(models[0].results.Settings.Benchmarks), func(b string) bool {
		return slices.ContainsFunc(models,
			func(m *model) bool { _, ok := m.results.Benchmarks[b]; return !ok })
	})
}
