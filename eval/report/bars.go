package report

import (
	"fmt"
	"math"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/metric"
)

const marginRight = 10.0

// marginLeft is the room for the vertical axis.
func marginLeft(width float64) float64 {
	if width < figureWidth/2 {
		return 52
	}
	return 64
}

// value is a number that may be missing, with its standard error or its 95 %
// interval where known.
type value struct {
	x  float64
	se *float64
	ok bool
	ci *metric.Interval
}

// barPanel is a row of grouped bars: one group a language, one bar a series.
type barPanel struct {
	title     string
	axis      string // what the vertical axis counts
	height    float64
	percent   bool      // values are fractions, shown in percent
	numbers   bool      // are written beside the bars
	unseen    bool      // has no values for the languages trained on
	values    [][]value // by series and group
	reference *float64  // a dotted line across
	// points are marked beside the bar of the only series: by name and group.
	points     [][]value
	pointNames []string
}

// barFigure is one or more panels above the same languages.
type barFigure struct {
	name      string
	series    []string
	paints    []int // the look of each series
	models    []int // of each group, where these are models
	languages []string
	groups    string // what the groups are, where they are no languages
	trained   map[string]bool
	known     knownLanguages
	panels    []barPanel
}

// draw lays the panels out one under the other. Groups that would not have the room for their names side by side
// go on in another row of the panel.
func (f *barFigure) draw(name string, width float64) *canvas {
	const gap = 14.0
	c := &canvas{name: name, width: width}
	y := f.legend(c)
	rows := f.rows(width)
	for i := range f.panels {
		p := &f.panels[i]
		y = f.title(c, p, y)
		for k, groups := range rows {
			f.panel(c, p, y, groups, len(rows[0]))
			c.vertical(14, y+p.height/2, "small", p.axis)
			y += p.height
			if len(rows) > 1 || i == len(f.panels)-1 {
				y = f.names(c, y, groups, len(rows[0]))
			}
			if k == len(rows)-1 {
				y += gap
			}
		}
	}
	for _, line := range wrapped(f.groups, width-marginLeft(width), 12, false) {
		c.text((marginLeft(width)+width-marginRight)/2, y+4, "middle", "", "", line)
		y += 18
	}
	c.height = y + 4
	return c
}

// rows divides the groups among rows: each group has room for its name and its bars.
func (f *barFigure) rows(width float64) [][]int {
	bars := 1
	for i := range f.panels {
		bars = max(bars, len(f.panels[i].values))
	}
	need := float64(bars)*8 + 6
	for _, l := range f.languages {
		need = max(need, widthAt(f.known.native(l), 12, f.trained[l])+8)
		if f.trained[l] {
			need = max(need, textWidth("trained on"))
		}
	}
	var all [][]int
	for _, block := range evenly(len(f.languages), int((width-marginLeft(width)-marginRight)/need)) {
		var groups []int
		for g := block[0]; g < block[1]; g++ {
			groups = append(groups, g)
		}
		all = append(all, groups)
	}
	return all
}

// names writes what the groups of a row are, and returns where it ends.
func (f *barFigure) names(c *canvas, y float64, groups []int, most int) float64 {
	trained := 0.0
	for i, g := range groups {
		l := f.languages[g]
		x := marginLeft(c.width) + (float64(i)+0.5)*f.step(c, most)
		class := ""
		if f.trained[l] {
			class, trained = "strong", 16
			c.text(x, y+31, "middle", "small", "", "trained on")
		}
		c.language(x, y+16, class, f.known.code(l), l, f.known)
	}
	return y + 28 + trained
}

const legendHeight = 20.0

// step is the room of a group where the longest row has most.
func (f *barFigure) step(c *canvas, most int) float64 {
	return (c.width - marginLeft(c.width) - marginRight) / float64(max(1, most))
}

// legend names the series, and returns where it ends.
func (f *barFigure) legend(c *canvas) (y float64) {
	const gap = 38.0
	if len(f.series) < 2 {
		return 0
	}
	left := marginLeft(c.width)
	x := c.width
	for s, name := range f.series {
		name = cut(name, c.width-left-19)
		if x+19+textWidth(name) > c.width {
			x = left
			y += legendHeight
		}
		c.rect(x, y-5, 14, 11, f.paints[s], fmt.Sprintf("bar b%d", paintOf(f.paints[s])), "")
		c.text(x+19, y+5, "start", "", "", name)
		x += textWidth(name) + gap
	}
	return y + 10
}

// title writes what a panel is, with the names of its marks behind it or below, and returns where it ends.
func (f *barFigure) title(c *canvas, p *barPanel, y float64) float64 {
	last := 0.0
	for _, line := range wrapped(p.title, c.width-8, 13, true) {
		y += 16
		c.text(4, y, "start", "head", "", line)
		last = widthAt(line, 13, true)
	}
	if len(p.pointNames) < 2 {
		return y + 10
	}
	whole := 0.0
	for _, name := range p.pointNames {
		whole += textWidth(name) + 28
	}
	x := c.width - marginRight - whole + 18
	if last+30 > x {
		x, y = marginLeft(c.width), y+18
	}
	for s, name := range p.pointNames {
		if x+textWidth(name) > c.width && s > 0 {
			x, y = marginLeft(c.width), y+18
		}
		c.marker(x, y-4, s, "")
		c.text(x+10, y, "start", "", "", name)
		x += textWidth(name) + 28
	}
	return y + 10
}

