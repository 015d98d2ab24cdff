package grade

import (
	"math/big"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A numeral may be written with words that multiply: 3 thousand, 1億2000万, 2 mil
// millones, elfu 3 na mia 5, three million.

// numeralTerm is a part of a numeral that has been read: 3 thousand, and how large the
// word was.
type numeralTerm struct {
	value, size *big.Rat
}

// literal is a number in digits, with separators of any language.
var literal = regexp.MustCompile(`^\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?|^\d+(?:([.,' ])\d{3})*(?:[.,]\d+)?`)

// magnitudeSuffix is a letter at a number that multiplies it: 18k.
var magnitudeSuffix = regexp.MustCompile(`^(k|K|M|B|bn)(?:$|[^\pL\pM\d^_])`)

// readMagnitude reads a numeral with magnitude words at the start of s, and returns its
// values, of which there are two where a word means different things, and the rest. It
// fails where there is no such word.
func readMagnitude(s string, b *budget) (values []*big.Rat, rest string, ok bool) {
	for meaning := range 2 {
		value, after, ambiguous, ok := numeral(s, meaning, b)
		if !ok {
			return nil, s, false
		}
		values, rest = append(values, value), after
		if !ambiguous {
			break
		}
	}
	return values, rest, true
}

// numeral is readMagnitude for one choice of what ambiguous words mean.
func numeral(s string, meaning int, b *budget) (value *big.Rat, rest string, ambiguous, ok bool) {
	const longest = 400
	if len(s) > longest || !b.spend(10+len(s)) {
		return nil, s, false, false
	}
	var terms []numeralTerm
	magnitudes, afterMagnitude, afterNumber := 0, false, false
	var first *big.Rat // a magnitude that waits for its number
	whole := splitTausend(s)
	at := whole
	if word, rest := halfBefore(whole); word != "" {
		terms = append(terms, numeralTerm{big.NewRat(1, 2), big.NewRat(1, 1)})
		at, afterNumber = rest, true
	}
	const most = 24 // words and numbers
	for range most {
		at = strings.TrimLeft(at, " ")
		if afterMagnitude {
			at = strings.TrimLeft(at, "零〇")
		}
		if magnitudes > 0 && !afterNumber && first == nil {
			for _, and := range []string{"na ", "and ", "und ", ", ", ", and "} {
				after, found := strings.CutPrefix(at, and)
				if found && (startsWithMagnitude(after) || longestWord(after, words.isNumber) != "") {
					at = after
				}
			}
		}
		number, width := numberAt(at)
		if number != nil && !(afterNumber && !afterMagnitude) {
			at = at[width:]
			if first != nil {
				terms = append(terms, numeralTerm{number.Mul(number, first), first})
				first, afterMagnitude, afterNumber = nil, true, false
				continue
			}
			if m := magnitudeSuffix.FindStringSubmatch(at); m != nil && isDigit(whole[len(whole)-len(at)-1]) {
				size := words.magnitudes[m[1]][0]
				return new(big.Rat).Mul(number, size), at[len(m[1]):], false, len(terms) == 0
			}
			terms = append(terms, numeralTerm{number, big.NewRat(1, 1)})
			afterMagnitude, afterNumber = false, true
			continue
		}
		word, size := magnitudeAt(at)
		if size == nil || first != nil {
			break
		}
		magnitudes++
		at = at[len(word):]
		choice := size[min(meaning, len(size)-1)]
		ambiguous = ambiguous || len(size) > 1
		if words.first[word] && !afterNumber {
			if next, _ := numberAt(strings.TrimLeft(at, " ")); next != nil {
				first = choice
				continue
			}
		}
		group := new(big.Rat)
		adjacent := afterMagnitude && !afterNumber // thousand million
		for n := len(terms); n > 0 && (terms[n-1].size.Cmp(choice) < 0 || adjacent); n-- {
			group.Add(group, terms[n-1].value)
			terms, adjacent = terms[:n-1], false
		}
		if group.Sign() == 0 {
			if afterNumber {
				return nil, s, false, false // 0 thousand, or words out of order
			}
			group.SetInt64(1)
		}
		if half := andHalf(at); half > 0 && group.IsInt() { // un million et demi
			group.Add(group, big.NewRat(1, 2))
			at = at[half:]
		}
		terms = append(terms, numeralTerm{group.Mul(group, choice), choice})
		afterMagnitude, afterNumber = true, false
	}
	if magnitudes == 0 || first != nil || len(terms) == 0 {
		return nil, s, false, false
	}
	value = new(big.Rat)
	for i, term := range terms {
		if i > 0 && term.value.Cmp(terms[i-1].size) >= 0 {
			return nil, s, false, false // 3 thousand 5000
		}
		value.Add(value, term.value)
	}
	return value, at, ambiguous, ratBits(value) < maxBits
}

// halfBefore splits the word for a half, and an article, off a magnitude: half a million.
func halfBefore(s string) (word, rest string) {
	word = longestWord(s, func(word string) bool { return words.half[word] })
	rest = strings.TrimLeft(s[len(word):], " -")
	for _, article := range []string{"a ", "of a ", "de "} {
		rest = strings.TrimPrefix(rest, article)
	}
	if word == "" || !startsWithMagnitude(rest) {
		return "", s
	}
	return word, rest
}

// splitTausend takes a German compound apart: zweitausenddreihundert.
func splitTausend(s string) string {
	word := firstWord(s)
	before, after, ok := strings.Cut(strings.ToLower(word), "tausend")
	if !ok || before+after == "" || before != "" && !words.isNumber(before) {
		return s
	}
	after = strings.TrimPrefix(after, "und")
	if after != "" && !words.isNumber(after) {
		return s
	}
	return strip(before + " tausend " + after + s[len(word):])
}

// startsWithMagnitude reports whether a text begins with a word that multiplies.
func startsWithMagnitude(s string) bool {
	_, size := magnitudeAt(strings.TrimLeft(s, " "))
	return size != nil
}

// numberAt reads a number in digits, or a number below a thousand in words, at the start
// of a text.
func numberAt(s string) (*big.Rat, int) {
	if m := literal.FindString(s); m != "" {
		readings, _ := readDecimal(m)
		if len(readings) == 0 {
			return nil, 0
		}
		half := andHalf(s[len(m):])
		if half > 0 {
			readings[0].Add(readings[0], big.NewRat(1, 2))
		}
		return readings[0], len(m) + half
	}
	if word := longestWord(s, func(word string) bool { return words.mixed[word] != nil }); word != "" {
		return new(big.Rat).Set(words.mixed[strings.ToLower(word)]), len(word)
	}
	word := longestWord(s, words.isNumber)
	if word == "" || words.first[strings.ToLower(word)] {
		return nil, 0
	}
	n, _ := words.number(strings.ToLower(word))
	value := big.NewRat(n, 1)
	half := andHalf(s[len(word):])
	if half > 0 {
		value.Add(value, big.NewRat(1, 2))
	}
	return value, len(word) + half
}

// andHalf returns the length of " and a half" at the start of a text, or 0.
func andHalf(s string) int {
	rest := strings.TrimLeft(s, " ")
	word := longestWord(rest, func(word string) bool { return words.andHalf[word] })
	if word == "" {
		return 0
	}
	return len(s) - len(rest) + len(word)
}

// magnitudeAt returns the longest magnitude word at the start of a text, and what it
// may mean.
func magnitudeAt(s string) (string, []*big.Rat) {
	word := longestWord(s, func(word string) bool { return words.magnitudes[word] != nil })
	if word == "" || utf8.RuneCountInString(word) == 1 && word[0] < 0x80 {
		return "", nil // k and M are for magnitudeSuffix
	}
	unit := longestWord(s, func(word string) bool { return words.units[word] != "" || words.percent[word] })
	if len(unit) > len(word) {
		return "", nil // 千米 is a kilometre
	}
	return word, words.magnitudes[strings.ToLower(word)]
}

// longestWord returns the longest prefix of a text that is a word, in lower case,
// according to known. In scripts with blanks it must end where the text's word does.
func longestWord(s string, known func(string) bool) string {
	const most = 48
	if !startsWord(s) {
		return ""
	}
	end := 0
	for n := 0; end < len(s) && n < most; n++ {
		_, width := utf8.DecodeRuneInString(s[end:])
		end += width
	}
	lower := strings.ToLower(s[:end])
	if len(lower) != end {
		return ""
	}
	longest := ""
	for i := 0; i < end; {
		_, width := utf8.DecodeRuneInString(s[i:])
		i += width
		if endsWord(s[:i], s[i:]) && known(lower[:i]) {
			longest = s[:i]
		}
	}
	return longest
}

// startsWord reports whether a text begins with a character that a word of some lexicon
// begins with.
func startsWord(s string) bool {
	return words.firsts[unicode.ToLower(firstRune(s))]
}

// endsWord reports whether a word may end before rest.
func endsWord(word, rest string) bool {
	if rest == "" {
		return true
	}
	last, _ := utf8.DecodeLastRuneInString(word)
	next := firstRune(rest)
	if isUnspaced(last) || isUnspaced(next) {
		return !unicode.IsMark(next)
	}
	return !unicode.IsLetter(next) && !unicode.IsMark(next)
}

// isUnspaced reports whether a character is of a script that puts no blanks between
// words.
func isUnspaced(r rune) bool {
	return r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai)
}
