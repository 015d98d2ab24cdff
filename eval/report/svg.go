package report

import (
	_ "embed"
	"fmt"
	"html"
	"image/color"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/eval/language"
)

// figureCSS is the look of figures; $names stand for colours.
//
//go:embed figure.css
var figureCSS string

// colours are the palette in light and dark: Okabe and Ito's, lightened on dark.
var colours = []struct{ name, light, dark string }{
	{"ink", "#1f2328", "#e6e9ec"},
	{"soft", "#59636e", "#9aa4ae"},
	{"grid", "#dfe3e8", "#2b323a"},
	{"paper", "#ffffff", "#11151a"},
	{"c0", "#7a838c", "#a7b0b9"},
	{"c1", "#0072b2", "#56b4e9"},
	{"c2", "#d55e00", "#ff8c42"},
	{"c3", "#009e73", "#2fc79d"},
	{"c4", "#cc79a7", "#e6a3c6"},
	{"c5", "#e69f00", "#f0b429"},
}

// styles is the number of series that one figure has at most.
const styles = 6

// lineLooks are the looks of series that are no models, in their order.
var lineLooks = [styles]int{1, 2, 3, 4, 5, 0}

// point is a position, in pixels from the top left corner.
type point = [2]float64

// op is one thing drawn, for those who do not read SVG.
type op struct {
	element, class string
	points         []point
	closed         bool
	hatch          *hatch
	text, anchor   string
	turned         bool               // text that reads upwards
	language       *language.Language // of text in a language's own words
}

// canvas draws a picture, in pixels from the top left corner.
type canvas struct {
	name          string // unique on a page: pattern ids begin with it
	width, height float64
	body          strings.Builder
	ops           []op
}

// rect draws a rectangle; paint is a series to hatch it as, or -1 for what class says.
func (c *canvas) rect(x, y, w, h float64, paint int, class, tip string) {
	o := op{element: "rect", class: class, points: []point{{x, y}, {x + w, y}, {x + w, y + h}, {x, y + h}},
		closed: true}
	fill := ""
	if paint >= 0 {
		o.hatch = &hatches[paint]
		fill = fmt.Sprintf("url(#%s-p%d)", c.name, paint)
	}
	c.ops = append(c.ops, o)
	fmt.Fprintf(&c.body, `<rect x="%s" y="%s" width="%s" height="%s"%s class="%s">`,
		px(x), px(y), px(w), px(h), attribute("fill", fill), class)
	c.tip(tip)
	c.body.WriteString("</rect>\n")
}

func (c *canvas) line(x1, y1, x2, y2 float64, class string) {
	c.ops = append(c.ops, op{element: "line", class: class, points: []point{{x1, y1}, {x2, y2}}})
	fmt.Fprintf(&c.body, `<line x1="%s" y1="%s" x2="%s" y2="%s" class="%s"/>`+"\n", px(x1), px(y1), px(x2),
		px(y2), class)
}

// path draws a line through points, closed or open.
func (c *canvas) path(points []point, closed bool, class, tip string) {
	c.ops = append(c.ops, op{element: "path", class: class, points: points, closed: closed})
	d := polyline(points)
	if closed {
		d += "z"
	}
	if tip == "" {
		fmt.Fprintf(&c.body, `<path d="%s" class="%s"/>`+"\n", d, class)
		return
	}
	fmt.Fprintf(&c.body, `<path d="%s" class="%s">`, d, class)
	c.tip(tip)
	c.body.WriteString("</path>\n")
}

// text writes s with its baseline at y; anchor is start, middle or end, lang may
// be empty.
func (c *canvas) text(x, y float64, anchor, class, lang, s string) {
	c.ops = append(c.ops, op{element: "text", class: class, points: []point{{x, y}}, anchor: anchor, text: s})
	fmt.Fprintf(&c.body, `<text x="%s" y="%s" text-anchor="%s"%s%s>%s</text>`+"\n",
		px(x), px(y), anchor, attribute("class", class), attribute("lang", lang), html.EscapeString(s))
}

