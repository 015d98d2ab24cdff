package report

import (
	"net/url"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval/grade"
)

// linker finds the samples that a table's cell is of.
type linker struct {
	page string // of samples
	// models are the models as the page of samples knows them, by what tables call them.
	models     map[string][]string
	runs       map[string][]string // the models measured in a run, by the name of its folder
	benchmarks []string
	there      map[[3]string]bool // model, benchmark and language with samples, "" for any
	known      knownLanguages
}

// linker returns nil where no samples are there to link to.
func (s *study) linker(page string) *linker {
	models, of := s.sampled()
	if len(models) == 0 {
		return nil
	}
	l := &linker{page: page, models: map[string][]string{}, runs: map[string][]string{},
		there: map[[3]string]bool{}, known: s.known}
	for i, m := range models {
		run := strings.TrimSuffix(strings.TrimSuffix(m.run, "/before"), "/after")
		l.runs[run] = append(l.runs[run], m.name)
		for _, name := range []string{m.name, of[i], ""} {
			for _, key := range m.answers.keys {
				for _, b := range []string{key[0], ""} {
					l.there[[3]string{name, b, key[1]}], l.there[[3]string{name, b, ""}] = true, true
				}
				if !slices.Contains(l.benchmarks, key[0]) {
					l.benchmarks = append(l.benchmarks, key[0])
				}
			}
		}
	}
	for _, m := range s.models {
		l.models[m.name] = []string{m.name}
	}
	for _, m := range s.singles {
		l.models[m.name] = []string{m.name}
	}
	for _, e := range s.sharedOnly() {
		if name, _, ok := strings.Cut(e.name, sharedWith); ok {
			l.models[e.name] = []string{name}
		}
	}
	return l
}

// Special columns, and tables of which all cells are of some samples alone.
var (
	columnFilters = map[string]url.Values{"off-target": {"off": {"yes"}}, "Off": {"off": {"yes"}},
		"Off-tag": {"off": {"yes"}}}
	tableFilters = map[string]url.Values{"off-target": {"off": {"yes"}}, "answer-off-target": {"answer-off": {"yes"}},
		"graders-differ": {"graders": {"differ"}}}
)

// cells returns the link of each cell of a table; "" for what is of no samples.
func (l *linker) cells(t *Table) [][]string {
	links := make([][]string, len(t.Rows))
	for i, row := range t.Rows {
		links[i] = make([]string, len(row))
		if l == nil {
			continue
		}
		models, p := []string(nil), url.Values{}
		if t.Benchmark != "" {
			p.Set("benchmark", t.Benchmark)
		}
		for k := range t.Labels {
			switch strings.ToLower(t.Head[k]) {
			case "model":
				models = l.models[row[k]]
			case "run":
				models = l.runs[row[k]]
			case "benchmark":
				if slices.Contains(l.benchmarks, row[k]) {
					p.Set("benchmark", row[k])
				}
			case "language":
				p.Set("language", row[k])
			case "question", "sample":
				p.Set(strings.ToLower(t.Head[k]), row[k])
			}
		}
		if i < len(t.About) && t.About[i] != nil {
			models = t.About[i]
		}
		for k := range row {
			links[i][k] = l.cell(t, row, k, models, p)
		}
	}
	return links
}

// cell returns a cell's link; models and p say what its row is about.
func (l *linker) cell(t *Table, row []string, k int, models []string, p url.Values) string {
	if row[k] == unknown || row[k] == "" {
		return ""
	}
	about := url.Values{}
	for key, value := range p {
		about[key] = value
	}
	if k < t.Labels {
		switch strings.ToLower(t.Head[k]) {
		case "base", "base model":
			models = l.models[row[k]]
		case "model", "run", "question", "template", "parallel languages", "training languages":
		default:
			if !p.Has("question") {
				return ""
			}
		}
	} else {
		head := strings.TrimSuffix(t.Head[k], "*")
		switch {
		case slices.Contains(l.benchmarks, head):
			about.Set("benchmark", head)
		case l.there[[3]string{"", "", head}]:
			about.Set("language", head)
		}
		for _, filters := range []url.Values{columnFilters[t.Head[k]], tableFilters[t.Name]} {
			for key, value := range filters {
				about[key] = value
			}
		}
		if g, ok := strings.CutPrefix(t.Head[k], "only "); ok && slices.ContainsFunc(grade.Graders,
			func(one *grade.Grader) bool { return one.Name == g }) {
			about.Set("graders", t.Head[k])
		}
	}
	for _, m := range models {
		if !l.there[[3]string{m, about.Get("benchmark"), about.Get("language")}] {
			return ""
		}
	}
	if len(models) == 0 {
		return ""
	}
	about["model"] = models
	return l.page + "#" + about.Encode()
}