// panel draws the bars of some groups, below each other's rows on the same axis.
func (f *barFigure) panel(c *canvas, p *barPanel, top float64, groups []int, most int) {
	left, right := marginLeft(c.width), c.width-marginRight
	scale := 1.0
	if p.percent {
		scale = 100
	}
	low, high := 0.0, 0.0
	see := func(v value) {
		if !v.ok {
			return
		}
		low, high = min(low, scale*v.x), max(high, scale*v.x)
		if from, to, ok := v.bounds(); ok {
			// Intervals of ratios can be of any width: they may leave the frame.
			reach := 1.5 * max(1, math.Abs(v.x))
			low, high = min(low, scale*max(from, v.x-reach)), max(high, scale*min(to, v.x+reach))
		}
		if p.percent {
			low, high = max(0, low), min(100, high)
		}
	}
	for _, all := range [][][]value{p.values, p.points} {
		for _, values := range all {
			for _, v := range values {
				see(v)
			}
		}
	}
	if p.reference != nil {
		high = max(high, *p.reference*1.05)
	}
	least := 1e-3
	if p.percent {
		least = 5 // a frame for bars that are all 0
	}
	ay := newAxis(low, max(high, low+least), top+p.height, top, int(p.height/36))
	if p.percent && ay.high > 100 && high <= 100 {
		ay = newAxis(0, 100, top+p.height, top, int(p.height/36))
	}
	for _, t := range ay.ticks {
		c.line(left, ay.at(t), right, ay.at(t), "grid")
		c.text(left-6, ay.at(t)+4, "end", "small", "", ay.label(t))
	}
	step := f.step(c, most)
	width := min(0.76*step/float64(len(p.values)), 36)
	for i, g := range groups {
		l := f.languages[g]
		centre := left + (float64(i)+0.5)*step
		x := centre - width*float64(len(p.values))/2
		if p.unseen && f.trained[l] {
			continue
		}
		for s, values := range p.values {
			f.bar(c, p, ay, values[g], f.paint(s, g), x+1, width-2, scale, f.tip(s, l))
			x += width
		}
		for k, values := range p.points {
			if v := values[g]; v.ok && len(p.points) > 1 {
				offset := (float64(k) - float64(len(p.points)-1)/2) * min(11, step/float64(len(p.points)+1))
				c.marker(centre+offset, ay.at(scale*v.x), k, fmt.Sprintf("%s, %s: %s", p.pointNames[k],
					f.known.called(l), fixed(v.x, 3)))
			}
		}
	}
	c.line(left, ay.at(0), right, ay.at(0), "axis")
	if p.reference != nil {
		c.line(left, ay.at(*p.reference), right, ay.at(*p.reference), "reference")
	}
}

// paint is that of a bar of a series in a group.
func (f *barFigure) paint(s, g int) int {
	if f.models != nil {
		return f.models[g]
	}
	return f.paints[s]
}

func (f *barFigure) tip(s int, language string) string {
	if f.series[s] == "" {
		return f.known.called(language)
	}
	return f.known.called(language) + ", " + f.series[s]
}

func (f *barFigure) bar(c *canvas, p *barPanel, ay axis, v value, paint int, x, width, scale float64,
	tip string) {
	if !v.ok {
		c.text(x+width/2, ay.at(0)-4, "middle", "small", "", "–")
		return
	}
	number := v.text(2, 1)
	if p.percent {
		number = hundred(v.x, v.se, (*eval.Interval)(v.ci)) + " %"
	}
	y0, y := ay.at(0), ay.at(scale*v.x)
	c.rect(x, min(y0, y), width, math.Abs(y-y0), paint, fmt.Sprintf("bar b%d", paintOf(paint)), tip+": "+number)
	lower, upper, ok := v.bounds()
	if v.x == 0 && p.percent && !(ok && upper > 0) {
		c.text(x+width/2, y-4, "middle", "small", "", "0") // a bar of no height can be missed
	}
	if p.numbers {
		at := scale * v.x
		if ok {
			at = min(ay.high, max(at, scale*upper))
		}
		c.text(x+width/2+8, ay.at(at)+4, "start", "", "", fixed(scale*v.x, 2))
	}
	if !ok || upper == lower {
		return
	}
	lower, upper = scale*lower, scale*upper
	if p.percent {
		lower, upper = max(0, lower), min(100, upper)
	}
	middle := x + width/2
	top, bottom := min(upper, ay.high), max(lower, ay.low)
	c.line(middle, ay.at(bottom), middle, ay.at(top), "halo")
	c.line(middle, ay.at(bottom), middle, ay.at(top), "error")
	whiskerEnd(c, middle, ay.at(top), top < upper, 1)
	whiskerEnd(c, middle, ay.at(bottom), bottom > lower, -1)
}

// whiskerEnd closes a whisker, with an arrow where it goes on outside the frame;
// direction is 1 at its upper end.
func whiskerEnd(c *canvas, x, y float64, cut bool, direction float64) {
	if cut {
		c.path([]point{{x - 4, y + 5*direction}, {x, y}, {x + 4, y + 5*direction}}, false, "bracket", "")
	} else {
		c.line(x-3, y, x+3, y, "error")
	}
}

// bounds returns a value's interval, or a standard error to each side.
func (v value) bounds() (low, high float64, ok bool) {
	switch {
	case v.ci != nil:
		return v.ci[0], v.ci[1], true
	case v.se != nil:
		return v.x - *v.se, v.x + *v.se, true
	}
	return 0, 0, false
}
