package language

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Plain writes the numbers of a text as benchmarks do, where the language with this code is
// the user's or one of further.yaml: its own digits as 0 to 9, and its separators, where they are none that
// every grader reads, as a decimal point or nothing. In the answer all its separators are
// written so: \boxed{1.234,5} is \boxed{1234.5} where the decimal sign is a comma. The answer
// is the content of the last \boxed{}, if that is nothing but a number, or in a text without
// one the last number. Of other languages the text stays as it is: graders have rules of
// their own for the study's.
func (t *Table) Plain(code, text string) string {
	if l := t.figured(code); l != nil {
		return l.plain(text)
	}
	return text
}

// figured returns the language whose numbers are written as benchmarks do: one that the user or
// further.yaml describes; nil for others.
func (t *Table) figured(code string) *Language {
	if slices.Contains(t.own, code) || slices.Contains(t.further, code) {
		return t.byCode[code]
	}
	return nil
}

// western writes the language's digits as 0 to 9.
func (l *Language) western(text string) string {
	if l.Digits == "" {
		return text
	}
	value := map[rune]rune{}
	for _, r := range l.Digits {
		value[r] = '0' + rune(len(value))
	}
	return strings.Map(func(r rune) rune {
		if plain, ok := value[r]; ok {
			return plain
		}
		return r
	}, text)
}

func (l *Language) plain(text string) string {
	text = l.answerPlain(l.western(text))
	if g := l.Grouping; g != "" && g[0] >= utf8.RuneSelf && !isSpace(g) {
		text = ungroup(text, g)
	}
	if d := l.Decimal; d != "" && d[0] >= utf8.RuneSelf {
		text = regexp.MustCompile(`(\d)`+regexp.QuoteMeta(d)+`(\d)`).ReplaceAllString(text, "$1.$2")
	}
	return text
}

// answerPlain writes the number that is the answer of a text, if it is one.
func (l *Language) answerPlain(text string) string {
	number := l.number()
	box := strings.LastIndex(text, boxed)
	if box < 0 {
		all := number.FindAllStringIndex(text, -1)
		if all == nil {
			return text
		}
		last := all[len(all)-1]
		return text[:last[0]] + l.pointed(text[last[0]:last[1]]) + text[last[1]:]
	}
	box += len(boxed)
	content, rest, closed := strings.Cut(text[box:], "}")
	content = strings.TrimSpace(content)
	if closed && content != "" && number.FindString(content) == content && !(l.Decimal == "," &&
		englishGroups.MatchString(content)) {
		return text[:box] + l.pointed(content) + "}" + rest
	}
	return text
}

// englishGroups matches what is no number with decimals, though a comma stands there: models write groups of digits so
// whatever their language, and graders read them.
var englishGroups = regexp.MustCompile(`^[-+−]?[1-9]\d{0,2}(?:(?:,\d{3}){2,}|,000)(?:\.\d+)?$`)

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

// group matches what stands between groups of digits.
func (l *Language) group() string {
	if isSpace(l.Grouping) {
		return "[ \u00a0\u202f]"
	}
	return regexp.QuoteMeta(l.Grouping)
}

// number matches a number in the language's notation.
func (l *Language) number() *regexp.Regexp {
	whole := `\d+`
	if l.Grouping != "" {
		whole = `(?:[1-9]\d{0,2}(?:` + l.group() + `\d{2,3})*` + l.group() + `\d{3}\b|\d+)`
	}
	decimals := ""
	if l.Decimal != "" {
		decimals = `(?:` + regexp.QuoteMeta(l.Decimal) + `\d+)?`
	}
	return regexp.MustCompile(`[-+−]?` + whole + decimals)
}

// pointed writes a number in the language's notation without groups, with a decimal point.
func (l *Language) pointed(s string) string {
	if l.Grouping != "" {
		s = regexp.MustCompile(l.group()).ReplaceAllString(s, "")
	}
	if l.Decimal != "" {
		s = strings.Replace(s, l.Decimal, ".", 1)
	}
	return strings.Replace(s, "−", "-", 1)
}
