package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/stele-lm/stele/internal/nearest"
)

// paperItem is a table or figure of the paper.
type paperItem struct {
	name string // table 1
	make func(s *study, item string) made
}

// made is what became of an item: a table, a figure, or what is missing for it.
type made struct {
	table   Table
	figure  Figure
	missing string
}

// paperItems are the paper's tables and figures. docs/studies.md says what each shows, and which
// of the figures' numbers are known to be the paper's.
var paperItems = []paperItem{
	{"table 1", (*study).paperTypes},
	{"table 2", (*study).paperModels},
	{"table 3", (*study).paperTemplates},
	{"table 4", (*study).paperBases},
	{"table 5", (*study).paperMTI},
	{"table 6", (*study).paperTrained},
	{"table 7", (*study).paperPoints},
	{"table 8", (*study).paperLanguages},
	{"table 9", (*study).paperParallel},
	{"table 10", (*study).paperParallelMTI},
	{"figure 1", (*study).paperLaw},
	{"figure 2", (*study).paperByModel},
	{"figure 3", (*study).paperByLanguage},
	{"figure 4", (*study).paperFactors},
	{"figure 5", (*study).paperUnparallel},
	{"figure 6", (*study).paperChoice},
	{"figure 7", (*study).paperAccuracyLaw},
	{"figure 8", (*study).paperHeatmap},
	{"figure 9", (*study).paperHeatmapFactors},
	{"figure 10", (*study).paperHeatmapParallel},
}

// PaperItem returns the name of one of the paper's tables and figures as it is written here, "table 1"
// to "table 10" and "figure 1" to "figure 10".
func PaperItem(given string) (string, error) {
	name := strings.ToLower(strings.Join(strings.FieldsFunc(given, func(r rune) bool {
		return r == ' ' || r == '-' || r == '_'
	}), " "))
	var names []string
	for _, kind := range []string{"table", "figure"} {
		for n := 1; n <= 10; n++ {
			names = append(names, fmt.Sprint(kind, " ", n))
		}
	}
	if slices.Contains(names, name) {
		return name, nil
	}
	return "", fmt.Errorf("makes names %q: expected table 1 to table 10 or figure 1 to figure 10%s", given,
		nearest.Hint(name, names))
}

// number is the paper's.
func (item *paperItem) number() string { return item.name[strings.LastIndex(item.name, " ")+1:] }

func (item *paperItem) file() string { return strings.ReplaceAll(item.name, " ", "-") }

// paperSection has the paper's tables and figures as far as the study has what they need.
func (s *study) paperSection() Section {
	x := Section{ID: "paper", Title: "The paper's tables and figures", Facts: []string{
		"Under the numbers that the paper has for them; what is numbered with an S is not the paper's.",
		"Accuracies and off-target rates are in percent, changes of accuracy in points, ΔR and MTI are ratios."}}
	if note := s.intervalNote(); note != "" {
		x.Facts = append(x.Facts, note, "± is a standard error.")
	}
	for i := range paperItems {
		item := &paperItems[i]
		m := item.make(s, item.name)
		title := strings.ToUpper(item.name[:1]) + item.name[1:]
		switch {
		case m.missing != "":
			x.Points = append(x.Points, fmt.Sprintf("%s is not made: %s.", title, m.missing))
		case m.figure.canvas != nil:
			m.figure.Name, m.figure.Number = item.file(), item.number()
			x.Figures = append(x.Figures, m.figure)
		default:
			m.table.Name, m.table.Number = item.file(), item.number()
			x.Tables = append(x.Tables, m.table)
		}
	}
	return x
}

// named returns the name of a figure to be drawn: its own, or the one asked for.
func (s *study) named(own string) string {
	if s.drawn != "" {
		return s.drawn
	}
	return own
}

// with is the study with some of its pairs, for a figure of the paper.
func (s *study) with(pairs []*pair, item string) *study {
	some := *s
	some.pairs, some.drawn = pairs, strings.ReplaceAll(item, " ", "-")
	return &some
}

// making returns the comparisons that make an item.
func (s *study) making(item string) []PlanComparison {
	var all []PlanComparison
	for _, c := range s.comparisons {
		if slices.ContainsFunc(c.Makes, func(m string) bool { name, _ := PaperItem(m); return name == item }) {
			all = append(all, c)
		}
	}
	return all
}

// in tells whether a comparison is of a run, or of the arm whose run it is.
func (c *PlanComparison) in(run, of string) bool {
	return slices.Contains(c.Runs, run) || of != "" && slices.Contains(c.Runs, of)
}

// pairsOf are the pairs of a comparison, in its order.
func (s *study) pairsOf(c *PlanComparison) []*pair {
	var all []*pair
	for _, name := range c.Runs {
		for _, p := range s.pairs {
			one := slices.ContainsFunc(p.seeds, func(q *pair) bool { return q.run == name })
			if (one || p.run == name || p.of == name) && !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all
}

// chosen are the pairs of the comparisons that make an item, or others where none does.
func (s *study) chosen(item string, otherwise func() []*pair) []*pair {
	making := s.making(item)
	if len(making) == 0 {
		return otherwise()
	}
	var all []*pair
	for i := range making {
		for _, p := range s.pairsOf(&making[i]) {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all
}

// transferring tells whether there are languages that a pair was not trained on, to transfer to.
func (p *pair) transferring() bool { return len(p.languages) > 0 && len(p.unseen()) > 0 }

// observed are the pairs of models that somebody trained, and that are on no curve, or, where there are
// none, the study's own arms if some were trained by SFT and some by RL.
func (s *study) observed() []*pair {
	var models, arms []*pair
	methods := map[string]bool{}
	for _, p := range s.pairs {
		switch {
		case !p.transferring():
		case p.of == "" && (p.arm == "" || p.arm == "none"):
			models = append(models, p)
		case p.of == "":
		default:
			arms, methods[p.method] = append(arms, p), true
		}
	}
	if len(models) > 0 || len(methods) < 2 {
		return models
	}
	return arms
}

const nothingObserved = "it is of trained models beside their bases, and the study has neither models with a " +
	"base nor arms of two methods"

// intervened are arms that differ in the model that they start from: those with the fewest training
// languages of one method, RL where there is one, if they have several bases.
func (s *study) intervened() []*pair {
	var arms []*pair
	method := ""
	for _, p := range s.pairs {
		if p.of == "" || !p.transferring() {
			continue
		}
		if len(arms) == 0 || p.method == "RL" {
			method = p.method
		}
		arms = append(arms, p)
	}
	arms = slices.DeleteFunc(arms, func(p *pair) bool { return p.method != method })
	fewest := math.MaxInt
	for _, p := range arms {
		fewest = min(fewest, len(p.languages))
	}
	arms = slices.DeleteFunc(arms, func(p *pair) bool { return len(p.languages) > fewest })
	if len(basesOf(arms)) < 2 {
		return nil
	}
	return arms
}

const nothingIntervened = "it is of arms that start from different models, and there are none"

// curves are the arms, as curves, of the comparisons that make an item, or all.
func (s *study) curves(item string) []*arm {
	pairs := s.chosen(item, func() []*pair { return s.pairs })
	return slices.DeleteFunc(slices.Clone(s.arms), func(a *arm) bool {
		return !slices.ContainsFunc(a.pairs, func(p *pair) bool { return slices.Contains(pairs, p) })
	})
}

const noCurve = "it is of arms that differ in the number of languages that they were trained on, and there is " +
	"no such curve"
