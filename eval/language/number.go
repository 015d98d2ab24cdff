package language

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Plain writes the numbers of a text as benchmarks do, where the language with this code is
// the user's: its own digits as 0 to 9, and its separators, where they are none that
// every grader reads, as a decimal point or nothing. A final \boxed{} that holds nothing
// but a number has all its separators so: \boxed{1.234,5} is \boxed{1234.5} where the
// decimal sign is a comma. Of other languages the text stays as it is: graders have rules
// of their own for the study's.
func (t *Table) Plain(code, text string) string {
	for _, own := range t.own {
		if own == code {
			return t.byCode[code].plain(text)
		}
	}
	return text
}

func (l *Language) plain(text string) string {
	if l.Digits != "" {
		value := map[rune]rune{}
		for _, r := range l.Digits {
			value[r] = '0' + rune(len(value))
		}
		text = strings.Map(func(r rune) rune {
			if plain, ok := value[r]; ok {
				return plain
			}
			return r
		}, text)
	}
	if g := l.Grouping; g != "" && g[0] >= utf8.RuneSelf && !isSpace(g) {
		text = ungroup(text, g)
	}
	if d := l.Decimal; d != "" && d[0] >= utf8.RuneSelf {
		text = regexp.MustCompile(`(\d)`+regexp.QuoteMeta(d)+`(\d)`).ReplaceAllString(text, "$1.$2")
	}
	box := strings.LastIndex(text, boxed)
	if box < 0 {
		return text
	}
	box += len(boxed)
	content, rest, closed := strings.Cut(text[box:], "}")
	if number, ok := l.number(strings.TrimSpace(content)); closed && ok {
		return text[:box] + number + "}" + rest
	}
	return text
}

const boxed = `\boxed{`

// isSpace reports whether a separator is a space of some width.
func isSpace(s string) bool { return strings.TrimSpace(s) == "" || s == "\u202f" || s == "\u00a0" }

// ungroup takes a separator out between digits that three or two follow.
func ungroup(text, separator string) string {
	group := regexp.MustCompile(`(\d)` + regexp.QuoteMeta(separator) + `(\d{2,3})`)
	for range 8 { // matches that touch are found in turns
		text = group.ReplaceAllString(text, "$1$2")
	}
	return text
}

// number reads a text that is nothing but a number in the language's notation.
func (l *Language) number(s string) (plain string, ok bool) {
	group := regexp.QuoteMeta(l.Grouping)
	if isSpace(l.Grouping) {
		group = "[ \u00a0\u202f]"
	}
	whole := `\d+`
	if l.Grouping != "" {
		whole = `(?:\d{1,3}(?:` + group + `\d{2,3})*` + group + `\d{3}|\d+)`
	}
	tail := ""
	if l.Decimal != "" {
		tail = `(?:` + regexp.QuoteMeta(l.Decimal) + `\d+)?`
	}
	pattern := regexp.MustCompile(`^[-+−]?` + whole + tail + `$`)
	if !pattern.MatchString(s) {
		return "", false
	}
	if l.Grouping != "" {
		s = regexp.MustCompile(group).ReplaceAllString(s, "")
	}
	if l.Decimal != "" {
		s = strings.Replace(s, l.Decimal, ".", 1)
	}
	return strings.Replace(s, "−", "-", 1), true
}
