package report

import (
	"errors"
	"fmt"
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
	// Version is the Stele that makes the report; empty where nobody says it.
	Version string
	// SamplesAt is the page of samples, where that is another report's; empty: beside the report, and written with it.
	SamplesAt string
	runs      []*Run
	study     *study
	curves    []curve
	made      []provenance // of the runs
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
	if r.made, err = r.provenances(); err != nil {
		return nil, err
	}
	r.Sections = withoutEmpty(append(r.study.sections(runs), r.study.settingsSection(r.made)))
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
