package report

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/multilingual"
)

// Names of what measureSteps adds to a run's steps, in the form of metrics.jsonl.
const (
	reasoningWords = "words/reasoning/"
	rolloutWords   = "words/rollout/"
	switchesOf     = "switches/"
)

// Asked says what the plan asks to be measured in samples; nil where that is nothing.
func (p *Plan) Asked() (*multilingual.Asked, error) {
	asked := &multilingual.Asked{Measures: p.Measures, Weights: p.LevelWeights}
	if slices.Equal(p.Measures, []string{multilingual.All}) {
		asked.Measures = nil
	} else if p.LevelWeights != nil && !slices.Contains(p.Measures, multilingual.Levels) {
		return nil, fmt.Errorf("level_weights has no effect without %s among measures", multilingual.Levels)
	}
	if err := asked.Check(); err != nil {
		return nil, fmt.Errorf("measures: %w", err)
	}
	if len(p.Measures) == 0 {
		return nil, nil
	}
	return asked, nil
}

// measure computes what the plan asks for from the models' samples.
func (s *study) measure(runs []*Run, plan Plan) error {
	asked, err := plan.Asked()
	if asked == nil {
		return err
	}
	lacking := map[string][]string{} // the models of which something is to be said
	for _, m := range slices.Concat(s.models, s.singles) {
		if m.seeds != nil || m.folder == "" {
			continue
		}
		var lacks []string
		m.measures, lacks, err = m.source.measure(m.folder, &m.results.Settings, *asked)
		if errors.Is(err, fs.ErrNotExist) {
			s.said = append(s.said, fmt.Sprintf("%s kept no samples: nothing is measured in them.", m.name))
			continue
		} else if err != nil {
			return err
		}
		for _, lack := range lacks {
			lacking[lack] = append(lacking[lack], m.name)
		}
	}
	for _, lack := range sortedKeys(lacking) {
		s.said = append(s.said, fmt.Sprintf("%s: %s.", strings.Join(lacking[lack], ", "), lack))
	}
	for _, r := range runs {
		if r.Training == nil {
			continue
		}
		if err := r.measureSteps(*asked); err != nil {
			return err
		}
	}
	return nil
}

// measure measures an evaluation of the run, once however many reports are made of it. lacks says what
// its questions do not have.
func (r *Run) measure(
	folder string, spec *eval.Spec, asked multilingual.Asked,
) (found *multilingual.Measures, lacks []string, err error) {
	for _, m := range r.measured {
		if m.folder == folder && reflect.DeepEqual(m.asked, asked) {
			return m.measures, m.lacks, nil
		}
	}
	of, levels := asked, multilingual.NewLevels(spec, "")
	of.Replicates, of.Seed, of.LevelOf = replicates, bootstrapSeed, levels.Of
	if found, err = multilingual.Measure(folder, spec, of); err != nil {
		return nil, nil, err
	}
	lacks = levels.Lacks(found, "stele metrics --measures levels --data DIR reads them")
	r.measured = append(r.measured, folderMeasures{folder, asked, found, lacks})
	return found, lacks, nil
}

// folderMeasures are the measures of an evaluation's folder that were asked for.
type folderMeasures struct {
	folder   string
	asked    multilingual.Asked
	measures *multilingual.Measures
	lacks    []string
}

// measureSteps adds the words and switches of the rollouts that a run kept to its steps; shares that
// the run measured itself stay.
func (r *Run) measureSteps(asked multilingual.Asked) error {
	steps, err := multilingual.MeasureRollouts(r.dir, asked)
	if err != nil {
		return err
	}
	for _, measured := range steps {
		at := slices.IndexFunc(r.Training.Steps, func(s Step) bool { return int(s["step"]) == measured.Step })
		if at < 0 {
			continue
		}
		add := func(key string, x *float64) {
			if _, there := r.Training.Steps[at][key]; !there && x != nil {
				r.Training.Steps[at][key] = *x
			}
		}
		if w := measured.Words; w != nil {
			add(reasoningWords+"mean", w.Mean.Reasoning)
			add(rolloutWords+"mean", w.Mean.Output)
			for language, of := range w.Languages {
				add(reasoningWords+language, of.Reasoning)
				add(rolloutWords+language, of.Output)
			}
		}
		if c := measured.Switches; c != nil {
			add(switchesOf+"mean", c.Mean.Mean)
			for language, of := range c.Languages {
				add(switchesOf+language, of.Mean)
			}
		}
	}
	return nil
}

