package report

import (
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/threads"
)

// Report holds the tables and figures of some runs, in sections.
type Report struct {
	Title    string
	Sections []Section
	// SamplesAt is the page of samples, where that is another report's; empty: beside the report, and written with it.
	SamplesAt string
	runs      []*Run
	study     *study
	curves    []curve
}

// New makes a report of runs. The plan may be empty; it must not name a base that
// is not there.
func New(runs []*Run, plan Plan) (*Report, error) {
	distinguish(runs)
	plan, said, err := plan.given(runs)
	if err != nil {
		return nil, err
	}
	s, err := newStudy(runs, plan)
	if err != nil {
		return nil, err
	}
	s.said = said
	if err := s.measure(runs, plan); err != nil {
		return nil, err
	}
	r := &Report{runs: runs, Title: plan.Title, study: s}
	var names []string
	for _, run := range runs {
		names = append(names, run.Name)
	}
	if r.Title == "" {
		r.Title = strings.Join(names, ", ")
		if len(names) > 3 {
			r.Title = fmt.Sprintf("%s and %d more", strings.Join(names[:2], ", "), len(names)-2)
		}
	}
	r.Sections = r.study.sections(runs)
	return r, nil
}

// Remarks returns sentences for the user: which runs are not compared, and why, and languages whose names
// pictures cannot write.
func (r *Report) Remarks() []string { return append(r.study.remarks(), r.study.known.remarks()...) }

// distinguish calls runs whose folders have the same name by their parents' too.
func distinguish(runs []*Run) {
	counts := map[string]int{}
	for _, r := range runs {
		counts[r.Name]++
	}
	for _, r := range runs {
		if counts[r.Name] > 1 && r.dir != "" {
			r.Name = filepath.Base(filepath.Dir(r.dir)) + "/" + r.Name
		}
	}
}

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"long":  func(cell string) bool { return len([]rune(cell)) > 36 },
	"main":  func(cell string) string { number, _ := splitCell(cell); return number },
	"aside": func(cell string) string { _, aside := splitCell(cell); return aside },
}).Parse(pageHTML))

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

// HTML returns the report as one page that needs nothing else.
func (r *Report) HTML() ([]byte, error) {
	var b strings.Builder
	type figure struct {
		Figure
		SVG template.HTML
	}
	type table struct {
		Table
		Headings []heading
	}
	type section struct {
		Section
		Figures []figure
		Tables  []table
	}
	data := struct {
		Title    string
		Style    template.CSS
		Sections []section
	}{Title: r.Title, Style: template.CSS(styleSheet(r.study.known))}
	var counted counters
	number := func(t Table) table {
		t.Number = r.number(t.Number, &counted.tables)
		t.Rows = t.grouped()
		out := table{Table: t}
		for _, head := range t.Head {
			out.Headings = append(out.Headings, r.study.known.heading(head))
		}
		return out
	}
	for _, s := range r.Sections {
		out := section{Section: s}
		for _, f := range s.Figures {
			f.Number = r.number(f.Number, &counted.figures)
			out.Figures = append(out.Figures, figure{f, template.HTML(f.SVG())})
		}
		for _, t := range s.Tables {
			out.Tables = append(out.Tables, number(t))
		}
		data.Sections = append(data.Sections, out)
	}
	if err := page.Execute(&b, data); err != nil {
		return nil, err
	}
	return []byte(b.String()), nil
}

// counters count what has no number of the paper's.
type counters struct{ figures, tables int }

// number returns a table's or figure's number: the paper's, or the next one, with an S before it where
// the report also has the paper's.
func (r *Report) number(papers string, next *int) string {
	if papers != "" {
		return papers
	}
	*next++
	if r.study.paper {
		return fmt.Sprintf("S%d", *next)
	}
	return fmt.Sprint(*next)
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

// Markdown returns the report's text, tables and links to the figures' files.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", r.Title)
	var counted counters
	table := func(t *Table) {
		fmt.Fprintf(&b, "\n**Table %s.** %s\n\n%s", r.number(t.Number, &counted.tables), t.Caption, t.Markdown())
	}
	for _, s := range r.Sections {
		fmt.Fprintf(&b, "\n## %s\n", s.Title)
		if len(s.Facts) > 0 {
			fmt.Fprintf(&b, "\n%s\n", strings.Join(s.Facts, " "))
		}
		for i, point := range s.Points {
			if i == 0 {
				b.WriteString("\n")
			}
			fmt.Fprintf(&b, "- %s\n", point)
		}
		for _, f := range s.Figures {
			fmt.Fprintf(&b, "\n![%s](figures/%s.svg)\n\n**Figure %s.** %s\n", f.Title, f.Name,
				r.number(f.Number, &counted.figures), f.Caption)
		}
		for _, t := range s.Tables {
			table(&t)
		}
	}
	return b.String()
}

// Write puts report.html, report.md, report.tex, report.json, figures/*.svg and
// *.png, tables/*.csv and *.tex, and samples.html with its samples/*.js into a folder.
func (r *Report) Write(dir string) error {
	for _, sub := range []string{"figures", "tables"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	var errs []error
	var mu sync.Mutex
	put := func(name string, data []byte, err error) {
		if err == nil {
			err = jsonl.WriteBytes(filepath.Join(dir, filepath.FromSlash(name)), data)
		}
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, err)
	}
	pictures := make(chan *Figure)
	var painters sync.WaitGroup
	for range threads.Count {
		painters.Go(func() {
			for f := range pictures {
				put("figures/"+f.Name+".svg", []byte(f.canvas.file(f.Title)), nil)
				data, err := f.canvas.png()
				put("figures/"+f.Name+".png", data, err)
			}
		})
	}
	for _, s := range r.Sections {
		for i := range s.Figures {
			pictures <- &s.Figures[i]
		}
	}
	close(pictures)
	painters.Wait()
	for _, s := range r.Sections {
		for i := range s.Tables {
			t := &s.Tables[i]
			data, err := t.CSV()
			put("tables/"+t.Name+".csv", data, err)
			put("tables/"+t.Name+".tex", []byte(t.LaTeX()), nil)
		}
	}
	for _, t := range r.numbers() {
		data, err := toCSV(t.head, t.rows)
		put("tables/"+t.name+".csv", data, err)
	}
	if r.SamplesAt == "" {
		errs = append(errs, r.writeSamples(dir))
	}
	put("report.md", []byte(r.Markdown()), nil)
	put("report.tex", []byte(r.LaTeX()), nil)
	data, err := r.JSON()
	put("report.json", data, err)
	data, err = r.HTML()
	put("report.html", data, err)
	return errors.Join(errs...)
}
