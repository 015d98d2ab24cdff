package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// paperLaw is Figure 1: transfer by the number of training languages, with the law, the leap and the gap.
func (s *study) paperLaw(item string) made {
	return s.lawFigure(item, "Transfer by the number of training languages",
		scalingPanel{"Transfer", func(p *pair) value { return p.mean }, func(a *arm) *law { return &a.mti }, 1, "MTI"})
}

// paperAccuracyLaw is Figure 7: the same of accuracy.
func (s *study) paperAccuracyLaw(item string) made {
	return s.lawFigure(item, "Accuracy by the number of training languages",
		scalingPanel{"Accuracy, mean over languages", func(p *pair) value { return p.accuracy },
			func(a *arm) *law { return &a.accuracy }, 100, "accuracy, %"})
}

func (s *study) lawFigure(item, title string, panel scalingPanel) made {
	arms := s.curves(item)
	if len(arms) == 0 {
		return made{missing: noCurve}
	}
	all := len(arms)
	arms = arms[:min(all, styles)]
	fitted := false
	for _, a := range arms {
		fitted = fitted || panel.law(a).ok
	}
	caption := title
	if fitted {
		caption += ", with the power law fitted to two languages and more. Dashed on to one language: what the law " +
			"expects there; the bracket beside it is the Monolingual Generalization Gap, the one between one and " +
			"two languages the First-Parallel Leap."
	} else {
		caption += fmt.Sprintf(". A law is fitted to %d numbers of languages from two on, and there are fewer.",
			leastPoints)
	}
	return made{figure: Figure{Name: strings.ReplaceAll(item, " ", "-"), Title: title,
		Caption: caption + onlySome(len(arms), all, "curves") + s.whiskers()}.drawn(
		func(name string, width float64) *canvas { return drawScaling(name, width, arms, panel) })}
}

// onlySome says that a figure has not all; "" where it has.
func onlySome(drawn, all int, what string) string {
	if drawn == all {
		return ""
	}
	return fmt.Sprintf(" Of %d %s these are the first %d; tables have all.", all, what, drawn)
}

// whiskers says what they are.
func (s *study) whiskers() string {
	if !s.resampled {
		return ""
	}
	return " Whiskers: 95 % intervals of a bootstrap over " + s.over() + "."
}

// paperByModel is Figure 2: transfer by model, SFT against RL.
func (s *study) paperByModel(item string) made {
	pairs := s.chosen(item, s.observed)
	if len(pairs) == 0 {
		return made{missing: nothingObserved}
	}
	f, _ := s.with(pairs, item).transferFigure() // it is the paper's, and says None where that is so
	return made{figure: f}
}

// paperByLanguage is Figure 3: transfer by language, SFT against RL.
func (s *study) paperByLanguage(item string) made {
	pairs := s.chosen(item, s.observed)
	if len(pairs) == 0 {
		return made{missing: nothingObserved}
	}
	f, ok := s.with(pairs, item).transferByLanguage()
	if !ok {
		return made{missing: "no language has a defined MTI"}
	}
	return made{figure: f}
}

// paperFactors is Figure 4: transfer by what an arm starts from, a group for each factor.
func (s *study) paperFactors(item string) made {
	var groups []string
	rows := map[string][]dotRow{}
	add := func(title string, pairs []*pair) {
		for _, p := range pairs {
			if !slices.Contains(groups, title) {
				groups = append(groups, title)
			}
			rows[title] = append(rows[title], dotRow{p.name(), []value{p.mean, p.gain}})
		}
	}
	making := s.making(item)
	for i := range making {
		add(making[i].called(), s.pairsOf(&making[i]))
	}
	if len(making) == 0 {
		add("Initial model", s.intervened())
	}
	if len(groups) == 0 {
		return made{missing: nothingIntervened}
	}
	one, zero := 1.0, 0.0
	return made{figure: Figure{Name: strings.ReplaceAll(item, " ", "-"), Title: "Transfer by initial model",
		Caption: "Transfer by the model that training starts from: MTI, and the gain in languages that were not " +
			"trained on, mean over benchmarks. Dotted: as much as in the languages trained on, and no gain." +
			s.whiskers()}.drawn(func(name string, width float64) *canvas {
		return dotPanels(name, width, groups, rows,
			[]dotPanel{{"MTI", 1, &one}, {"gain elsewhere, points", 100, &zero}})
	})}
}