// all are the measures of a model, of each of its seeds where it is their mean.
func (m *model) all() (all []*multilingual.Measures) {
	if m.measures != nil {
		all = append(all, m.measures)
	}
	for _, seed := range m.seeds {
		all = append(all, seed.all()...)
	}
	return all
}

// of is a number of a model's measures, the mean over its seeds.
func (m *model) of(number func(*multilingual.Measures) *float64) value {
	sum, n := 0.0, 0.0
	for _, one := range m.all() {
		if x := number(one); x != nil {
			sum += *x
			n++
		}
	}
	if n == 0 {
		return value{}
	}
	return value{x: sum / n, ok: true}
}

// languageMeasure is a number that a measure has in each language and as a mean; "" is the mean.
type languageMeasure func(of *multilingual.Measures, benchmark, language string) *float64

// in finds the numbers of a benchmark in a language; nil where there are none.
func in[T any](of map[string]*multilingual.ByLanguage[T], benchmark, language string) *T {
	b := of[benchmark]
	switch {
	case b == nil:
		return nil
	case language == "":
		return b.Mean
	}
	return b.Languages[language]
}

func wordShare(m *multilingual.Measures, benchmark, language string) *float64 {
	if w := in(m.Words, benchmark, language); w != nil {
		return w.Reasoning
	}
	return nil
}

func switchMean(m *multilingual.Measures, benchmark, language string) *float64 {
	if c := in(m.Switches, benchmark, language); c != nil {
		return c.Mean
	}
	return nil
}

func switchAny(m *multilingual.Measures, benchmark, language string) *float64 {
	if c := in(m.Switches, benchmark, language); c != nil {
		return c.Any
	}
	return nil
}

// consistencyColumns are the rates of the table, by their heads.
var consistencyColumns = []struct {
	head string
	of   func(*multilingual.Consistencies) *float64
}{
	{"question = reasoning", func(c *multilingual.Consistencies) *float64 { return c.QuestionReasoning }},
	{"reasoning = answer", func(c *multilingual.Consistencies) *float64 { return c.ReasoningAnswer }},
	{"question = answer", func(c *multilingual.Consistencies) *float64 { return c.QuestionAnswer }},
	{"all", func(c *multilingual.Consistencies) *float64 { return c.All }},
	{"all, and right", func(c *multilingual.Consistencies) *float64 { return c.AllRight }},
}

func weighted(m *multilingual.Measures, benchmark, language string) *float64 {
	switch b := m.Levels[benchmark]; {
	case b == nil || b.Weights == nil:
		return nil
	case language == "":
		return b.Mean.Weighted
	case b.Languages[language] != nil:
		return b.Languages[language].Weighted
	}
	return nil
}

// measured are the models that have measures.
func (s *study) measured() (models []*model, benchmarks, languages []string) {
	var evaluations []evaluation
	for _, m := range s.models {
		if len(m.all()) > 0 {
			models, evaluations = append(models, m), append(evaluations, m.evaluation)
		}
	}
	return models, benchmarksOf(evaluations), languagesOf(evaluations)
}

