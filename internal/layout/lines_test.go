package layout

import (
	"go/scanner"
	"go/token"
	"strings"
	"testing"
	"unicode/utf8"
)

// columns is the most of a line of Go, with a tab as 4. Most lines keep to 110.
const columns = 120

// longLines lists files with lines that are longer and would not read better broken, and how
// many. Texts between backquotes are not counted.
var longLines = map[string]int{
	"third_party/libtokenizers/libtokenizers.go": 1, // an #error of C, which is one line
}

// TestLines measures lines of Go, but those that go generate writes.
func TestLines(t *testing.T) {
	seen := map[string]int{}
	for _, file := range goFiles(t) {
		source := read(t, file)
		if strings.HasPrefix(source, "// Code generated") {
			continue
		}
		quoted := quotedLines(source)
		for i, line := range strings.Split(source, "\n") {
			if n := utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    ")); n > columns && !quoted[i+1] {
				if seen[file]++; seen[file] > longLines[file] {
					t.Errorf("%s:%d has %d columns, more than %d", file, i+1, n, columns)
				}
			}
		}
	}
	for file, n := range longLines {
		if seen[file] < n {
			t.Errorf("%s has %d long lines, fewer than the %d that longLines allows", file, seen[file], n)
		}
	}
}

// quotedLines returns the numbers of the lines that texts between backquotes touch.
func quotedLines(source string) map[int]bool {
	files := token.NewFileSet()
	file := files.AddFile("", -1, len(source))
	var s scanner.Scanner
	s.Init(file, []byte(source), nil, 0)
	lines := map[int]bool{}
	for {
		position, kind, text := s.Scan()
		if kind == token.EOF {
			return lines
		}
		if kind == token.STRING && text[0] == '`' {
			first := file.Line(position)
			for n := range strings.Count(text, "\n") + 1 {
				lines[first+n] = true
			}
		}
	}
}
