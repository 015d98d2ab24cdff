package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// wordWrap is the filter wordwrap: Python's textwrap on each line.
func wordWrap(r *run, a []Value) Value {
	s, ok := isText(a[0])
	if !ok {
		throw("wordwrap takes a string, not '%s'", typeName(a[0]))
	}
	width := int(min(max(count(or(a[1], int64(79))), 0), maxText))
	if width == 0 {
		throw("invalid width 0 (must be > 0)")
	}
	between := "\n"
	if or(a[3], nil) != nil {
		between = textArg(a[3], "wrapstring")
	}
	var lines []string
	for _, line := range splitLines(s, false) {
		wrapped := wrapLine(r, line, width, truth(or(a[2], true)), truth(or(a[4], true)))
		lines = append(lines, strings.Join(wrapped, between))
	}
	out := strings.Join(lines, between)
	r.spend(len(out))
	return out
}

// chunks cuts a line where textwrap may break it: around white space, and behind
// the hyphens of words.
func chunks(line string, hyphens bool) []string {
	var out []string
	for line != "" {
		space := isWrapSpace(rune(line[0]))
		end := strings.IndexFunc(line, func(c rune) bool { return isWrapSpace(c) != space })
		if end < 0 {
			end = len(line)
		}
		part := line[:end]
		line = line[end:]
		if hyphens && !space {
			runes := []rune(part)
			from := 0
			letter := func(i int) bool {
				return i >= 0 && i < len(runes) && (unicode.IsLetter(runes[i]) || runes[i] == '_')
			}
			word := func(i int) bool {
				return letter(i) || i >= 0 && i < len(runes) && unicode.IsDigit(runes[i])
			}
			for i := 0; i < len(runes); i++ {
				switch {
				case runes[i] == '-' && i-from >= 2 && letter(i-1) && word(i-2) && letter(i-2) &&
					letter(i+1) && (letter(i+2) || i+2 < len(runes) && runes[i+2] == '-'),
					runes[i] == '-' && i-from >= 1 && letter(i-1) &&
						(i-from == 1 || runes[i-2] == '-' || letter(i-2)) && letter(i+1) && letter(i+2):
					out = append(out, string(runes[from:i+1]))
					from = i + 1
				case runes[i] == '-' && i+1 < len(runes) && runes[i+1] == '-' && i > from &&
					(word(i-1) || strings.ContainsRune("!\"'&.,?", runes[i-1])):
					j := i
					for j < len(runes) && runes[j] == '-' {
						j++
					}
					if word(j) {
						out = append(out, string(runes[from:i]), string(runes[i:j]))
						from = j
					}
					i = j - 1
				}
			}
			part = string(runes[from:])
		}
		if part != "" {
			out = append(out, part)
		}
	}
	return out
}

func isWrapSpace(c rune) bool { return strings.ContainsRune("\t\n\v\f\r ", c) }

// wrapLine is textwrap.wrap of one line.
func wrapLine(r *run, line string, width int, breakLong, hyphens bool) []string {
	var lines []string
	rest := chunks(line, hyphens)
	blank := func(s string) bool { return strings.TrimFunc(s, isSpace) == "" }
	for len(rest) > 0 {
		r.spend(len(rest))
		var current []string
		used := 0
		if blank(rest[0]) && len(lines) > 0 {
			rest = rest[1:]
		}
		for len(rest) > 0 {
			if head(rest[0], width-used) >= 0 {
				break
			}
			current = append(current, rest[0])
			used += utf8.RuneCountInString(rest[0])
			rest = rest[1:]
		}
		if len(rest) > 0 && head(rest[0], width) >= 0 {
			switch room := width - used; {
			case breakLong:
				at := head(rest[0], room)
				if hyphens {
					if h := lastHyphen([]rune(rest[0][:at])); h > 0 {
						at = head(rest[0], h+1)
					}
				}
				current = append(current, rest[0][:at])
				rest[0] = rest[0][at:]
			case len(current) == 0:
				current = append(current, rest[0])
				rest = rest[1:]
			}
		}
		if len(current) > 0 && blank(current[len(current)-1]) {
			current = current[:len(current)-1]
		}
		if len(current) > 0 {
			lines = append(lines, strings.Join(current, ""))
		}
	}
	return lines
}

// head is the size of the first n characters of a text that has more, else -1.
func head(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return -1
}

// lastHyphen returns the index of the last hyphen that follows something else, or -1.
func lastHyphen(runes []rune) int {
	for i := len(runes) - 1; i > 0; i-- {
		if runes[i] == '-' {
			if strings.Trim(string(runes[:i]), "-") == "" {
				return -1
			}
			return i
		}
	}
	return -1
}
