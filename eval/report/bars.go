package report

import (
	"fmt"
	"math"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/metric"
)

// Sizes of a figure, in pixels.
const (
	figureWidth = 960.0
	marginLeft  = 64.0
	marginRight = 10.0
)

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
	paints    []int // paint of each series
	languages []string
	groups    string // what the groups are, where they are no languages
	trained   map[string]bool
	known     knownLanguages
	panels    []barPanel
}

// draw lays the panels out one under the other.
func (f *barFigure) draw() *canvas {
	const titleSpace, gap, labelSpace = 26.0, 14.0, 48.0
	rows := f.legendRows()
	c := &canvas{name: f.name, width: figureWidth, height: labelSpace + legendHeight*float64(len(rows))}
	for i := range f.panels {
		c.height += titleSpace + f.panels[i].height + gap
	}
	y := 0.0
	for _, row := range rows {
		f.legend(c, row, y+15)
		y += legendHeight
	}
	for i := range f.panels {
		p := &f.panels[i]
		c.text(4, y+16, "start", "head", "", p.title)
		if len(p.pointNames) > 1 {
			f.pointLegend(c, p, y+16)
		}
		f.panel(c, p, y+titleSpace)
		c.vertical(14, y+titleSpace+p.height/2, "small", p.axis)
		y += titleSpace + p.height + gap
	}
	step := f.step()
	for g, l := range f.languages {
		x := marginLeft + (float64(g)+0.5)*step
		class := ""
		if f.trained[l] {
			class = "strong"
			c.text(x, y+31, "middle", "small", "", "trained on")
		}
		c.language(x, y+14, class, f.known.code(l), l, f.known)
	}
	if f.groups != "" {
		c.text((marginLeft+figureWidth-marginRight)/2, y+36, "middle", "", "", f.groups)
	}
	return c
}

const legendHeight = 20.0

// legendRows breaks the legend into lines of series.
func (f *barFigure) legendRows() [][]int {
	if len(f.series) < 2 {
		return nil
	}
	var rows [][]int
	left := 0.0
	for s, name := range f.series {
		w := textWidth(name) + legendGap
		if len(rows) == 0 || left < w {
			rows, left = append(rows, nil), figureWidth-marginLeft-marginRight
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], s)
		left -= w
	}
	return rows
}

const legendGap = 38.0

func (f *barFigure) step() float64 {
	return (figureWidth - marginLeft - marginRight) / float64(len(f.languages))
}

// legend names a line of series.
func (f *barFigure) legend(c *canvas, row []int, y float64) {
	x := marginLeft
	for _, s := range row {
		c.rect(x, y-10, 14, 11, f.paints[s], fmt.Sprintf("bar b%d", f.paints[s]), "")
		c.text(x+19, y, "start", "", "", f.series[s])
		x += textWidth(f.series[s]) + legendGap
	}
}

func (f *barFigure) pointLegend(c *canvas, p *barPanel, y float64) {
	x := figureWidth - marginRight
	for s := len(p.pointNames) - 1; s >= 0; s-- {
		x -= textWidth(p.pointNames[s])
		c.text(x, y, "start", "", "", p.pointNames[s])
		x -= 10
		c.marker(x, y-4, s, "")
		x -= 18
	}
}

func (f *barFigure) panel(c *canvas, p *barPanel, top float64) {
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
		c.line(marginLeft, ay.at(t), figureWidth-marginRight, ay.at(t), "grid")
		c.text(marginLeft-6, ay.at(t)+4, "end", "small", "", ay.label(t))
	}
	step := f.step()
	width := min(0.76*step/float64(len(p.values)), 36)
	for g, l := range f.languages {
		centre := marginLeft + (float64(g)+0.5)*step
		x := centre - width*float64(len(p.values))/2
		if p.unseen && f.trained[l] {
			continue
		}
		for s, values := range p.values {
			f.bar(c, p, ay, values[g], f.paint(p, s, l), x+1, width-2, scale, f.tip(s, l))
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
	c.line(marginLeft, ay.at(0), figureWidth-marginRight, ay.at(0), "axis")
	if p.reference != nil {
		c.line(marginLeft, ay.at(*p.reference), figureWidth-marginRight, ay.at(*p.reference), "reference")
	}
}

// paint of a bar: with a single series, languages trained on are full and others
// hatched.
func (f *barFigure) paint(p *barPanel, s int, language string) int {
	if len(p.values) == 1 && len(f.trained) > 0 && len(f.series) == 1 && !f.trained[language] {
		return 2
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
	c.rect(x, min(y0, y), width, math.Abs(y-y0), paint, fmt.Sprintf("bar b%d", paint), tip+": "+number)
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
