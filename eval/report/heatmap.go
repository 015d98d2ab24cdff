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
// what is below zero has another colour, a stroke at its foot and its sign. On a narrow page, or with many
// languages, these go on in further blocks.
func heatmap(name string, width float64, groups []heatGroup, languages []string, t knownLanguages) *canvas {
	const rowHeight, headHeight, titleHeight = 24.0, 24.0, 24.0
	narrow := width < figureWidth/2
	left, labelHeight := 60.0, 0.0
	for _, g := range groups {
		for _, r := range g.rows {
			left = max(left, textWidth(r.label)+18)
		}
	}
	left = min(left, 300)
	if narrow { // labels are above their rows
		left, labelHeight = 4, 18
	}
	need := 40.0
	for _, l := range languages {
		need = max(need, textWidth(t.native(l))+8)
	}
	c := &canvas{name: name, width: width}
	blocks := evenly(len(languages), int((width-left-marginRight)/need))
	step := (width - left - marginRight) / float64(max(1, blocks[0][1]))
	y := 0.0
	for _, block := range blocks {
		for i, l := range languages[block[0]:block[1]] {
			c.language(left+(float64(i)+0.5)*step, y+15, "", l, l, t)
		}
		y += headHeight
		for _, g := range groups {
			c.text(4, y+17, "start", "head", "", cut(g.title, 0.9*width))
			y += titleHeight
			for _, r := range g.rows {
				if narrow {
					c.text(4, y+13, "start", "", "", cut(r.label, width-8))
				} else {
					c.text(left-8, y+16, "end", "", "", cut(r.label, left-14))
				}
				y += labelHeight
				for i, v := range r.values[block[0]:block[1]] {
					k := block[0] + i
					heatCell(c, left+float64(i)*step, y, step, rowHeight, v, r.framed[k],
						r.label+", "+t.called(languages[k]))
				}
				y += rowHeight
			}
		}
		y += 12
	}
	c.height = heatLegend(c, left, y+4)
	return c
}

// evenly divides n things among as few blocks of at most so many as there must be: where each begins and ends, the
// first is as long as any. Of nothing there is an empty block.
func evenly(n, most int) [][2]int {
	if n == 0 {
		return [][2]int{{0, 0}}
	}
	most = max(1, most)
	blocks := (n + most - 1) / most
	each := (n + blocks - 1) / blocks
	var all [][2]int
	for i := 0; i < n; i += each {
		all = append(all, [2]int{i, min(n, i+each)})
	}
	return all
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

// heatLegend shows the shades and what a frame is, and returns where it ends.
func heatLegend(c *canvas, x, y float64) float64 {
	const size = 34.0
	width, height := 6*size+30, 0.0
	if x+2*width+200 > c.width { // below each other
		width, height = 0, 34
	}
	for k, sign := range []string{"up", "down"} {
		left, top := x+float64(k)*width, y+float64(k)*height
		for i := range 6 {
			c.rect(left+float64(i)*size, top, size, 12, -1, fmt.Sprintf("heat %s o%d", sign, i), "")
		}
		for i, bound := range heatSteps {
			if k == 1 {
				bound = -bound
			}
			c.text(left+float64(i+1)*size, top+25, "middle", "small", "",
				strings.Replace(number(bound), "-", "−", 1))
		}
		c.text(left+6*size+6, top+11, "start", "small", "", "ΔR")
	}
	at, top := x+2*width, y+2*height
	if width > 0 {
		at += 8
	}
	c.rect(at, top, 22, 12, -1, "frame", "")
	c.text(at+28, top+11, "start", "small", "", "trained on")
	c.text(at, top+25, "start", "small", "", "– undefined or not measured")
	return top + 32
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
		if !any {
			return Figure{}, false
		}
		file := s.named("heatmap-" + name)
		return Figure{Name: file, Title: "Relative change by model and language, " + title,
			Caption: "Relative change of accuracy, ΔR = (after − before) / before, a ratio, by model and " +
				"language, " + title + ". Darker is further from zero; what fell is underlined.",
		}.drawn(func(name string, width float64) *canvas {
			return heatmap(name, width, groups, languages, s.known)
		}), true
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
