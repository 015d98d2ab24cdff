package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// cased says whether Python counts a character as upper, lower or title case.
func cased(c rune) bool {
	return unicode.IsUpper(c) || unicode.IsLower(c) || unicode.IsTitle(c) ||
		unicode.Is(unicode.Other_Uppercase, c) || unicode.Is(unicode.Other_Lowercase, c)
}

func isLower(c rune) bool { return unicode.IsLower(c) || unicode.Is(unicode.Other_Lowercase, c) }
func isUpper(c rune) bool { return unicode.IsUpper(c) || unicode.Is(unicode.Other_Uppercase, c) }

// plain says that a text is ASCII.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func upper(s string) string {
	if plain(s) {
		return strings.ToUpper(s)
	}
	return cases.Upper(language.Und).String(s)
}

func lower(s string) string {
	if plain(s) {
		return strings.ToLower(s)
	}
	return cases.Lower(language.Und).String(s)
}

// titleCase is one character in title case.
func titleCase(c rune) string {
	if c < utf8.RuneSelf {
		return strings.ToUpper(string(c))
	}
	if t := unicode.ToTitle(c); t != c {
		return string(t)
	}
	return cases.Title(language.Und, cases.NoLower).String(string(c))
}

// capitalize is Python's str.capitalize.
func capitalize(s string) string {
	c, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	// The rest is put into lower case with the first letter before it: a final
	// sigma is one only after a letter.
	low := lower("a" + s[size:])
	return titleCase(c) + low[1:]
}

// title is Python's str.title: a capital wherever a letter follows none.
func title(s string) string {
	var b strings.Builder
	low := []rune(lower(s))
	runes := []rune(s)
	aligned := len(low) == len(runes)
	before := false
	for i, c := range runes {
		switch {
		case !before:
			b.WriteString(titleCase(c))
		case aligned:
			b.WriteRune(low[i])
		default:
			b.WriteString(lower(string(c)))
		}
		before = cased(c)
	}
	return b.String()
}

func swapcase(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case isUpper(c):
			b.WriteString(lower(string(c)))
		case isLower(c):
			b.WriteString(upper(string(c)))
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// allCased says whether a text has cased letters and all are of a case.
func allCased(s string, is func(rune) bool) bool {
	some := false
	for _, c := range s {
		if cased(c) {
			if !is(c) {
				return false
			}
			some = true
		}
	}
	return some
}

func isTitle(s string) bool {
	some, before := false, false
	for _, c := range s {
		switch {
		case isUpper(c) || unicode.IsTitle(c):
			if before {
				return false
			}
			before, some = true, true
		case isLower(c):
			if !before {
				return false
			}
			some = true
		default:
			before = false
		}
	}
	return some
}

// all says whether a text is not empty and of one class of characters.
func all(s string, is func(rune) bool) bool {
	for _, c := range s {
		if !is(c) {
			return false
		}
	}
	return s != ""
}

// lineEnds are the ends of lines that Python's splitlines knows.
const lineEnds = "\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029"

// splitLines is Python's str.splitlines.
func splitLines(s string, keep bool) []string {
	var lines []string
	for s != "" {
		i := strings.IndexAny(s, lineEnds)
		if i < 0 {
			lines = append(lines, s)
			break
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		if strings.HasPrefix(s[i:], "\r\n") {
			size = 2
		}
		if keep {
			lines = append(lines, s[:i+size])
		} else {
			lines = append(lines, s[:i])
		}
		s = s[i+size:]
	}
	return lines
}

// splitSpaces is Python's str.split() at white space, at most n times if n >= 0.
func splitSpaces(s string, n int64) []string {
	var parts []string
	for {
		s = strings.TrimLeftFunc(s, isSpace)
		if s == "" {
			return parts
		}
		if n == 0 {
			return append(parts, s)
		}
		end := strings.IndexFunc(s, isSpace)
		if end < 0 {
			return append(parts, s)
		}
		parts = append(parts, s[:end])
		s = s[end:]
		n--
	}
}

// rsplitSpaces is splitSpaces from the right.
func rsplitSpaces(s string, n int64) []string {
	var parts []string
	for {
		s = strings.TrimRightFunc(s, isSpace)
		if s == "" {
			break
		}
		start := 0
		if n != 0 {
			if i := strings.LastIndexFunc(s, isSpace); i >= 0 {
				_, size := utf8.DecodeRuneInString(s[i:])
				start = i + size
			}
		}
		parts = append([]string{s[start:]}, parts...)
		s = s[:start]
		n--
		if start == 0 {
			break
		}
	}
	return parts
}

// rsplit is Python's str.rsplit with a separator.
func rsplit(s, separator string, n int64) []string {
	var reversed []string
	for n != 0 {
		i := strings.LastIndex(s, separator)
		if i < 0 {
			break
		}
		reversed = append(reversed, s[i+len(separator):])
		s = s[:i]
		n--
	}
	parts := []string{s}
	for i := len(reversed) - 1; i >= 0; i-- {
		parts = append(parts, reversed[i])
	}
	return parts
}

// replaced is Python's str.replace; n < 0 means everywhere.
func replaced(r *run, s, from, to string, n int64) string {
	times := int64(strings.Count(s, from))
	if n >= 0 {
		times = min(times, n)
	}
	r.spend(len(s))
	if grow := len(to) - len(from); grow > 0 && times > int64(maxText/grow) {
		throw("text of more than %d MiB", maxText>>20)
	}
	r.spend(len(s) + int(times)*max(len(to)-len(from), 0))
	return strings.Replace(s, from, to, int(times))
}

// escape writes a text for HTML as markupsafe does.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", ">", "&gt;", "<", "&lt;", "'", "&#39;", `"`, "&#34;").Replace(s)
}

// padded fills a text up to a width, with the text left, right or in the middle.
func padded(r *run, s string, width int64, fill string, side byte) string {
	gap := width - int64(utf8.RuneCountInString(s))
	if gap <= 0 {
		return s
	}
	gap = min(gap, maxText*2)
	r.spend(int(gap) * len(fill))
	left := int64(0)
	switch side {
	case '>':
		left = gap
	case '^':
		left = gap/2 + gap&width&1
	}
	return strings.Repeat(fill, int(left)) + s + strings.Repeat(fill, int(gap-left))
}

// words makes a list of texts.
func words(r *run, parts []string, model Value) *List {
	r.spend(len(parts) * itemCost)
	items := make([]Value, len(parts))
	for i, p := range parts {
		items[i] = like(model, p)
	}
	return &List{items}
}
