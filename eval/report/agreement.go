package report

import (
	"fmt"
	"slices"

	"github.com/stele-lm/stele/eval/multilingual"
)

// mostMaps is up to how many models get maps and matrices of their own; the CSV file has all.
const mostMaps = 6

// agree is a number of the agreement of a model in two languages.
func (m *model) agree(benchmark, a, b string, of func(*multilingual.Agreements) [][]*float64) value {
	return m.of(func(one *multilingual.Measures) *float64 {
		all := one.Agreement[benchmark]
		if all == nil {
			return nil
		}
		i, k := slices.Index(all.Languages, a), slices.Index(all.Languages, b)
		if i < 0 || k < 0 {
			return nil
		}
		return of(all)[i][k]
	})
}

func sameOf(a *multilingual.Agreements) [][]*float64      { return a.Same }
func sameWrongOf(a *multilingual.Agreements) [][]*float64 { return a.SameWrong }
func kappaOf(a *multilingual.Agreements) [][]*float64     { return a.Kappa }
func askedOf(a *multilingual.Agreements) [][]*float64     { return a.Questions }

// agreement draws and lists how often languages agree: means over pairs of languages for all
// models, and a map and a matrix of each where they are few. facts say what rests on a guess or is left out.
func (s *study) agreement() (facts []string, figures []Figure, tables []Table) {
	models, benchmarks, languages := s.measured()
	means := Table{Name: "agreement", Labels: 2,
		Head: []string{"benchmark", "model", "pairs of languages", "same answer, %", "same of two wrong, %",
			"kappa"},
		Caption: "Agreement of answers between two languages on the same questions, the mean over pairs of " +
			"languages (the CSV file has each pair): the same answer, right or wrong; the same where both are " +
			"wrong; and kappa, agreement beyond what two languages that are right as often would have by chance."}
	each := Table{Head: []string{"benchmark", "model", "language", "and", "questions", "same", "same_wrong", "kappa"}}
	used := map[string]bool{}
	for _, b := range benchmarks {
		for _, m := range models {
			there := slices.DeleteFunc(slices.Clone(languages), func(l string) bool {
				return !slices.ContainsFunc(languages, func(k string) bool { return m.agree(b, l, k, sameOf).ok })
			})
			if len(there) < 2 {
				continue
			}
			var same, wrong, kappa []value
			for i, l := range there {
				for _, k := range there[i+1:] {
					row := []string{b, m.name, l, k, m.agree(b, l, k, askedOf).orUnknown(0, 1)}
					for _, of := range []struct {
						values func(*multilingual.Agreements) [][]*float64
						all    *[]value
					}{{sameOf, &same}, {sameWrongOf, &wrong}, {kappaOf, &kappa}} {
						v := m.agree(b, l, k, of.values)
						if row = append(row, defined(v)); v.ok {
							*of.all = append(*of.all, v)
						}
					}
					each.all = append(each.all, row)
				}
			}
			means.Rows = append(means.Rows, []string{b, m.name, fmt.Sprint(len(there) * (len(there) - 1) / 2),
				meanOf(same).orUnknown(1, 100), meanOf(wrong).orUnknown(1, 100), meanOf(kappa).orUnknown(2, 1)})
			if len(models) > mostMaps {
				continue
			}
			name := numbered("agreement-"+slug(b)+"-"+slug(m.name), used)
			figures = append(figures, Figure{Name: name,
				Title: "Agreement across languages, " + b + ", " + m.name,
				Caption: "Share of questions of " + b + " that " + m.name + " answers the same in two languages, " +
					"right or wrong, %. Darker is more."}.drawn(func(name string, width float64) *canvas {
				return s.agreementMap(name, width, m, b, there)
			}))
			tables = append(tables, agreementMatrix(name, m, b, there))
		}
		facts = append(facts, agreementFacts(models, b)...)
	}
	if means.Rows == nil {
		return nil, nil, nil
	}
	means.all, means.allHead = each.all, each.Head
	return facts, figures, append([]Table{means}, tables...)
}

