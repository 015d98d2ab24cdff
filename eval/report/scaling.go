package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// scalingPanel is one quantity over the number of training languages.
type scalingPanel struct {
	title string
	of    func(*pair) value
	law   func(*arm) *law
	scale float64
	unit  string
}

// scalingFigures draw the arms: MTI and accuracy over the number of training
// languages, with the fitted law, the first-parallel leap and the monolingual gap.
func (s *study) scalingFigures() []Figure {
	var figures []Figure
	for group := 0; group*styles < len(s.arms); group++ {
		arms := s.arms[group*styles : min(len(s.arms), (group+1)*styles)]
		name := "scaling"
		if group > 0 {
			name += fmt.Sprintf("-%d", group+1)
		}
		panels := []scalingPanel{
			{"Transfer", func(p *pair) value { return p.mean }, func(a *arm) *law { return &a.mti }, 1,
				"MTI"},
			{"Accuracy", func(p *pair) value { return p.accuracy }, func(a *arm) *law { return &a.accuracy },
				100, "accuracy, %"},
		}
		caption := "Transfer and accuracy by the number of training languages, with the power law fitted " +
			"to two languages and more. Dashed on to one language: what the law expects there; the " +
			"bracket beside it is the monolingual generalization gap, the one between one and two " +
			"languages the first-parallel leap."
		if s.resampled {
			caption += " Whiskers: 95 % intervals of a bootstrap over " + s.over() + "."
		}
		figures = append(figures, Figure{Name: name, Title: "Scaling with training languages",
			Caption: caption}.drawn(func(name string, width float64) *canvas {
			return drawScaling(name, width, arms, panels...)
		}))
	}
	return figures
}

// drawScaling draws panels of the same arms beside each other, on a narrow page below each other, and names the arms.
func drawScaling(name string, width float64, arms []*arm, panels ...scalingPanel) *canvas {
	const height, legend = 340.0, 24.0
	c := &canvas{name: name, width: width, height: height}
	across, down := width/float64(len(panels)), 0.0
	if width < figureWidth/2 {
		across, down = 0, height
		c.height = height * float64(len(panels))
	}
	for i := range panels {
		panels[i].draw(c, arms, float64(i)*across, float64(i)*down,
			max(across, width-across*float64(len(panels)-1)), height)
	}
	if len(arms) > 1 {
		for i, a := range arms {
			y := c.height + legend/2
			c.line(30, y, 66, y, fmt.Sprintf("curve k%d", lineLooks[i%styles]))
			c.marker(48, y, i, "")
			c.text(74, y+4, "start", "", "", cut(a.name, width-80))
			c.height += legend
		}
	}
	return c
}

func (p *scalingPanel) draw(c *canvas, arms []*arm, left, top, width, height float64) {
	x0, x1, y0, y1 := left+58, left+width-22, top+height-50, top+34
	low, high, most := math.Inf(1), math.Inf(-1), 2
	see := func(x float64) { low, high = min(low, x), max(high, x) }
	for _, a := range arms {
		for _, q := range a.pairs {
			if v := p.of(q); v.ok {
				see(v.x * p.scale)
				if v.ci != nil {
					reach := max(math.Abs(v.x), 0.2)
					see(max(v.ci[0], v.x-reach) * p.scale)
					see(min(v.ci[1], v.x+reach) * p.scale)
				}
				most = max(most, len(q.languages))
			}
		}
		if l := p.law(a); l.ok {
			see(l.at(1))
			see(l.at(float64(most)))
		}
	}
	c.text(left+4, top+16, "start", "head", "", p.title)
	if math.IsInf(low, 0) {
		c.text((x0+x1)/2, (y0+y1)/2, "middle", "small", "", "undefined")
		return
	}
	ay := newAxis(low, high, y0, y1, 6)
	ax := axis{low: 0.3, high: float64(most) + 0.5, from: x0, to: x1}
	for _, t := range ay.ticks {
		c.line(x0, ay.at(t), x1, ay.at(t), "grid")
		c.text(x0-6, ay.at(t)+4, "end", "small", "", ay.label(t))
	}
	for n := 1; n <= most; n++ {
		c.line(ax.at(float64(n)), y0, ax.at(float64(n)), y0+4, "axis")
		c.text(ax.at(float64(n)), y0+17, "middle", "small", "", fmt.Sprint(n))
	}
	c.line(x0, y0, x1, y0, "axis")
	c.text((x0+x1)/2, y0+38, "middle", "", "", "training languages")
	c.vertical(left+16, (y0+y1)/2, "", p.unit)
	for i, a := range arms {
		p.curve(c, ax, ay, a, i, most)
	}
	for i, a := range arms {
		p.points(c, ax, ay, a, i)
	}
	if len(arms) == 1 {
		p.annotate(c, ax, ay, arms[0], x1, y0)
	}
}

func (p *scalingPanel) curve(c *canvas, ax, ay axis, a *arm, i, most int) {
	l := p.law(a)
	if !l.ok {
		return
	}
	var curve, before []point
	last := float64(len(a.pairs[len(a.pairs)-1].languages))
	for x := 1.0; x <= last+1e-9; x += 0.05 {
		at := point{ax.at(x), min(ay.from, max(ay.to, ay.at(l.at(x))))}
		if x <= 2 {
			before = append(before, at)
		}
		if x >= 2-1e-9 {
			curve = append(curve, at)
		}
	}
	c.path(before, false, "reference", "")
	c.path(curve, false, fmt.Sprintf("curve k%d", lineLooks[i%styles]), "")
}