// byLanguage is a table of a measure: a row for each benchmark and model, a column for each language
// and the mean. It is left out where no number is there.
func (s *study) byLanguage(name, caption string, print func(m *model, benchmark, language string) string) []Table {
	models, benchmarks, languages := s.measured()
	t := Table{Name: name, Caption: caption, Labels: 2,
		Head: languageHead([]string{"benchmark", "model"}, languages, nil, "mean")}
	for _, b := range benchmarks {
		for _, m := range models {
			row := []string{b, m.name}
			any := false
			for _, l := range append(slices.Clone(languages), "") {
				cell := print(m, b, l)
				any = any || cell != unknown
				row = append(row, cell)
			}
			if any {
				t.Rows = append(t.Rows, row)
			}
		}
	}
	if t.Rows == nil {
		return nil
	}
	return []Table{t}
}

// measuresSections are the sections of what was measured in samples.
func (s *study) measuresSections() []Section {
	words := Section{ID: "words", Title: "Languages within the reasoning", Figures: s.positionFigures()}
	number := func(m *model, of languageMeasure, b, l string) value {
		return m.of(func(one *multilingual.Measures) *float64 { return of(one, b, l) })
	}
	words.Tables = append(words.Tables, s.byLanguage("words", "Words of the reasoning that are in the language "+
		"asked for, %, a mean over samples; mathematics, numbers and code do not count.",
		func(m *model, b, l string) string { return number(m, wordShare, b, l).orUnknown(1, 100) })...)
	words.Tables = append(words.Tables, s.positionTable()...)
	words.Tables = append(words.Tables, s.byLanguage("switches", "Switches from one language to another in a "+
		"reasoning, and in parentheses the share of reasonings with one, %. Fewer than five words in another "+
		"language are no switch.", func(m *model, b, l string) string {
		v := number(m, switchMean, b, l)
		if !v.ok {
			return unknown
		}
		return v.orUnknown(2, 1) + " (" + number(m, switchAny, b, l).orUnknown(1, 100) + ")"
	})...)
	consistency := Section{ID: "consistency", Title: "Languages of question, reasoning and answer",
		Tables: s.consistencyTable()}
	agreement := Section{ID: "agreement", Title: "Agreement across languages"}
	agreement.Facts, agreement.Figures, agreement.Tables = s.agreement()
	levels := Section{ID: "levels", Title: "Accuracy by difficulty", Tables: s.levelTable()}
	levels.Tables = append(levels.Tables, s.byLanguage("levels-weighted", "Accuracy weighted by level of "+
		"difficulty, %: Σ weight · accuracy / Σ weight over the benchmark's levels (PolyMath's DW-ACC).",
		func(m *model, b, l string) string { return number(m, weighted, b, l).orUnknown(1, 100) })...)
	return []Section{words, consistency, agreement, levels}
}

// position is the share of words in the language asked for in one tenth of the reasoning.
func (m *model) position(benchmark, language string, tenth int) value {
	return m.of(func(one *multilingual.Measures) *float64 {
		w := in(one.Words, benchmark, language)
		if w == nil || w.Position == nil {
			return nil
		}
		return &w.Position[tenth]
	})
}

// positionFigures draw the share of words along the reasoning, a panel for each benchmark; the
// table has the models that are too many to be told apart.
func (s *study) positionFigures() []Figure {
	models, benchmarks, _ := s.measured()
	all := len(models)
	models = models[:min(all, styles)]
	var panels []curvePanel
	steps := make([]Step, multilingual.Positions)
	for i := range steps {
		steps[i] = Step{"step": float64(i + 1)}
	}
	for _, b := range benchmarks {
		p := curvePanel{title: b + ", share", axis: "tenth of the reasoning"}
		for _, m := range models {
			key := b + "\n" + m.name
			for i := range steps {
				if v := m.position(b, "", i); v.ok {
					steps[i][key] = v.x
				}
			}
			if len(seriesOf(steps, key)) > 0 {
				p.keys, p.names = append(p.keys, key), append(p.names, m.name)
				p.looks = append(p.looks, s.look(m.name))
			}
		}
		if len(p.keys) > 0 {
			panels = append(panels, p)
		}
	}
	if len(panels) == 0 {
		return nil
	}
	return []Figure{Figure{Name: "words-position", Title: "Words in the language asked for, along the reasoning",
		Caption: "Share of words in the language asked for in each tenth of the reasoning, by words; a " +
			"mean over samples, then over languages." + onlySome(len(models), all, "models")}.drawn(
		func(name string, width float64) *canvas {
			return layOut(name, width, panels, steps, min(2, len(panels)))
		})}
}

