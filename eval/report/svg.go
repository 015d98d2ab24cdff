package report

import (
	_ "embed"
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
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

// styles is the number of series that can be told apart.
const styles = 6

// canvas draws an SVG picture, in pixels from the top left corner.
type canvas struct {
	name          string // unique on a page: pattern ids begin with it
	width, height float64
	body          strings.Builder
}

func (c *canvas) rect(x, y, w, h float64, fill, class, tip string) {
	fmt.Fprintf(&c.body, `<rect x="%s" y="%s" width="%s" height="%s"%s class="%s">`,
		px(x), px(y), px(w), px(h), attribute("fill", fill), class)
	c.tip(tip)
	c.body.WriteString("</rect>\n")
}

func (c *canvas) line(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(&c.body, `<line x1="%s" y1="%s" x2="%s" y2="%s" class="%s"/>`+"\n", px(x1), px(y1), px(x2), px(y2), class)
}

func (c *canvas) path(d, class string) {
	fmt.Fprintf(&c.body, `<path d="%s" class="%s"/>`+"\n", d, class)
}

// text writes s with its baseline at y; anchor is start, middle or end, lang may
// be empty.
func (c *canvas) text(x, y float64, anchor, class, lang, s string) {
	fmt.Fprintf(&c.body, `<text x="%s" y="%s" text-anchor="%s"%s%s>%s</text>`+"\n",
		px(x), px(y), anchor, attribute("class", class), attribute("lang", lang), html.EscapeString(s))
}

// marker draws the shape of series i around a point.
func (c *canvas) marker(x, y float64, i int, tip string) {
	const r = 4.0
	var d string
	switch i % 5 {
	case 0:
		d = fmt.Sprintf("M%s %sa%s %s 0 1 0 %s 0a%s %s 0 1 0 %s 0z", px(x-r), px(y), px(r), px(r), px(2*r), px(r), px(r), px(-2*r))
	case 1:
		d = polyline([][2]float64{{x - r, y - r}, {x + r, y - r}, {x + r, y + r}, {x - r, y + r}}) + "z"
	case 2:
		d = polyline([][2]float64{{x, y - r - 1}, {x + r + 1, y + r - 1}, {x - r - 1, y + r - 1}}) + "z"
	case 3:
		d = polyline([][2]float64{{x, y - r - 1}, {x + r + 1, y}, {x, y + r + 1}, {x - r - 1, y}}) + "z"
	case 4:
		d = polyline([][2]float64{{x - r - 1, y - r + 1}, {x + r + 1, y - r + 1}, {x, y + r + 1}}) + "z"
	}
	fmt.Fprintf(&c.body, `<path d="%s" class="marker m%d">`, d, i%5)
	c.tip(tip)
	c.body.WriteString("</path>\n")
}

func (c *canvas) tip(s string) {
	if s != "" {
		fmt.Fprintf(&c.body, "<title>%s</title>", html.EscapeString(s))
	}
}

// fill is the paint of series i of n: full colour for the one that matters most,
// a hatching of its own for each other, so that print and colour-blind eyes tell
// them apart.
func (c *canvas) fill(i int) string { return fmt.Sprintf("url(#%s-p%d)", c.name, i%styles) }

// patterns define the paints.
func (c *canvas) patterns() string {
	var b strings.Builder
	b.WriteString("<defs>\n")
	for i := range styles {
		inside := [styles]string{
			`<path d="M0 3H6" class="hatch h0"/>`,
			``,
			`<path d="M0 3H6" class="hatch h2"/>`,
			`<circle cx="3" cy="3" r="1.4" class="dot h3"/>`,
			`<path d="M0 3H6M3 0V6" class="hatch h4"/>`,
			`<path d="M0 3H6" class="hatch h5"/>`,
		}[i]
		turn := [styles]int{45, 0, -45, 0, 45, 0}[i]
		fmt.Fprintf(&b, `<pattern id="%s-p%d" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(%d)"><rect width="6" height="6" class="tint t%d"/>%s</pattern>`+"\n",
			c.name, i, turn, i, inside)
	}
	b.WriteString("</defs>\n")
	return b.String()
}

// svg is the picture as an element for a page whose style has the colours.
func (c *canvas) svg(title string) string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" class="fig" viewBox="0 0 %s %s" role="img" aria-labelledby="%s-title">`+
		"\n<title id=\"%s-title\">%s</title>\n%s%s</svg>\n",
		px(c.width), px(c.height), c.name, c.name, html.EscapeString(title), c.patterns(), c.body.String())
}

// file is the picture as a file of its own, on white.
func (c *canvas) file(title string) string {
	replacer := make([]string, 0, 2*len(colours))
	for _, k := range colours {
		replacer = append(replacer, "$"+k.name, k.light)
	}
	style := "<style>\n" + strings.NewReplacer(replacer...).Replace(figureCSS) + "</style>\n"
	svg := c.svg(title)
	svg = strings.Replace(svg, "<svg ", fmt.Sprintf(`<svg width="%s" height="%s" `, px(c.width), px(c.height)), 1)
	return strings.Replace(svg, "<defs>", style+`<rect width="100%" height="100%" fill="#ffffff"/>`+"\n<defs>", 1)
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

// polyline is the path through points.
func polyline(points [][2]float64) string {
	var b strings.Builder
	for i, p := range points {
		b.WriteByte("ML"[min(i, 1)])
		b.WriteString(px(p[0]) + " " + px(p[1]))
	}
	return b.String()
}
