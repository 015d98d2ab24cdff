package grade

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// numberWords are the English words that the reference's word2number library
// reads. "point" separates the decimals.
var numberWords = map[string]int{
	"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6,
	"seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
	"thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
	"seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20,
	"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
	"eighty": 80, "ninety": 90, "hundred": 100, "thousand": 1000,
	"million": 1000000, "billion": 1000000000, "point": -1,
}

// maxIntDigits is the longest integer that Python converts to or from text.
const maxIntDigits = 4300

// convertNumberWords replaces a text that contains number words with the
// number they form, ignoring all other words; a text without any is returned
// as it is. A text of digits alone loses its leading zeros and its script.
func convertNumberWords(s string) string {
	lower := strings.ToLower(strings.ReplaceAll(s, "-", " "))
	if lower == "" {
		return s
	}
	if strings.IndexFunc(lower, func(r rune) bool { return digitValue(r) < 0 }) < 0 {
		if digits := strings.TrimLeft(asciiDigits(lower), "0"); digits == "" {
			return "0"
		} else if len(digits) <= maxIntDigits {
			return digits
		}
		return s
	}
	if strings.IndexFunc(lower, unicode.IsLetter) < 0 {
		return s
	}
	var words []string
	for _, word := range strings.FieldsFunc(lower, isSpace) {
		if _, known := numberWords[word]; known {
			words = append(words, word)
		}
	}
	if text, ok := wordsToNumber(words); ok {
		return text
	}
	return s
}

// wordsToNumber forms the number; false where word2number raises an error.
func wordsToNumber(words []string) (string, bool) {
	if len(words) == 0 {
		return "", false
	}
	for _, once := range []string{"thousand", "million", "billion", "point"} {
		if first := slices.Index(words, once); first >= 0 && slices.Contains(words[first+1:], once) {
			return "", false
		}
	}
	var decimals []string
	if point := slices.Index(words, "point"); point >= 0 {
		words, decimals = words[:point], words[point+1:]
	}
	total, ok := wholeNumber(words)
	if !ok {
		return "", false
	}
	if len(decimals) == 0 {
		return strconv.Itoa(total), true
	}
	digits := "0."
	for _, word := range decimals {
		if numberWords[word] > 9 {
			digits = "0" // a word that is no digit voids the decimals
			break
		}
		digits += strconv.Itoa(numberWords[word])
	}
	if digits == "0" {
		return strconv.Itoa(total), true
	}
	fraction, _ := strconv.ParseFloat(digits, 64)
	return formatFloat(float64(total) + fraction), true
}

// wholeNumber adds up billions, millions, thousands and the rest.
func wholeNumber(words []string) (int, bool) {
	switch len(words) {
	case 0:
		return 0, true
	case 1:
		return numberWords[words[0]], true
	}
	billion := slices.Index(words, "billion")
	million := slices.Index(words, "million")
	thousand := slices.Index(words, "thousand")
	if (thousand >= 0 && (thousand < million || thousand < billion)) || (million >= 0 && million < billion) {
		return 0, false
	}
	total, from := 0, 0
	for _, at := range []int{billion, million, thousand} {
		if at < 0 {
			continue
		}
		multiplier, ok := groupNumber(words[from:at])
		if !ok {
			return 0, false
		}
		total += multiplier * numberWords[words[at]]
		from = at + 1
	}
	if from == len(words) {
		return total, true
	}
	rest, ok := groupNumber(words[from:])
	return total + rest, ok
}

// groupNumber reads a number below a thousand the way word2number does: of
// more than four words only the first counts.
func groupNumber(words []string) (int, bool) {
	var n []int
	for _, word := range words {
		n = append(n, numberWords[word])
	}
	switch len(n) {
	case 0:
		return 0, false
	case 2:
		if slices.Contains(n, 100) {
			return n[0] * n[1], true
		}
		return n[0] + n[1], true
	case 3:
		return n[0]*n[1] + n[2], true
	case 4:
		return n[0]*n[1] + n[2] + n[3], true
	}
	return n[0], true
}