func (s *study) positionTable() []Table {
	var heads []string
	for i := range multilingual.Positions {
		heads = append(heads, strconv.Itoa(i+1))
	}
	return s.eachLanguage("words-position", "Words in the language asked for, %, in each tenth of the reasoning; "+
		"mean over languages (the CSV file has each).", heads, (*model).position)
}

func (s *study) consistencyTable() []Table {
	var heads []string
	for _, column := range consistencyColumns {
		heads = append(heads, column.head)
	}
	return s.eachLanguage("consistency", "Samples in which two of question, reasoning and answer are in the same "+
		"language, %; what is said of answers is of those that have words. All: reasoning, and answer if it has "+
		"words, are in the language of the question. Mean over languages (the CSV file has each).", heads,
		func(m *model, benchmark, language string, column int) value {
			return m.of(func(one *multilingual.Measures) *float64 {
				if c := in(one.Consistency, benchmark, language); c != nil {
					return consistencyColumns[column].of(c)
				}
				return nil
			})
		})
}

// eachLanguage is a table of shares in several columns: a row for each benchmark and model with the means over
// languages, and in the CSV file for each language too.
func (s *study) eachLanguage(name, caption string, heads []string,
	share func(m *model, benchmark, language string, column int) value) []Table {
	models, benchmarks, languages := s.measured()
	t := Table{Name: name, Labels: 3, Caption: caption,
		Head: append([]string{"benchmark", "model", "language"}, heads...)}
	for _, b := range benchmarks {
		for _, m := range models {
			for _, l := range append([]string{""}, languages...) {
				row := []string{b, m.name, l}
				any := false
				for column := range heads {
					v := share(m, b, l, column)
					any = any || v.ok
					row = append(row, v.orUnknown(1, 100))
				}
				if !any {
					continue
				}
				if l == "" {
					row[2] = "mean"
					t.Rows = append(t.Rows, row)
				}
				t.all = append(t.all, row)
			}
		}
	}
	if t.Rows == nil {
		return nil
	}
	return []Table{t}
}

// levelTable is accuracy at each level, the mean over languages.
func (s *study) levelTable() []Table {
	models, benchmarks, _ := s.measured()
	there := map[int]bool{}
	for _, m := range models {
		for _, one := range m.all() {
			for _, of := range one.Levels {
				for level := range of.Weights {
					there[level] = true
				}
			}
		}
	}
	if len(there) == 0 {
		return nil
	}
	levels := slices.Sorted(maps.Keys(there))
	t := Table{Name: "levels", Labels: 2, Head: []string{"benchmark", "model"},
		Caption: "Accuracy by the benchmark's levels of difficulty, %, with the weight of a level in parentheses; " +
			"mean over languages."}
	for _, level := range levels {
		t.Head = append(t.Head, "level "+strconv.Itoa(level))
	}
	for _, b := range benchmarks {
		for _, m := range models {
			row := []string{b, m.name}
			any := false
			for _, level := range levels {
				weight := m.of(func(one *multilingual.Measures) *float64 {
					if l := one.Levels[b]; l != nil {
						if w, there := l.Weights[level]; there {
							return &w
						}
					}
					return nil
				})
				if !weight.ok {
					row = append(row, unknown)
					continue
				}
				any = true
				v := m.of(func(one *multilingual.Measures) *float64 {
					if l := one.Levels[b]; l != nil && l.Mean != nil {
						return l.Mean.Accuracy[level]
					}
					return nil
				})
				row = append(row, v.orUnknown(1, 100)+" ("+strconv.FormatFloat(weight.x, 'g', -1, 64)+")")
			}
			if any {
				t.Rows = append(t.Rows, row)
			}
		}
	}
	return []Table{t}
}