// agreementFacts say what kappa takes for chance on a benchmark, and which of its questions do not count.
func agreementFacts(models []*model, benchmark string) (facts []string) {
	options, different, guessed := -1, 0, false
	for _, m := range models {
		for _, one := range m.all() {
			if a := one.Agreement[benchmark]; a != nil {
				options, different = max(options, a.Options), max(different, a.Different)
				guessed = guessed || a.Guessed
			}
		}
	}
	switch {
	case options < 0:
	case options == 0:
		facts = append(facts, fmt.Sprintf("Answers of %s are free: kappa assumes that no two wrong ones are the "+
			"same by chance.", benchmark))
	case guessed:
		facts = append(facts, fmt.Sprintf("Answers of %s are taken for one of %d options, which is how far its "+
			"references go in the alphabet.", benchmark, options))
	default:
		facts = append(facts, fmt.Sprintf("Answers of %s are one of up to %d options.", benchmark, options))
	}
	if different > 0 {
		facts = append(facts, fmt.Sprintf("Left out between languages whose references differ: %s of %s.",
			count(different, "question"), benchmark))
	}
	return facts
}

func agreementMatrix(name string, m *model, benchmark string, languages []string) Table {
	t := Table{Name: name, Labels: 1, Head: append([]string{"language"}, languages...), Benchmark: benchmark,
		Caption: "Agreement of " + m.name + " between languages on " + benchmark + ": the same answer, %, and in " +
			"parentheses kappa."}
	for _, l := range languages {
		row := []string{l}
		t.About = append(t.About, []string{m.name})
		for _, k := range languages {
			v := m.agree(benchmark, l, k, sameOf)
			cell := v.orUnknown(1, 100)
			if kappa := m.agree(benchmark, l, k, kappaOf); v.ok && kappa.ok {
				cell += " (" + kappa.orUnknown(2, 1) + ")"
			}
			row = append(row, cell)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// agreementSteps bound the shades of the map: the same in all, so that they compare.
var agreementSteps = [5]float64{0.1, 0.25, 0.5, 0.75, 0.9}

// agreementMap draws a square of languages, symmetric, darker where two agree more often; on a narrow page it goes on
// below.
func (s *study) agreementMap(name string, width float64, m *model, benchmark string, languages []string) *canvas {
	const rowHeight, headHeight = 26.0, 26.0
	left := 20.0
	for _, l := range languages {
		left = max(left, textWidth(s.known.native(l))+16)
	}
	c := &canvas{name: name, width: width}
	blocks := evenly(len(languages), int((width-left-marginRight)/max(34, left-8)))
	step := min(80, (width-left-marginRight)/float64(max(1, blocks[0][1])))
	y := 0.0
	for _, block := range blocks {
		for i, l := range languages[block[0]:block[1]] {
			c.language(left+(float64(i)+0.5)*step, y+16, "", s.known.code(l), l, s.known)
		}
		y += headHeight
		for _, l := range languages {
			c.language(left/2, y+17, "", s.known.code(l), l, s.known)
			for i, other := range languages[block[0]:block[1]] {
				s.agreementCell(c, left+float64(i)*step, y, step, rowHeight, l, other,
					m.agree(benchmark, l, other, sameOf))
			}
			y += rowHeight
		}
		y += 8
	}
	y += 4
	const size = 40.0
	x := min(left, width-7*size-90)
	for i := range len(agreementSteps) + 1 {
		c.rect(x+float64(i)*size, y, size, 12, -1, fmt.Sprintf("heat up o%d", i), "")
	}
	for i, bound := range agreementSteps {
		c.text(x+float64(i+1)*size, y+25, "middle", "small", "", fixed(100*bound, 0))
	}
	c.text(x+float64(len(agreementSteps)+1)*size+10, y+11, "start", "small", "", "same answer, %")
	c.height = y + 32
	return c
}

func (s *study) agreementCell(c *canvas, x, y, w, h float64, language, other string, v value) {
	if !v.ok {
		c.text(x+w/2, y+17, "middle", "small", "", unknown)
		return
	}
	level := agreementLevel(v.x)
	c.rect(x, y, w, h, -1, fmt.Sprintf("heat up o%d", level), s.known.called(language)+", "+
		s.known.called(other)+": "+percent(v.x))
	class := ""
	if level >= 4 {
		class = "light"
	}
	c.text(x+w/2, y+17, "middle", class, "", fixed(100*v.x, 0))
}

// agreementLevel returns one of six shades.
func agreementLevel(x float64) int {
	level := 0
	for level < len(agreementSteps) && x >= agreementSteps[level] {
		level++
	}
	return level
}
