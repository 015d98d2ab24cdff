package report

import (
	"fmt"
	"math"
	"slices"
)

// dotRow is a line of a dot plot: values side by side on one axis.
type dotRow struct {
	label  string
	values []value // by series
}

// dotPlot draws a line for each row with a marker for each series; whiskers are
// intervals. A dotted line marks a reference.
func dotPlot(name string, width float64, axisTitle string, groups []string, rows map[string][]dotRow,
	series []string, reference float64) *canvas {
	const titleHeight, top, bottom = 24.0, 26.0, 46.0
	rowHeight := 22 + dotGap*float64(len(series)-1)
	left, labelHeight := dotLabels(width, groups, rows)
	low, high := min(0, reference), reference
	n := 0
	for _, g := range groups {
		n += len(rows[g])
		for _, r := range rows[g] {
			for _, v := range r.values {
				if !v.ok {
					continue
				}
				low, high = min(low, v.x), max(high, v.x)
				// Intervals of ratios can be of any width: they may leave the frame.
				if v.ci != nil {
					reach := 1.5 * math.Max(1, math.Abs(v.x))
					low, high = min(low, max(v.ci[0], v.x-reach)), max(high, min(v.ci[1], v.x+reach))
				}
			}
		}
	}
	c := &canvas{name: name, width: width, height: top + float64(len(groups))*titleHeight +
		float64(n)*(rowHeight+labelHeight) + bottom}
	ax := newAxis(low, high, left, width-24, min(8, int(width/60)))
	end := c.height - bottom
	for _, t := range ax.ticks {
		c.line(ax.at(t), top, ax.at(t), end, "grid")
		c.text(ax.at(t), end+16, "middle", "small", "", ax.label(t))
	}
	c.line(ax.at(reference), top, ax.at(reference), end, "reference")
	c.text((left+width-24)/2, end+36, "middle", "", "", axisTitle)
	x := width - marginRight
	for k := len(series) - 1; k >= 0 && len(series) > 1; k-- {
		x -= textWidth(series[k])
		c.text(x, 14, "start", "", "", series[k])
		x -= 10
		c.marker(x, 10, dotShape(k), "")
		x -= 18
	}
	y := top
	for _, g := range groups {
		c.text(4, y+17, "start", "head", "", cut(g, 0.9*width))
		y += titleHeight
		for _, r := range rows[g] {
			y = dotLabel(c, y, left, labelHeight, rowHeight, r.label)
			dotLine(c, ax, y+rowHeight/2, r, series)
			y += rowHeight
		}
	}
	return c
}

// dotLabels returns the room for labels at the left, or on a narrow page the height of the line above a row that
// they have there.
func dotLabels(width float64, groups []string, rows map[string][]dotRow) (left, height float64) {
	if width < figureWidth/2 {
		return 12, 16
	}
	left = 80
	for _, g := range groups {
		if g != "" {
			left = max(left, 1.1*textWidth(g)+14) // it is bold
		}
		for _, r := range rows[g] {
			left = max(left, textWidth(r.label)+18)
		}
	}
	return min(left, 320), 0
}

// dotLabel writes a row's label and returns where the row itself begins.
func dotLabel(c *canvas, y, left, labelHeight, rowHeight float64, label string) float64 {
	if labelHeight > 0 {
		c.text(4, y+13, "start", "", "", cut(label, c.width-8))
	} else {
		c.text(left-10, y+rowHeight/2+4, "end", "", "", cut(label, left-16))
	}
	return y + labelHeight
}

// dotGap is between the lines of a row's series, so that their whiskers can be told apart.
const dotGap = 9.0

// dotShape: the first series is full, so that it stands out.
func dotShape(k int) int { return []int{1, 0, 2, 4, 3}[k%5] }