// language writes the name of a language centred at a point, in its own words and direction
// where it is one of t's; lang says which language the words are, or nothing.
func (c *canvas) language(x, y float64, class, lang, code string, t knownLanguages) {
	name := t.native(code)
	c.ops = append(c.ops, op{element: "text", class: class, points: []point{{x, y}}, anchor: "middle",
		text: name, language: t.named(code)})
	fmt.Fprintf(&c.body, `<text x="%s" y="%s" text-anchor="middle"%s%s%s>%s</text>`+"\n",
		px(x), px(y), attribute("class", class), attribute("lang", lang),
		attribute("direction", t.direction(code)), html.EscapeString(name))
}

// vertical writes s upwards, centred at a point: the title of a vertical axis.
func (c *canvas) vertical(x, y float64, class, s string) {
	c.ops = append(c.ops, op{element: "text", class: class, points: []point{{x, y}}, anchor: "middle",
		text: s, turned: true})
	fmt.Fprintf(&c.body,
		`<text transform="translate(%s %s) rotate(-90)" text-anchor="middle"%s>%s</text>`+"\n",
		px(x), px(y), attribute("class", class), html.EscapeString(s))
}

// marker draws the shape of series i around a point.
func (c *canvas) marker(x, y float64, i int, tip string) {
	const r = 4.0
	var shape []point
	switch i % 5 {
	case 0:
		shape = circle(point{x, y}, r, 24)
	case 1:
		shape = []point{{x - r, y - r}, {x + r, y - r}, {x + r, y + r}, {x - r, y + r}}
	case 2:
		shape = []point{{x, y - r - 1}, {x + r + 1, y + r - 1}, {x - r - 1, y + r - 1}}
	case 3:
		shape = []point{{x, y - r - 1}, {x + r + 1, y}, {x, y + r + 1}, {x - r - 1, y}}
	case 4:
		shape = []point{{x - r - 1, y - r + 1}, {x + r + 1, y - r + 1}, {x, y + r + 1}}
	}
	c.path(shape, true, fmt.Sprintf("marker m%d", i%5), tip)
}

func (c *canvas) tip(s string) {
	if s != "" {
		fmt.Fprintf(&c.body, "<title>%s</title>", html.EscapeString(s))
	}
}

// hatch is the paint of a series: full colour for the one that matters most, a
// hatching of its own for each other, so that print and colour-blind eyes tell
// them apart. It repeats every hatchSize pixels.
type hatch struct {
	tint, ink string // names of colours: ground and lines
	turn      float64
	across    bool // a line
	upright   bool // a line at right angles to it
	width     float64
	dot       float64 // radius
}

const hatchSize = 6.0

var hatches = [looks]hatch{
	{tint: "paper", ink: "c0", turn: 45, across: true, width: 1.8},
	{tint: "c1"},
	{tint: "paper", ink: "c2", turn: -45, across: true, width: 1.8},
	{tint: "paper", ink: "c3", dot: 1.4},
	{tint: "paper", ink: "c4", turn: 45, across: true, upright: true, width: 1.2},
	{tint: "paper", ink: "c5", across: true, width: 1.8},
	{tint: "paper", ink: "c0", dot: 1.8},
	{tint: "paper", ink: "c1", turn: 90, across: true, width: 2.4},
	{tint: "paper", ink: "c2", across: true, upright: true, width: 1.2},
	{tint: "paper", ink: "c3", turn: 45, across: true, width: 3},
	{tint: "c4"},
	{tint: "paper", ink: "c5", turn: -45, across: true, width: 3},
}

// pattern returns the hatch as an SVG element.
func (h *hatch) pattern(id string) string {
	inside := ""
	switch {
	case h.across && h.upright:
		inside = `<path d="M0 3H6M3 0V6"`
	case h.across:
		inside = `<path d="M0 3H6"`
	case h.dot > 0:
		inside = fmt.Sprintf(`<circle cx="3" cy="3" r="%s" class="dot f-%s"/>`, px(h.dot), h.ink)
	}
	if h.across {
		inside += fmt.Sprintf(` class="hatch s-%s" stroke-width="%s"/>`, h.ink, px(h.width))
	}
	return fmt.Sprintf(`<pattern id="%s" width="6" height="6" patternUnits="userSpaceOnUse" `+
		`patternTransform="rotate(%s)"><rect width="6" height="6" class="f-%s"/>%s</pattern>`+"\n",
		id, px(h.turn), h.tint, inside)
}