// called is a comparison's title, or its name.
func (c *PlanComparison) called() string {
	if c.Title != "" {
		return c.Title
	}
	return c.Name
}

// paperUnparallel is Figure 5: parallel data against data in the same languages that are none.
func (s *study) paperUnparallel(item string) made {
	pairs := s.chosen(item, func() []*pair {
		for _, p := range s.pairs {
			if len(p.languages) < 2 || p.of == "" {
				continue
			}
			var same []*pair
			for _, q := range s.pairs {
				if q.of != "" && q.base == p.base && q.method == p.method && slices.Equal(q.languages, p.languages) {
					same = append(same, q)
				}
			}
			if len(same) > 1 {
				return same
			}
		}
		return nil
	})
	if len(pairs) == 0 {
		return made{missing: "it is of arms with the same languages whose data are translations and are not, and no " +
			"comparison names such"}
	}
	return made{figure: s.armsFigure(item, "Parallel against unparallel data",
		"Transfer and accuracy after training on translations of the same problems, and on problems that are none.",
		pairs, func(p *pair) string { return p.name() })}
}

// paperChoice is Figure 6: which one language is added.
func (s *study) paperChoice(item string) made {
	pairs := s.chosen(item, func() []*pair {
		groups := s.secondLanguages()
		if len(groups) == 0 {
			return nil
		}
		return groups[0].pairs
	})
	if len(pairs) == 0 {
		return made{missing: "it is of arms with one parallel language that differ in which it is, and there are " +
			"not two"}
	}
	return made{figure: s.armsFigure(item, "Choice of the one parallel language",
		"Transfer and accuracy by the one language that was added.", pairs, func(p *pair) string {
			var names []string
			for _, l := range p.languages {
				names = append(names, s.known.called(l))
			}
			return strings.Join(names, " + ")
		})}
}

// armsFigure draws MTI and accuracy of some pairs, a line each.
func (s *study) armsFigure(item, title, caption string, pairs []*pair, label func(*pair) string) Figure {
	const all = ""
	rows := map[string][]dotRow{}
	for _, p := range pairs {
		rows[all] = append(rows[all], dotRow{label(p), []value{p.mean, p.accuracy}})
	}
	one := 1.0
	return Figure{Name: strings.ReplaceAll(item, " ", "-"), Title: title,
		Caption: caption + " Dotted: as much gained in the languages not trained on as in those trained on." +
			s.whiskers()}.drawn(func(name string, width float64) *canvas {
		return dotPanels(name, width, []string{all}, rows,
			[]dotPanel{{"MTI", 1, &one}, {"accuracy, %, mean over languages", 100, nil}})
	})
}

// heat is a heat map of some pairs by what tells them apart: of the mean over benchmarks, or of the only
// one.
func (s *study) heat(item, by string, pairs []*pair, missing string) made {
	if len(pairs) == 0 {
		return made{missing: missing}
	}
	maps := s.with(pairs, item).heatmaps()
	if len(maps) == 0 {
		return made{missing: "no ΔR is defined: nothing was right before training"}
	}
	f := maps[0]
	f.Title = strings.Replace(f.Title, "by model", "by "+by, 1)
	f.Caption = strings.Replace(f.Caption, "by model", "by "+by, 1)
	return made{figure: f}
}

// paperHeatmap is Figure 8: ΔR by trained model and language.
func (s *study) paperHeatmap(item string) made {
	return s.heat(item, "trained model", s.chosen(item, s.observed), nothingObserved)
}

// paperHeatmapFactors is Figure 9: ΔR by initial model and language.
func (s *study) paperHeatmapFactors(item string) made {
	return s.heat(item, "initial model", s.chosen(item, s.intervened), nothingIntervened)
}

// paperHeatmapParallel is Figure 10: ΔR by number of parallel languages and language.
func (s *study) paperHeatmapParallel(item string) made {
	var pairs []*pair
	for _, a := range s.curves(item) {
		pairs = append(pairs, a.pairs...)
	}
	return s.heat(item, "number of parallel languages", pairs, noCurve)
}