func dotLine(c *canvas, ax axis, y float64, r dotRow, series []string) {
	if len(r.values) == 0 || !slices.ContainsFunc(r.values, func(v value) bool { return v.ok }) {
		c.text(ax.at(ax.low)+6, y+4, "start", "small", "", none)
		return
	}
	for k := len(r.values) - 1; k >= 0; k-- {
		if v := r.values[k]; v.ok {
			y := y + dotGap*(float64(k)-float64(len(series)-1)/2)
			if v.ci != nil {
				whisker(c, ax, y, v)
			}
			c.marker(ax.at(v.x), y, dotShape(k), fmt.Sprintf("%s, %s: %s", r.label, series[k], v.text(2, 1)))
		}
	}
}

// whisker draws an interval; where it leaves the frame it ends in an arrow.
func whisker(c *canvas, ax axis, y float64, v value) {
	low, high := max(v.ci[0], ax.low), min(v.ci[1], ax.high)
	c.line(ax.at(low), y, ax.at(high), y, "error")
	for _, e := range []struct {
		at   float64
		cut  bool
		sign float64
	}{{low, low > v.ci[0], 1}, {high, high < v.ci[1], -1}} {
		x := ax.at(e.at)
		if e.cut {
			c.path([]point{{x + 5*e.sign, y - 4}, {x, y}, {x + 5*e.sign, y + 4}}, false, "bracket", "")
		} else {
			c.line(x, y-4, x, y+4, "error")
		}
	}
}

// transferFigure draws MTI by model, if any has one that is defined.
func (s *study) transferFigure() (Figure, bool) {
	series := []string{"all benchmarks"}
	in := s.inDistribution()
	if len(in) > 0 {
		series = append(series, "ID", "OOD")
	}
	rows := map[string][]dotRow{}
	var groups []string
	any := false
	for _, m := range s.methods() {
		groups = append(groups, orOther(m))
		for _, p := range s.pairs {
			if p.method != m {
				continue
			}
			any = any || p.mean.ok || len(in) > 0 && (p.id.ok || p.ood.ok)
			r := dotRow{label: p.name(), values: []value{p.mean}}
			if len(in) > 0 {
				r.values = append(r.values, p.id, p.ood)
			}
			rows[orOther(m)] = append(rows[orOther(m)], r)
		}
	}
	caption := "Multilingual transferability index (MTI) by model, mean over benchmarks. Dotted: as much " +
		"gained in the languages not trained on as in those trained on."
	if s.resampled {
		caption += " Whiskers: 95 % intervals of a bootstrap over " + s.over() + "; an arrow where one goes on " +
			"outside the frame."
	}
	name := s.named("transfer-by-model")
	return Figure{Name: name, Title: "Transfer by model", Caption: caption}.drawn(
		func(name string, width float64) *canvas { return dotPlot(name, width, "MTI", groups, rows, series, 1) }), any
}

// transferByLanguage draws MTI of each language that has one, mean over the models of a method.
func (s *study) transferByLanguage() (Figure, bool) {
	name := s.named("transfer-by-language")
	languages := slices.DeleteFunc(slices.Clone(s.pairLanguages()), func(l string) bool {
		return !slices.ContainsFunc(s.pairs, func(p *pair) bool { return p.mtiOfLanguage[l].ok })
	})
	methods := s.methods()
	if len(methods) > styles {
		return Figure{}, false
	}
	one := 1.0
	panel := barPanel{title: "MTI by language not trained on", axis: "MTI", height: 200, reference: &one}
	f := barFigure{name: name, languages: languages, known: s.known}
	any := false
	for k, m := range methods {
		var values []value
		for _, l := range languages {
			var over []value
			for _, p := range s.pairs {
				if p.method == m {
					over = append(over, p.mtiOfLanguage[l])
				}
			}
			v := meanOf(over)
			any = any || v.ok
			values = append(values, v)
		}
		panel.values = append(panel.values, values)
		f.series = append(f.series, orOther(m))
		f.paints = append(f.paints, lineLooks[k%styles])
	}
	f.panels = []barPanel{panel}
	return Figure{Name: name, Title: "Transfer by language",
		Caption: "Multilingual transferability index (MTI) by language, mean over models and benchmarks; " +
			"a model counts for the languages that it was not trained on. Dotted: as much as in the " +
			"languages trained on."}.drawn(f.draw), any
}
