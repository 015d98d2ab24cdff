package report

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"

	"github.com/stele-lm/stele/internal/markdown"
)

// Table is a table for people: cells are text already.
type Table struct {
	Name    string // of its files, without the ending
	Caption string
	Head    []string
	Rows    [][]string
	Labels  int // leading columns that are text, not numbers
	// Number is the paper's of a table that is its; others are counted. Its CSV has the numbers as the
	// paper prints them, and their intervals in columns of their own.
	Number string
	// Benchmark is the one that the table is of; empty where labels or heads say it, or where it is of several.
	Benchmark string
	// About names the models that each row is about, where no label does, and a base before what was trained from it.
	About [][]string
	// all are the rows of the CSV where Rows are only the first of them.
	all [][]string
	// allHead are the heads of these where they have other columns.
	allHead []string
}

// Markdown writes the table as Markdown.
func (t *Table) Markdown() string {
	right := make([]bool, len(t.Head))
	for i := range right {
		right[i] = i >= t.Labels
	}
	return (&markdown.Table{Head: t.Head, Right: right, Rows: t.Rows}).Plain()
}

// empty tells whether a table has no number: no row, or nothing in any.
func (t *Table) empty() bool {
	for _, row := range t.Rows {
		for k, cell := range row {
			if (k >= t.Labels || t.Labels == len(row)) && cell != unknown && cell != none && cell != "" {
				return false
			}
		}
	}
	return true
}

// withoutEmpty leaves out tables without a number, of which it says so, and sections that have nothing then.
func withoutEmpty(sections []Section) []Section {
	var all []Section
	for _, x := range sections {
		var kept []Table
		for i := range x.Tables {
			t := &x.Tables[i]
			if !t.empty() {
				kept = append(kept, *t)
			} else if len(t.Rows) > 0 {
				x.Points = append(x.Points, "Left out, since none of its numbers is defined: "+t.title()+".")
			}
		}
		x.Tables = kept
		if len(x.Facts)+len(x.Points)+len(x.Figures)+len(x.Tables) > 0 {
			all = append(all, x)
		}
	}
	return all
}

// CSV returns the table as it is printed, with the hyphen as its minus sign. Numbers
// that are not rounded are in the report's own CSV files.
func (t *Table) CSV() ([]byte, error) {
	head, rows := t.Head, t.Rows
	if t.all != nil {
		rows = t.all
	}
	if t.allHead != nil {
		head = t.allHead
	}
	plain := make([][]string, len(rows))
	for i, row := range rows {
		plain[i] = make([]string, len(row))
		for k, cell := range row {
			switch {
			case cell == unknown:
			case k < t.Labels:
				plain[i][k] = cell // a name as it is
			default:
				plain[i][k] = strings.NewReplacer("−", "-", unknown, "").Replace(cell)
			}
		}
	}
	if t.Number == "" {
		return toCSV(head, plain)
	}
	return toCSV(apart(head, plain, t.Labels))
}

// apart takes intervals and standard errors out of cells, into columns behind the others.
func apart(head []string, rows [][]string, labels int) ([]string, [][]string) {
	columns := len(head)
	head = slices.Clone(head)
	for k := labels; k < columns; k++ {
		low, high, se := make([]string, len(rows)), make([]string, len(rows)), make([]string, len(rows))
		intervals, errors := false, false
		for i, row := range rows {
			number, aside := splitCell(row[k])
			row[k] = strings.TrimSuffix(number, "*")
			if a, b, ok := strings.Cut(strings.Trim(aside, "[]"), ", "); ok {
				low[i], high[i], intervals = a, b, true
			} else if x, ok := strings.CutPrefix(aside, "± "); ok {
				se[i], errors = x, true
			}
		}
		for _, c := range []struct {
			name  string
			cells []string
			any   bool
		}{{" low", low, intervals}, {" high", high, intervals}, {" se", se, errors}} {
			if !c.any {
				continue
			}
			head = append(head, head[k]+c.name)
			for i := range rows {
				rows[i] = append(rows[i], c.cells[i])
			}
		}
	}
	return head, rows
}

// toCSV writes rows with a head as RFC 4180 says.
func toCSV(head []string, rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(head); err != nil {
		return nil, err
	}
	err := w.WriteAll(rows)
	return b.Bytes(), err
}