// at returns the hatch's colour at a point, smoothed over the size of a pixel.
func (h *hatch) at(x, y, pixel float64) color.NRGBA {
	sin, cos := math.Sincos(-h.turn * math.Pi / 180)
	u := remainder(x*cos-y*sin) - hatchSize/2
	v := remainder(x*sin+y*cos) - hatchSize/2
	cover := 0.0
	see := func(distance, reach float64) { cover = max(cover, min(1, max(0, (reach-distance)/pixel+0.5))) }
	if h.across {
		see(math.Abs(v), h.width/2)
	}
	if h.upright {
		see(math.Abs(u), h.width/2)
	}
	if h.dot > 0 {
		see(math.Hypot(u, v), h.dot)
	}
	ground, ink := lightColour(h.tint), lightColour(h.ink)
	mix := func(a, b uint8) uint8 { return uint8(float64(a)*(1-cover) + float64(b)*cover + 0.5) }
	return color.NRGBA{mix(ground.R, ink.R), mix(ground.G, ink.G), mix(ground.B, ink.B), 255}
}

// remainder returns x modulo the size of a hatch, never negative.
func remainder(x float64) float64 { return x - hatchSize*math.Floor(x/hatchSize) }

func lightColour(name string) color.NRGBA {
	for _, c := range colours {
		if c.name == name {
			return hexColour(c.light)
		}
	}
	return color.NRGBA{}
}

// patterns define the paints that are used.
func (c *canvas) patterns() string {
	var b strings.Builder
	b.WriteString("<defs>\n")
	for i := range hatches {
		for k := range c.ops {
			if c.ops[k].hatch == &hatches[i] {
				b.WriteString(hatches[i].pattern(fmt.Sprintf("%s-p%d", c.name, i)))
				break
			}
		}
	}
	b.WriteString("</defs>\n")
	return b.String()
}

// svg returns the picture as an element for a page whose style has the colours.
func (c *canvas) svg(title string) string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" class="fig" viewBox="0 0 %s %s" role="img" `+
		`aria-labelledby="%s-title">`+
		"\n<title id=\"%s-title\">%s</title>\n%s%s</svg>\n",
		px(c.width), px(c.height), c.name, c.name, html.EscapeString(title), c.patterns(), c.body.String())
}

// file returns the picture as a file of its own, on white, with the letters that a
// machine may have no font for.
func (c *canvas) file(title string) string {
	var texts []string
	var named []*language.Language
	for i := range c.ops {
		texts = append(texts, c.ops[i].text)
		if l := c.ops[i].language; l != nil && !slices.Contains(named, l) {
			named = append(named, l)
		}
	}
	style := "<style>\n" + fontCSS(false, texts...) + ownFontCSS(named) + lightCSS(figureCSS) + "</style>\n"
	svg := c.svg(title)
	svg = strings.Replace(svg, "<svg ", fmt.Sprintf(`<svg width="%s" height="%s" `, px(c.width),
		px(c.height)), 1)
	return strings.Replace(svg, "<defs>",
		style+`<rect width="100%" height="100%" fill="#ffffff"/>`+"\n<defs>", 1)
}

// px formats a coordinate: a tenth of a pixel is enough.
func px(x float64) string {
	s := strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64)
	if s == "-0" {
		return "0"
	}
	return s
}

func attribute(name, value string) string {
	if value == "" {
		return ""
	}
	return fmt.Sprintf(` %s="%s"`, name, html.EscapeString(value))
}

// polyline returns the path through points.
func polyline(points []point) string {
	var b strings.Builder
	for i, p := range points {
		b.WriteByte("ML"[min(i, 1)])
		b.WriteString(px(p[0]) + " " + px(p[1]))
	}
	return b.String()
}
