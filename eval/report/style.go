package report

import (
	"image/color"
	"slices"
	"strconv"
	"strings"
)

// look holds the properties that a style sheet gives an element, as far as figures use them.
type look struct {
	fill, stroke color.NRGBA // transparent where there is none
	width        float64     // of the stroke
	dash         []float64
	size         float64 // of text
	bold         bool
}

// rule is a line of figure.css for a picture on white.
type rule struct {
	element string // empty for any
	classes []string
	set     map[string]string
}

// figureRules is figure.css, taken apart. The subset of CSS it may use is what
// parseRules understands: lists of ".fig element.class.class".
var figureRules = parseRules(lightCSS(figureCSS))

// lightCSS puts the light palette into a style sheet.
func lightCSS(css string) string {
	var pairs []string
	for _, c := range colours {
		pairs = append(pairs, "$"+c.name, c.light)
	}
	return strings.NewReplacer(pairs...).Replace(css)
}

func parseRules(css string) []rule {
	var rules []rule
	for css != "" {
		head, rest, ok := strings.Cut(css, "{")
		if !ok {
			break
		}
		body, after, _ := strings.Cut(rest, "}")
		css = after
		set := map[string]string{}
		for declaration := range strings.SplitSeq(body, ";") {
			if name, value, ok := strings.Cut(declaration, ":"); ok {
				set[strings.TrimSpace(name)] = strings.TrimSpace(value)
			}
		}
		for selector := range strings.SplitSeq(head, ",") {
			selector, ok := strings.CutPrefix(strings.TrimSpace(selector), ".fig ")
			if !ok {
				continue
			}
			names := strings.Split(selector, ".")
			rules = append(rules, rule{names[0], names[1:], set})
		}
	}
	return rules
}

// lookOf returns the look of an element with classes; later rules win, as all of
// figure.css has equal weight or goes from the general to the particular.
func lookOf(element, class string) look {
	l := look{width: 1, size: 12}
	if element != "text" {
		l.fill = color.NRGBA{A: 255} // SVG's initial value
	}
	classes := strings.Fields(class)
	opacity := 1.0
	for _, r := range figureRules {
		if r.element != "" && r.element != element ||
			slices.ContainsFunc(r.classes, func(c string) bool { return !slices.Contains(classes, c) }) {
			continue
		}
		for name, value := range r.set {
			switch name {
			case "fill":
				l.fill = hexColour(value)
			case "stroke":
				l.stroke = hexColour(value)
			case "stroke-width":
				l.width = pixels(value)
			case "stroke-dasharray":
				l.dash = nil
				for length := range strings.FieldsSeq(value) {
					l.dash = append(l.dash, pixels(length))
				}
			case "font-size":
				l.size = pixels(value)
			case "font-weight":
				l.bold = pixels(value) >= 600
			case "opacity":
				opacity = pixels(value)
			}
		}
	}
	l.fill.A = uint8(float64(l.fill.A)*opacity + 0.5)
	l.stroke.A = uint8(float64(l.stroke.A)*opacity + 0.5)
	return l
}

func pixels(s string) float64 {
	x, err := strconv.ParseFloat(strings.TrimSuffix(s, "px"), 64)
	if err != nil {
		return 0
	}
	return x
}

// hexColour reads #rrggbb; anything else, such as none, is transparent.
func hexColour(s string) color.NRGBA {
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "#"), 16, 32)
	if err != nil || len(s) != 7 {
		return color.NRGBA{}
	}
	return color.NRGBA{uint8(n >> 16), uint8(n >> 8), uint8(n), 255}
}
