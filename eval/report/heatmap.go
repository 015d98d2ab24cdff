package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// heatRow is a line of a heat map.
type heatRow struct {
	label  string
	values []value
	framed []bool // cells of languages that were trained on
}

// heatGroup is a block of lines under a heading.
type heatGroup struct {
	title string
	rows  []heatRow
}

// heatSteps bound the shades: the same in all figures, so that they compare.
var heatSteps = [5]float64{0.1, 0.25, 0.5, 1, 2.5}

// heatmap draws ratios by model and language, darker the further from zero;
// what is below zero has another colour, a stroke at its foot and its sign.
func heatmap(name string, groups []heatGroup, languages []string, t knownLanguages) *canvas {
	const rowHeight, headHeight, titleHeight, legendHeight = 24.0, 24.0, 24.0, 46.0
	left := 60.0
	rows := 0
	for _, g := range groups {
		for _, r := range g.rows {
			rows++
			left = max(left, textWidth(r.label)+18)
		}
	}
	left = min(left, 300)
	c := &canvas{name: name, width: figureWidth, height: headHeight + float64(len(groups))*titleHeight +
		float64(rows)*rowHeight + legendHeight}
	step := (figureWidth - left - marginRight) / float64(len(languages))
	for i, l := range languages {
		c.language(left+(float64(i)+0.5)*step, 15, "", l, l, t)
	}
	y := headHeight
	for _, g := range groups {
		c.text(4, y+17, "start", "head", "", g.title)
		y += titleHeight
		for _, r := range g.rows {
			c.text(left-8, y+16, "end", "", "", cut(r.label, left-14))
			for i, v := range r.values {
				heatCell(c, left+float64(i)*step, y, step, rowHeight, v, r.framed[i],
					r.label+", "+t.called(languages[i]))
			}
			y += rowHeight
		}
	}
	heatLegend(c, left, y+16)
	return c
}

// heatLevel returns one of six shades.
func heatLevel(x float64) int {
	level := 0
	for level < len(heatSteps) && math.Abs(x) >= heatSteps[level] {
		level++
	}
	return level
}

func heatCell(c *canvas, x, y, w, h float64, v value, framed bool, tip string) {
	if !v.ok {
		c.text(x+w/2, y+h/2+4, "middle", "small", "", "–")
	} else {
		level, sign := heatLevel(v.x), "up"
		if v.x < 0 {
			sign = "down"
		}
		number := fixed(v.x, 2)
		c.rect(x, y, w, h, -1, fmt.Sprintf("heat %s o%d", sign, level), tip+": "+fixed(v.x, 3))
		class := ""
		if level >= 4 {
			class = "light"
		}
		c.text(x+w/2, y+h/2+4, "middle", class, "", number)
		if v.x < 0 {
			half := textWidth(number) / 2
			c.line(x+w/2-half, y+h-4, x+w/2+half, y+h-4, "minus")
		}
	}
	if framed {
		c.rect(x+1.5, y+1.5, w-3, h-3, -1, "frame", "")
	}
}

// heatLegend shows the shades and what a frame is.
func heatLegend(c *canvas, x, y float64) {
	const size = 34.0
	for k, sign := range []string{"up", "down"} {
		left := x + float64(k)*(6*size+30)
		for i := range 6 {
			c.rect(left+float64(i)*size, y, size, 12, -1, fmt.Sprintf("heat %s o%d", sign, i), "")
		}
		for i, bound := range heatSteps {
			if k == 1 {
				bound = -bound
			}
			c.text(left+float64(i+1)*size, y+25, "middle", "small", "",
				strings.Replace(number(bound), "-", "−", 1))
		}
	}
	at := x + 2*(6*size+30)
	c.text(at-20, y+25, "end", "small", "", "ΔR")
	c.rect(at, y, 22, 12, -1, "frame", "")
	c.text(at+28, y+11, "start", "small", "", "trained on")
	c.text(at, y+25, "start", "small", "", "– undefined or not measured")
}

// cut shortens a label to a width.
func cut(s string, width float64) string {
	if textWidth(s) <= width {
		return s
	}
	r := []rune(s)
	for len(r) > 1 && textWidth(string(r)+"…") > width {
		r = r[:len(r)-1]
	}
	return string(r) + "…"
}

// heatmaps draw ΔR by model and language: the mean over benchmarks, and each.
func (s *study) heatmaps() []Figure {
	draw := func(name, title string, of func(p *pair, l string) value) (Figure, bool) {
		var groups []heatGroup
		any := false
		var languages []string
		for _, l := range s.pairLanguages() {
			if slices.ContainsFunc(s.pairs, func(p *pair) bool { return of(p, l).ok }) {
				languages = append(languages, l)
			}
		}
		for _, method := range s.methods() {
			g := heatGroup{title: orOther(method)}
			for _, p := range s.pairs {
				if p.method != method ||
					!slices.ContainsFunc(languages, func(l string) bool { return of(p, l).ok }) {
					continue
				}
				row := heatRow{label: p.name()}
				for _, l := range languages {
					v := of(p, l)
					any = any || v.ok
					row.values = append(row.values, v)
					row.framed = append(row.framed, slices.Contains(p.languages, l))
				}
				g.rows = append(g.rows, row)
			}
			if len(g.rows) > 0 {
				groups = append(groups, g)
			}
		}
		file := s.named("heatmap-" + name)
		return Figure{Name: file, Title: "Relative change by model and language, " + title,
			Caption: "Relative change of accuracy, ΔR = (after − before) / before, a ratio, by model and " +
				"language, " + title + ". Darker is further from zero; what fell is underlined.",
			canvas: heatmap(file, groups, languages, s.known)}, any
	}
	var figures []Figure
	benchmarks := s.pairBenchmarks()
	if len(benchmarks) > 1 {
		if f, ok := draw("mean", "mean over benchmarks",
			func(p *pair, l string) value { return p.deltaOfLanguage[l] }); ok {
			figures = append(figures, f)
		}
	}
	for _, b := range benchmarks {
		if f, ok := draw(slug(b), b, func(p *pair, l string) value { return p.delta[b][l] }); ok {
			figures = append(figures, f)
		}
	}
	return figures
}

func orOther(method string) string {
	if method == "" {
		return "trained"
	}
	return method
}