func (p *scalingPanel) points(c *canvas, ax, ay axis, a *arm, i int) {
	for _, q := range a.pairs {
		v := p.of(q)
		if !v.ok {
			continue
		}
		x, y := ax.at(float64(len(q.languages))), ay.at(v.x*p.scale)
		if v.ci != nil {
			upper, lower := ay.at(min(ay.high, v.ci[1]*p.scale)), ay.at(max(ay.low, v.ci[0]*p.scale))
			c.line(x, lower, x, upper, "error")
			whiskerEnd(c, x, upper, v.ci[1]*p.scale > ay.high, 1)
			whiskerEnd(c, x, lower, v.ci[0]*p.scale < ay.low, -1)
		}
		c.marker(x, y, i, fmt.Sprintf("%s (%s): %s", q.name(), strings.Join(q.languages, " "),
			v.text(2, p.scale)))
	}
}

// annotate marks the law, the leap and the gap of a single arm.
func (p *scalingPanel) annotate(c *canvas, ax, ay axis, a *arm, right, bottom float64) {
	l := p.law(a)
	if !l.ok {
		return
	}
	c.text(right, bottom-12, "end", "", "", fmt.Sprintf("f(X) = %s · X^%s,  R² = %s", fixed(l.alpha.x, 2),
		fixed(l.beta.x, 2), fixed(l.r2, 3)))
	one := ax.at(1)
	if !l.gap.ok {
		return
	}
	measured := l.expected.x - l.gap.x
	c.path([]point{{one - 6, ay.at(l.expected.x)}, {one - 12, ay.at(l.expected.x)},
		{one - 12, ay.at(measured)}, {one - 6, ay.at(measured)}}, false, "bracket", "")
	c.path(circle(point{one, ay.at(l.expected.x)}, 3.5, 20), true, "marker m0",
		"expected for one language: "+fixed(l.expected.x, 2))
	c.vertical(one-17, (ay.at(l.expected.x)+ay.at(measured))/2, "small", "gap "+fixed(l.gap.x, 2))
	if l.leap.ok {
		x, from, to := ax.at(1.5), ay.at(measured), ay.at(measured+l.leap.x)
		c.path([]point{{x - 5, from}, {x, from}, {x, to}, {x + 5, to}}, false, "bracket", "")
		c.text(x, min(from, to)-7, "middle", "small", "", "leap "+fixed(l.leap.x, 2))
	}
}

// additions are pairs of one base and method with two training languages, of which they share one; of
// several with the same two the first counts.
type additions struct {
	shared string
	pairs  []*pair
}

// added is the language of a pair beside the shared one.
func (a *additions) added(p *pair) string {
	if p.languages[0] == a.shared {
		return p.languages[1]
	}
	return p.languages[0]
}

// secondLanguages finds of each base and method the pairs that differ in which language was added to
// one; where they could share several languages, the one that most of them have.
func (s *study) secondLanguages() []*additions {
	var keys []string
	groups := map[string][]*pair{}
	for _, p := range s.pairs {
		key := p.base.run + "\x00" + p.method
		same := func(q *pair) bool { return slices.Equal(q.languages, p.languages) }
		if len(p.languages) != 2 || slices.ContainsFunc(groups[key], same) {
			continue
		}
		if groups[key] == nil {
			keys = append(keys, key)
		}
		groups[key] = append(groups[key], p)
	}
	var all []*additions
	for _, key := range keys {
		most := &additions{}
		for _, first := range groups[key] {
			for _, l := range first.languages {
				a := &additions{shared: l}
				for _, p := range groups[key] {
					if slices.Contains(p.languages, l) {
						a.pairs = append(a.pairs, p)
					}
				}
				if len(a.pairs) > len(most.pairs) {
					most = a
				}
			}
		}
		if len(most.pairs) > 1 {
			all = append(all, most)
		}
	}
	return all
}

// secondLanguageFigure compares which language was added to the first.
func (s *study) secondLanguageFigure() (Figure, bool) {
	const name = "second-language"
	groups := s.secondLanguages()
	if len(groups) == 0 {
		return Figure{}, false
	}
	pairs := groups[0].pairs
	mti := barPanel{title: "MTI", axis: "MTI", height: 150, numbers: true}
	accuracy := barPanel{title: "Accuracy, mean over languages", axis: "accuracy, %", height: 150,
		percent: true, numbers: true}
	f := barFigure{name: name, series: []string{""}, known: s.known}
	var m, a []value
	for _, p := range pairs {
		f.languages, f.models = append(f.languages, groups[0].added(p)), append(f.models, s.look(p.name()))
		m, a = append(m, p.mean), append(a, p.accuracy)
	}
	mti.values, accuracy.values = [][]value{m}, [][]value{a}
	f.panels = []barPanel{mti, accuracy}
	caption := fmt.Sprintf("Which second language: transfer and accuracy after training on %s and one "+
		"other language (%s).", s.known.called(groups[0].shared), pairs[0].base.name)
	if s.resampled {
		caption += " Whiskers: 95 % intervals of a bootstrap over " + s.over() + "."
	}
	return Figure{Name: name, Title: "Choice of the second language", Caption: caption}.drawn(f.draw), true
}
