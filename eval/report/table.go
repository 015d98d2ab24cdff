package report

import (
	"bytes"
	"encoding/csv"
	"strings"
)

// Table is a table for people: cells are text already.
type Table struct {
	Name    string // of its CSV file, without the ending
	Caption string
	Head    []string
	Rows    [][]string
	Labels  int // leading columns that are text, not numbers
}

// Markdown is the table in GitHub's dialect.
func (t *Table) Markdown() string {
	var b strings.Builder
	row := func(cells []string) {
		b.WriteString("|")
		for _, c := range cells {
			b.WriteString(" " + strings.NewReplacer("|", `\|`, "\n", " ").Replace(c) + " |")
		}
		b.WriteString("\n")
	}
	row(t.Head)
	b.WriteString("|")
	for i := range t.Head {
		if i < t.Labels {
			b.WriteString("---|")
		} else {
			b.WriteString("---:|")
		}
	}
	b.WriteString("\n")
	for _, cells := range t.Rows {
		row(cells)
	}
	return b.String()
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
