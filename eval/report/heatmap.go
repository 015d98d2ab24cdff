package report

import (
	"fmt"
	"math"
	"slices"
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

// heatmap draws numbers by model and language, darker the further from zero; what
// is below zero has another colour, a stroke at its foot and its sign.
func heatmap(name string, groups []heatGroup, languages []string, unit string) *canvas {
	const rowHeight, headHeight, titleHeight, legendHeight = 24.0, 24.0, 24.0, 46.0
	left := 60.0
	rows, most := 0, 0.0
	for _, g := range groups {
		for _, r := range g.rows {
			rows++
			left = max(left, textWidth(r.label)+18)
			for _, v := range r.values {
				if v.ok {
					most = max(most, math.Abs(v.x))
				}
			}
		}
	}
	left = min(left, 300)
	c := &canvas{name: name, width: figureWidth, height: headHeight + float64(len(groups))*titleHeight + float64(rows)*rowHeight + legendHeight}
	step := (figureWidth - left - marginRight) / float64(len(languages))
	for i, l := range languages {
		c.text(left+(float64(i)+0.5)*step, 15, "middle", "", l, native(l))
	}
	y := headHeight
	for _, g := range groups {
		c.text(4, y+17, "start", "head", "", g.title)
		y += titleHeight
		for _, r := range g.rows {
			c.text(left-8, y+16, "end", "", "", cut(r.label, left-14))
			for i, v := range r.values {
				heatCell(c, left+float64(i)*step, y, step, rowHeight, v, most, r.framed[i], r.label+", "+native(languages[i]))
			}
			y += rowHeight
		}
	}
	heatLegend(c, left, y+16, most, unit)
	return c
}

// heatLevel is one of six shades.
func heatLevel(x, most float64) int {
	if most == 0 {
		return 0
	}
	return min(5, int(6*math.Abs(x)/most))
}

func heatCell(c *canvas, x, y, w, h float64, v value, most float64, framed bool, tip string) {
	if !v.ok {
		c.text(x+w/2, y+h/2+4, "middle", "small", "", "–")
	} else {
		level, sign := heatLevel(v.x, most), "up"
		if v.x < 0 {
			sign = "down"
		}
		number := fixed(v.x, 0)
		if math.Abs(most) < 10 {
			number = fixed(v.x, 1)
		}
		c.rect(x, y, w, h, -1, fmt.Sprintf("heat %s o%d", sign, level), tip+": "+number)
		class := ""
		if level >= 4 {
			class = "light"
		}
		c.text(x+w/2, y+h/2+4, "middle", class, "", number)
		if v.x < 0 {
			c.line(x+w/2-12, y+h-4, x+w/2+12, y+h-4, "minus")
		}
	}
	if framed {
		c.rect(x+1.5, y+1.5, w-3, h-3, -1, "frame", "")
	}
}

// heatLegend shows the shades and what a frame is.
func heatLegend(c *canvas, x, y, most float64, unit string) {
	const size = 22.0
	digits := 0
	if most < 10 {
		digits = 1
	}
	for i := range 6 {
		c.rect(x+float64(i)*size, y, size, 12, -1, fmt.Sprintf("heat up o%d", i), "")
		c.rect(x+float64(i)*size+170, y, size, 12, -1, fmt.Sprintf("heat down o%d", i), "")
	}
	for _, legend := range []struct{ x, sign float64 }{{x, 1}, {x + 170, -1}} {
		c.text(legend.x, y+25, "start", "small", "", "0")
		c.text(legend.x+6*size, y+25, "end", "small", "", fixed(legend.sign*most, digits)+" "+unit)
	}
	c.rect(x+340, y, size, 12, -1, "frame", "")
	c.text(x+340+size+6, y+11, "start", "small", "", "trained on")
	c.text(x+460, y+11, "start", "small", "", "– undefined or not measured")
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
	languages := s.pairLanguages()
	draw := func(name, title string, of func(p *pair, l string) value) (Figure, bool) {
		var groups []heatGroup
		any := false
		for _, method := range s.methods() {
			g := heatGroup{title: orOther(method)}
			for _, p := range s.pairs {
				if p.method != method {
					continue
				}
				row := heatRow{label: p.name()}
				for _, l := range languages {
					v := of(p, l)
					v.x *= 100
					any = any || v.ok
					row.values = append(row.values, v)
					row.framed = append(row.framed, slices.Contains(p.languages, l))
				}
				g.rows = append(g.rows, row)
			}
			groups = append(groups, g)
		}
		return Figure{Name: "heatmap-" + name, Title: "Relative change by model and language, " + title,
			Caption: "Relative change of accuracy, ΔR, in percent of the accuracy before, by model and language, " + title + ". Darker is further from zero; what fell is underlined.",
			canvas:  heatmap("heatmap-"+name, groups, languages, "%")}, any
	}
	var figures []Figure
	benchmarks := s.pairBenchmarks()
	if len(benchmarks) > 1 {
		if f, ok := draw("mean", "mean over benchmarks", func(p *pair, l string) value { return p.deltaOfLanguage[l] }); ok {
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
