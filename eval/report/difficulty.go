package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/stele-lm/stele/eval/metric"
)

// difficultyBins are shares of right samples of a question, from none to all.
var difficultyBins = []string{"none", "up to ¼", "¼ to ½", "½ to ¾", "more than ¾", "all"}

// binOf sorts a question by the share of its samples that were right.
func binOf(share float64) int {
	switch {
	case share <= 0:
		return 0
	case share >= 1:
		return len(difficultyBins) - 1
	}
	return min(4, int(math.Ceil(4*share-1e-9)))
}

// difficulty says how hard the questions of a benchmark were to a model: the share
// of question-language pairs in each bin, and of questions by the number of
// languages in which at least half of their samples were right.
type difficulty struct {
	bins      []float64
	languages []float64 // from 0 to all
}

func newDifficulty(answers map[string]map[string]float64) difficulty {
	d := difficulty{bins: make([]float64, len(difficultyBins)), languages: make([]float64, len(answers)+1)}
	n := 0.0
	solved := map[string]int{}
	for _, language := range sortedKeys(answers) {
		for id, share := range answers[language] {
			d.bins[binOf(share)]++
			n++
			solved[id] += int(metric.Indicator(share >= 0.5))
		}
	}
	for i := range d.bins {
		d.bins[i] /= max(n, 1)
	}
	for _, k := range solved {
		d.languages[k] += 1 / float64(len(solved))
	}
	return d
}

// difficultyFigures draw, benchmark by benchmark, the models whose samples are
// there: a pair's base and trained model side by side.
func (s *study) difficultyFigures() []Figure {
	type chosen struct {
		name    string
		answers metric.Answers
	}
	var models []chosen
	for _, m := range s.models {
		if m.answers != nil && m.answers.samples > 0 {
			models = append(models, chosen{m.name, m.answers.right})
		}
	}
	var benchmarks []string
	for _, m := range models {
		for _, b := range sortedKeys(m.answers) {
			if !slices.Contains(benchmarks, b) {
				benchmarks = append(benchmarks, b)
			}
		}
	}
	var figures []Figure
	for _, b := range benchmarks {
		have := slices.DeleteFunc(slices.Clone(models), func(m chosen) bool { return len(m.answers[b]) == 0 })
		for group := 0; group*styles < len(have); group++ {
			name := "difficulty-" + slug(b)
			if group > 0 {
				name += fmt.Sprintf("-%d", group+1)
			}
			figures = append(figures,
				s.drawDifficulty(name, b, len(have[group*styles:min(len(have), (group+1)*styles)]),
					func(i int) (string, map[string]map[string]float64) {
						m := have[group*styles+i]
						return m.name, m.answers[b]
					})...)
		}
	}
	return figures
}

func (s *study) drawDifficulty(name, benchmark string, n int,
	model func(int) (string, map[string]map[string]float64)) []Figure {
	byBin := barFigure{name: name, languages: difficultyBins, groups: "samples of a question that were right"}
	byLanguage := barFigure{name: name + "-languages",
		groups: "languages in which a question was solved (half of its samples or more)"}
	bins := barPanel{title: "Questions by how often they were solved, " + benchmark, axis: "questions, %",
		height: 170, percent: true}
	counts := barPanel{title: "Questions by the number of languages in which they were solved, " + benchmark,
		axis: "questions, %", height: 170, percent: true}
	most := 0
	for i := range n {
		label, answers := model(i)
		d := newDifficulty(answers)
		most = max(most, len(answers))
		paint := s.look(label)
		byBin.series, byBin.paints = append(byBin.series, label), append(byBin.paints, paint)
		byLanguage.series, byLanguage.paints = byBin.series, byBin.paints
		bins.values, counts.values = append(bins.values, shares(d.bins)), append(counts.values,
			shares(d.languages))
	}
	for i := range counts.values {
		for len(counts.values[i]) < most+1 {
			counts.values[i] = append(counts.values[i], value{})
		}
	}
	for k := range most + 1 {
		byLanguage.languages = append(byLanguage.languages, fmt.Sprint(k))
	}
	byBin.panels, byLanguage.panels = []barPanel{bins}, []barPanel{counts}
	figures := []Figure{Figure{Name: byBin.name, Title: "Difficulty, " + benchmark,
		Caption: "Difficulty of " + benchmark +
			": share of questions (each in each language) by how many of their samples were right."}.drawn(byBin.draw)}
	if most > 1 {
		figures = append(figures, Figure{Name: byLanguage.name, Title: "Difficulty across languages, " +
			benchmark,
			Caption: "Difficulty of " + benchmark +
				" across languages: share of questions by the number of languages in which at least half " +
				"of their samples were right."}.drawn(byLanguage.draw))
	}
	return figures
}

func shares(of []float64) []value {
	var out []value
	for _, x := range of {
		out = append(out, value{x: x, ok: true})
	}
	return out
}
