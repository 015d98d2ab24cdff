package report

import (
	"fmt"
	"math"
)

// Sizes of a figure, in pixels.
const (
	figureWidth = 960.0
	marginLeft  = 46.0
	marginRight = 10.0
)

// value is a number that may be missing, with its standard error where known.
type value struct {
	x  float64
	se *float64
	ok bool
}

// barPanel is a row of grouped bars: one group a language, one bar a series.
type barPanel struct {
	title     string
	height    float64
	percent   bool      // values are fractions, shown in percent
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
	trained   map[string]bool
	panels    []barPanel
}

// draw lays the panels out one under the other.
func (f *barFigure) draw() *canvas {
	const titleSpace, gap, labelSpace = 26.0, 14.0, 48.0
	c := &canvas{name: f.name, width: figureWidth, height: labelSpace}
	for i := range f.panels {
		c.height += titleSpace + f.panels[i].height + gap
	}
	y := 0.0
	for i := range f.panels {
		p := &f.panels[i]
		c.text(4, y+16, "start", "head", "", p.title)
		switch {
		case len(p.pointNames) > 1:
			f.pointLegend(c, p, y+16)
		case i == 0 && len(f.series) > 1:
			f.legend(c, y+16)
		}
		f.panel(c, p, y+titleSpace)
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
		c.text(x, y+14, "middle", class, l, native(l))
	}
	return c
}

func (f *barFigure) step() float64 {
	return (figureWidth - marginLeft - marginRight) / float64(len(f.languages))
}

// legend names the series at the right of the title line.
func (f *barFigure) legend(c *canvas, y float64) {
	x := figureWidth - marginRight
	for s := len(f.series) - 1; s >= 0; s-- {
		x -= textWidth(f.series[s])
		c.text(x, y, "start", "", "", f.series[s])
		x -= 19
		c.rect(x, y-10, 14, 11, f.paints[s], fmt.Sprintf("bar b%d", f.paints[s]), "")
		x -= 16
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
	unit := ""
	if p.percent {
		scale, unit = 100, " %"
	}
	low, high := 0.0, 0.0
	see := func(v value) {
		if v.ok {
			low, high = min(low, scale*v.x), max(high, scale*v.x)
			if v.se != nil && !p.percent {
				low, high = min(low, v.x-*v.se), max(high, v.x+*v.se)
			} else if v.se != nil {
				high = min(100, max(high, scale*(v.x+*v.se)))
			}
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
	ay := newAxis(low, max(high, low+1e-3), top+p.height, top, int(p.height/36))
	if p.percent && ay.high > 100 && high <= 100 {
		ay = newAxis(0, 100, top+p.height, top, int(p.height/36))
	}
	for _, t := range ay.ticks {
		c.line(marginLeft, ay.at(t), figureWidth-marginRight, ay.at(t), "grid")
		c.text(marginLeft-6, ay.at(t)+4, "end", "small", "", ay.label(t)+unit)
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
				c.marker(centre+offset, ay.at(scale*v.x), k, fmt.Sprintf("%s, %s: %s", p.pointNames[k], native(l), fixed(v.x, 3)))
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
		return native(language)
	}
	return native(language) + ", " + f.series[s]
}

func (f *barFigure) bar(c *canvas, p *barPanel, ay axis, v value, paint int, x, width, scale float64, tip string) {
	if !v.ok {
		c.text(x+width/2, ay.at(0)-4, "middle", "small", "", "–")
		return
	}
	number := fixed(scale*v.x, 3)
	if p.percent {
		number = fixed(scale*v.x, 1)
		if v.se != nil {
			number += " ± " + fixed(scale**v.se, 1)
		}
		number += " %"
	}
	y0, y := ay.at(0), ay.at(scale*v.x)
	c.rect(x, min(y0, y), width, math.Abs(y-y0), paint, fmt.Sprintf("bar b%d", paint), tip+": "+number)
	if v.se == nil || *v.se == 0 {
		return
	}
	lower, upper := scale*(v.x-*v.se), scale*(v.x+*v.se)
	if p.percent {
		lower, upper = max(0, lower), min(100, upper)
	}
	middle := x + width/2
	c.line(middle, ay.at(lower), middle, ay.at(upper), "halo")
	c.line(middle, ay.at(lower), middle, ay.at(upper), "error")
	c.line(middle-3, ay.at(upper), middle+3, ay.at(upper), "error")
	c.line(middle-3, ay.at(lower), middle+3, ay.at(lower), "error")
}
