// Package markdown writes tables in GitHub's dialect of Markdown.
package markdown

import "strings"

// Table is a table of texts; each row has as many cells as Head.
type Table struct {
	Head  []string
	Right []bool // columns aligned to the right, as numbers are; missing ones are not
	Rows  [][]string
}

func (t *Table) right(column int) bool { return column < len(t.Right) && t.Right[column] }

// escape keeps a cell on one line and in its column.
var escape = strings.NewReplacer("|", `\|`, "\n", " ")

// Plain writes the table for a program that lays it out: cells as wide as their text.
func (t *Table) Plain() string {
	var b strings.Builder
	row := func(cells []string) {
		b.WriteString("|")
		for _, c := range cells {
			b.WriteString(" " + escape.Replace(c) + " |")
		}
		b.WriteString("\n")
	}
	row(t.Head)
	b.WriteString("|")
	for i := range t.Head {
		if t.right(i) {
			b.WriteString("---:|")
		} else {
			b.WriteString("---|")
		}
	}
	b.WriteString("\n")
	for _, cells := range t.Rows {
		row(cells)
	}
	return b.String()
}

// Aligned writes the table for a terminal: columns lined up and at least least characters
// wide, with gap between their text and the bars.
func (t *Table) Aligned(gap string, least int) string {
	widths := make([]int, len(t.Head))
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)), least)
		}
	}
	var b strings.Builder
	write := func(row []string) {
		for i, cell := range row {
			pad := strings.Repeat(" ", max(0, widths[i]-len([]rune(cell))))
			if t.right(i) {
				cell, pad = pad+cell, ""
			}
			b.WriteString("|" + gap + cell + pad + gap)
		}
		b.WriteString("|\n")
	}
	rule := make([]string, len(t.Head))
	for i, width := range widths {
		rule[i] = strings.Repeat("-", width)
		if t.right(i) {
			rule[i] = strings.Repeat("-", max(width-1, 1)) + ":"
		}
	}
	write(t.Head)
	write(rule)
	for _, row := range t.Rows {
		write(row)
	}
	return b.String()
}
