package grade

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// What stands around a number and is no part of it, or changes it: signs in words,
// percent, what the number counts, where a language puts that first.

var (
	percentEnd = regexp.MustCompile(`^(.*?[^ \\]) ?\\?% ?$`)
	// openSyllables matches Swahili nouns, which precede their number.
	openSyllables = regexp.MustCompile(`^(?:[bcdfghjklmnprstvwyz']{0,3}[aeiou])+$`)
	// countedNoun is a noun and how many there are: แอปเปิล 5 ลูก, 苹果5个.
	countedNoun = regexp.MustCompile(`^([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Bengali}\p{Telugu}ー]{1,12}) ?(-?\d[^;,]*)$`)
	// currencyLetter is a sign before an amount: quetzal, lempira, rand, kwacha, balboa.
	currencyLetter = regexp.MustCompile(`^(?:[GKLPQR]\.? |B/\. ?)(\d[\d., ]*)$`)
	numberStart    = regexp.MustCompile(`^(?:\d|-\d|\.\d|\\frac|\\sqrt)`)
)

// swahiliLinks join Swahili nouns.
var swahiliLinks = map[string]bool{"ya": true, "wa": true, "za": true, "la": true, "cha": true, "vya": true}

// cutPercent removes a percent sign or word and notes it.
func (a *answer) cutPercent() {
	s := a.text
	body := ""
	if m := percentEnd.FindStringSubmatch(s); m != nil {
		body = m[1]
	} else if word := longestWord(s, func(word string) bool { return words.percent[word] }); word != "" {
		if body = strip(s[len(word):]); !startsWithNumber(body) && !isChinese(body) {
			return
		}
	} else {
		for _, from := range wordStarts(s) {
			if words.percent[strings.ToLower(s[from:])] {
				body = strip(s[:from])
				break
			}
		}
	}
	if values, _ := readDecimal(body); body != "" &&
		(values != nil || len(splitTop(markConjunctions(body))) == 1) {
		a.text, a.percent = body, true
	}
}

// isChinese reports whether a text is a Chinese or Japanese numeral.
func isChinese(s string) bool {
	_, ok := parseChinese(s)
	return ok
}

// cutLead removes words before a number: a sign in words, what is counted, currencies.
func (a *answer) cutLead() {
	const most = 4
	for range most {
		s := a.text
		if word := longestWord(s, func(word string) bool { return words.minus[word] }); word != "" {
			if rest := strip(s[len(word):]); numberStart.MatchString(rest) && rest[0] != '-' {
				a.text = "-" + rest
			} else if number, _ := numberAt(rest); number != nil {
				a.text = "-" + rest
			} else if _, _, ok := readMagnitude(rest, &budget{left: 10_000}); ok {
				a.text = "-" + rest
			}
			return
		}
		word := longestWord(s, func(word string) bool {
			return words.lead[word] || words.currencies[word] != "" || words.units[word] != "" &&
				!words.changes[word] && (utf8.RuneCountInString(word) > 2 ||
				strings.Contains(" km kg cm ", " "+word+" "))
		})
		if word == "" {
			break
		}
		rest := strings.TrimLeft(s[len(word):], " :.")
		if number := longestWord(s, words.isNumber); len(number) >= len(word) &&
			!numberStart.MatchString(rest) {
			break // cent mille
		}
		if !startsWithNumber(rest) && !leads(rest) {
			break
		}
		a.text = rest
		if unit := words.unit(word); unit != "" && !words.lead[word] {
			a.leadUnit = unit
		}
	}
	if m := currencyLetter.FindStringSubmatch(a.text); m != nil {
		a.text = m[1]
	}
	if noun, rest := swahiliNouns(a.text); noun != "" {
		a.text, a.leadUnit = rest, noun
	} else if m := countedNoun.FindStringSubmatch(a.text); m != nil && !hasChange(m[1]) {
		if _, unit, known := splitUnit(m[2]); unit != "" && known {
			a.text = m[2]
		}
	}
}

// hasChange reports whether a word that changes a number begins anywhere in a text.
func hasChange(s string) bool {
	for i := range s {
		if longestWord(s[i:], func(word string) bool {
			return words.changes[word] || words.minus[word] || words.magnitudes[word] != nil
		}) != "" {
			return true
		}
	}
	return false
}

// startsWithNumber reports whether a text begins with a number, in digits or words.
func startsWithNumber(s string) bool {
	number, _ := numberAt(strings.TrimPrefix(s, "-"))
	return number != nil || startsWithMagnitude(s) || numberStart.MatchString(s)
}

// leads reports whether a text begins with another word that cutLead removes.
func leads(s string) bool {
	return longestWord(s, func(word string) bool {
		return words.lead[word] || words.currencies[word] != ""
	}) != ""
}

// swahiliNouns splits what look like Swahili nouns, with their links, off a number that
// follows them.
func swahiliNouns(s string) (nouns, rest string) {
	rest = s
	for range 4 {
		word, after, ok := strings.Cut(rest, " ")
		lower := strings.ToLower(word)
		if !ok || !swahiliLinks[lower] && !isSwahiliNoun(lower) {
			return "", s
		}
		rest = strings.TrimLeft(after, " ")
		if rest == "" || startsWithMagnitude(word) || words.isNumber(lower) {
			return "", s
		}
		next := strings.ToLower(firstWord(rest))
		if isDigit(rest[0]) || words.isNumber(strings.ToLower(rest)) || words.first[next] {
			return strip(s[:len(s)-len(rest)]), rest
		}
	}
	return "", s
}

// isSwahiliNoun reports whether a word may be a Swahili noun, and is no word that means
// something else here.
func isSwahiliNoun(word string) bool {
	if words.changes[word] || words.and[word] || words.or[word] || words.percent[word] {
		return false
	}
	return len(word) > 2 && openSyllables.MatchString(word)
}

// firstWord returns a text up to its first blank.
func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}
