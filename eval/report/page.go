package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed tables.js
var tablesScript string

var page = template.Must(template.New("page").Parse(pageHTML))

// splitCell takes the standard error, or what stands in parentheses, from a
// number: on the page it goes below, so that eleven languages fit side by side.
func splitCell(cell string) (number, aside string) {
	for _, mark := range []string{"±", "(", "["} {
		if i := strings.Index(cell, " "+mark); i >= 0 {
			return cell[:i], cell[i+1:]
		}
	}
	return cell, ""
}

// pageCell is a cell as the page shows it.
type pageCell struct {
	Main, Aside string
	Link        string // to the samples that it is of
	Label, Head bool   // a text; the head of its row
	Long        bool
	Again       bool // the label above once more, which is not seen
}

// pageCells are a table's rows as the page shows them.
func pageCells(t *Table, l *linker) [][]pageCell {
	links := l.cells(t)
	rows := make([][]pageCell, len(t.Rows))
	for i, row := range t.Rows {
		for k, cell := range row {
			c := pageCell{Main: cell, Link: links[i][k], Label: k < t.Labels}
			c.Head = c.Label && (k == 0 || t.Labels < len(row))
			if c.Label {
				c.Long = len([]rune(cell)) > 36
				if c.Again = k == 0 && t.Labels > 1 && i > 0 && t.Rows[i-1][0] == cell; c.Again {
					c.Link = "" // nobody should come to a link that is not seen
				}
			} else {
				c.Main, c.Aside = splitCell(cell)
			}
			rows[i] = append(rows[i], c)
		}
	}
	return rows
}

// pageFigure, pageTable and pageSection are as the page's template reads them.
type (
	pageFigure struct {
		Figure
		SVG, Narrow template.HTML
	}
	pageTable struct {
		Table
		Title    string
		Headings []heading
		Cells    [][]pageCell
	}
	pageSection struct {
		Section
		Figures []pageFigure
		Tables  []pageTable
	}
)

// Holds says how many figures and tables a section has.
func (s pageSection) Holds() string {
	var all []string
	if n := len(s.Figures); n > 0 {
		all = append(all, count(n, "figure"))
	}
	if n := len(s.Tables); n > 0 {
		all = append(all, count(n, "table"))
	}
	return strings.Join(all, ", ")
}

// title is what the table of contents calls a table: how its caption begins.
func (t *Table) title() string {
	title := t.Caption
	for _, end := range []string{". ", ": ", "; ", ", "} {
		title, _, _ = strings.Cut(title, end)
	}
	return strings.TrimSuffix(title, ".")
}

// HTML returns the report as one page that needs nothing else. Its cells are links to the samples that they are of.
func (r *Report) HTML() ([]byte, error) {
	var b strings.Builder
	code := script(tablesScript)
	data := struct {
		Title, Policy string
		Stele, Days   string
		Samples       string // the page of samples, where there is one
		Style         template.CSS
		Script        template.JS
		Sections      []pageSection
	}{Title: r.Title, Policy: policy(code, ""), Stele: r.Version, Days: days(r.made),
		Style: template.CSS(styleSheet(r.study.known)), Script: code}
	links := r.study.linker(r.samplesAt())
	if links != nil {
		data.Samples = links.page
	}
	var counted counters
	for _, s := range r.Sections {
		out := pageSection{Section: s}
		for _, f := range s.Figures {
			f.Number = r.number(f.Number, &counted.figures)
			out.Figures = append(out.Figures, pageFigure{f, template.HTML(f.SVG()), template.HTML(f.Narrow())})
		}
		for _, t := range s.Tables {
			t.Number = r.number(t.Number, &counted.tables)
			shown := pageTable{Table: t, Title: t.title(), Cells: pageCells(&t, links)}
			for _, head := range t.Head {
				shown.Headings = append(shown.Headings, r.study.known.heading(head))
			}
			out.Tables = append(out.Tables, shown)
		}
		data.Sections = append(data.Sections, out)
	}
	err := page.Execute(&b, data)
	return []byte(b.String()), err
}

// samplesAt is where the page of samples is, seen from the report.
func (r *Report) samplesAt() string {
	if r.SamplesAt != "" {
		return r.SamplesAt
	}
	return SamplesPage
}

// styleSheet returns the report's style, with fonts for the names of languages.
func styleSheet(t knownLanguages) string {
	return pageStyle(t.fonts(true), figureCSS)
}

// pageStyle returns a page's style: fonts, colours for light, dark and paper, and what all pages have and it adds.
func pageStyle(fonts, added string) string {
	var light, dark strings.Builder
	var names []string
	for _, c := range colours {
		fmt.Fprintf(&light, "--%s: %s; ", c.name, c.light)
		fmt.Fprintf(&dark, "--%s: %s; ", c.name, c.dark)
		names = append(names, "$"+c.name, "var(--"+c.name+")")
	}
	return fonts + fmt.Sprintf(":root { color-scheme: light dark; %s}\n@media screen and (prefers-color-scheme: "+
		"dark) { :root { %s} }\n", light.String(), dark.String()) +
		strings.NewReplacer(names...).Replace(pageCSS+added)
}