// dotPanel is one of several quantities of the same rows.
type dotPanel struct {
	title     string
	scale     float64
	reference *float64 // dotted
}

// dotPanels draws a line for each row, and beside each other a panel for each of its values; on a narrow page below
// each other.
func dotPanels(name string, width float64, groups []string, rows map[string][]dotRow, panels []dotPanel) *canvas {
	c := &canvas{name: name, width: width}
	left, labelHeight := dotLabels(width, groups, rows)
	if labelHeight > 0 {
		for k := range panels {
			dotPanelsAt(c, left, labelHeight, groups, rows, panels, k, k+1)
			c.height += 16
		}
		return c
	}
	dotPanelsAt(c, left, 0, groups, rows, panels, 0, len(panels))
	return c
}

// dotPanelsAt draws some of the panels beside each other, below what is there.
func dotPanelsAt(c *canvas, left, labelHeight float64, groups []string, rows map[string][]dotRow, panels []dotPanel,
	from, to int) {
	const rowHeight, titleHeight, bottom, gap = 24.0, 24.0, 46.0, 48.0
	top := c.height + 12
	n, headings := 0, 0
	for _, g := range groups {
		n += len(rows[g])
		if g != "" {
			headings++
		}
	}
	c.height = top + float64(headings)*titleHeight + float64(n)*(rowHeight+labelHeight) + bottom
	end := c.height - bottom
	width := (c.width - left - 16 - gap*float64(to-from-1)) / float64(to-from)
	axes := make([]axis, len(panels))
	for k := from; k < to; k++ {
		p := panels[k]
		low, high := math.Inf(1), math.Inf(-1)
		if p.reference != nil {
			low, high = *p.reference*p.scale, *p.reference*p.scale
		}
		for _, g := range groups {
			for _, r := range rows[g] {
				v := r.values[k]
				if !v.ok {
					continue
				}
				low, high = min(low, p.scale*v.x), max(high, p.scale*v.x)
				if v.ci != nil { // of ratios of any width: it may leave the frame
					reach := 1.5 * max(1, math.Abs(v.x))
					low, high = min(low, p.scale*max(v.ci[0], v.x-reach)), max(high, p.scale*min(v.ci[1], v.x+reach))
				}
			}
		}
		if math.IsInf(low, 0) {
			low, high = 0, 1
		}
		x := left + float64(k-from)*(width+gap)
		axes[k] = newAxis(low, max(high, low+1e-3), x, x+width, 5)
		for _, t := range axes[k].ticks {
			c.line(axes[k].at(t), top, axes[k].at(t), end, "grid")
			c.text(axes[k].at(t), end+16, "middle", "small", "", axes[k].label(t))
		}
		if p.reference != nil {
			at := axes[k].at(*p.reference * p.scale)
			c.line(at, top, at, end, "reference")
		}
		c.text(x+width/2, end+36, "middle", "", "", p.title)
	}
	y := top
	for _, g := range groups {
		if g != "" {
			c.text(4, y+17, "start", "head", "", cut(g, 0.9*c.width))
			y += titleHeight
		}
		for _, r := range rows[g] {
			y = dotLabel(c, y, left, labelHeight, rowHeight, r.label)
			for k := from; k < to; k++ {
				dotAt(c, axes[k], y+rowHeight/2, r.values[k].scaled(panels[k].scale), r.label)
			}
			y += rowHeight
		}
	}
}

// scaled is a value in another unit.
func (v value) scaled(by float64) value {
	v.x *= by
	if v.ci != nil {
		ci := *v.ci
		ci[0], ci[1] = by*ci[0], by*ci[1]
		v.ci = &ci
	}
	return v
}

func dotAt(c *canvas, ax axis, y float64, v value, label string) {
	if !v.ok {
		c.text(ax.at(ax.low)+6, y+4, "start", "small", "", none)
		return
	}
	if v.ci != nil {
		whisker(c, ax, y, v)
	}
	c.marker(ax.at(v.x), y, 1, label+": "+v.text(2, 1))
}
