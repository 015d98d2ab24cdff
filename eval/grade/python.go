package grade

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The reference works on Python strings. The character classes of Python's
// regular expressions and string methods cover all of Unicode, and model
// output in eleven languages depends on it: a Thai vowel sign is not a word
// character, a Bengali digit is a digit.

// isSpace reports whether Python's str.strip would remove r.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || (r >= 0x1c && r <= 0x1f)
}

// isWord reports whether r matches \w in a Python str pattern.
func isWord(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r)
}

// digitValue returns the value of a decimal digit of any script, or -1.
func digitValue(r rune) int {
	if r < 0x80 {
		if r >= '0' && r <= '9' {
			return int(r - '0')
		}
		return -1
	}
	if !unicode.Is(unicode.Nd, r) {
		return -1
	}
	// Every block of Nd code points begins at a zero and runs in tens.
	for _, block := range unicode.Nd.R16 {
		if r <= rune(block.Hi) {
			return int(r-rune(block.Lo)) % 10
		}
	}
	for _, block := range unicode.Nd.R32 {
		if r <= rune(block.Hi) {
			return int(r-rune(block.Lo)) % 10
		}
	}
	return -1
}

// asciiDigits replaces decimal digits of every script with ASCII ones, as
// Python's int and float do.
func asciiDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if v := digitValue(r); v >= 0 {
			return rune('0' + v)
		}
		return r
	}, s)
}

// strip is Python's str.strip().
func strip(s string) string { return strings.TrimFunc(s, isSpace) }

// firstRune returns 0 for an empty string.
func firstRune(s string) rune {
	if s == "" {
		return 0
	}
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// sameLower compares as the reference does, by str.lower(); strings.EqualFold folds
// more, such as the Kelvin sign to k.
func sameLower(a, b string) bool {
	lower := strings.ToLower
	return lower(a) == lower(b)
}

// trimEnds is Python's s[1:-1].
func trimEnds(s string) string {
	if utf8.RuneCountInString(s) < 2 {
		return ""
	}
	_, first := utf8.DecodeRuneInString(s)
	_, last := utf8.DecodeLastRuneInString(s)
	return s[first : len(s)-last]
}

// afterLast returns what follows the last occurrence of sep.
func afterLast(s, sep string) string {
	return s[strings.LastIndex(s, sep)+len(sep):]
}
