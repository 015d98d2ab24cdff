package grade

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// isChoice reports whether a reference is a bare letter of a multiple-choice
// question.
func isChoice(reference string) bool {
	return len(reference) == 1 && reference[0] >= 'A' && reference[0] <= 'E'
}

// choiceLetters lists the letters A to E that stand alone in the text, in any
// case: the article "a" counts.
func choiceLetters(s string) []string {
	var letters []string
	before := ' '
	for i, r := range s {
		upper := unicode.ToUpper(r)
		if upper >= 'A' && upper <= 'E' && !isWord(before) {
			after, width := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
			if width == 0 || !isWord(after) {
				letters = append(letters, string(upper))
			}
		}
		before = r
	}
	return letters
}

// trimChoice removes what surrounds an answer letter.
func trimChoice(s string) string {
	s = strings.TrimRight(strings.Trim(s, "\n"), ".")
	s = strings.Trim(strings.TrimRight(s, "/"), " ")
	return strings.TrimLeft(s, ":")
}

// trimAnswer is the last step of both cleaners.
func trimAnswer(s string) string {
	return strings.TrimRight(strings.TrimRight(s, "."), "/")
}

// cleanChoice is the cleaner of the comparison: the last letter wins; without
// one, the trimmed text itself is the answer.
func cleanChoice(s string) string {
	s = trimChoice(s)
	if letters := choiceLetters(s); len(letters) > 0 {
		return letters[len(letters)-1]
	}
	return trimAnswer(strings.Trim(strip(s), "."))
}

// choiceTriggers introduce an answer letter.
var choiceTriggers = []string{"choice is", "answer is"}

// extractChoice is the cleaner of the extraction for multiple-choice data
// sets. After a trigger the first letter counts, without one the last. A text
// with the same trigger twice is a model that went on to invent questions of
// its own: only its first paragraph is read.
func extractChoice(s string) string {
	s = strings.Trim(s, "\n")
	invents := func(trigger string) bool { return strings.Count(s, trigger) > 1 }
	if slices.ContainsFunc(choiceTriggers, invents) {
		s, _, _ = strings.Cut(s, "\n\n")
	}
	triggered := false
	for _, trigger := range choiceTriggers {
		if strings.Contains(s, trigger) {
			triggered = true
			s = afterLast(s, trigger)
		}
	}
	s = trimChoice(s)
	letters := choiceLetters(s)
	switch {
	case len(letters) == 0:
		return trimAnswer(strings.Trim(strip(s), "."))
	case triggered:
		return letters[0]
	}
	return letters[len(letters)-1]
}

// choosePrediction replaces a prediction that cannot answer a multiple-choice
// reference: where the reference is one letter, by what extractChoice finds in
// the whole output; where it is several (or nothing at all, which the
// reference implementation counts as such), by the letters in the prediction.
func choosePrediction(prediction, reference, output string) string {
	switch {
	case isChoice(reference):
		if !isChoice(prediction) {
			return extractChoice(output)
		}
	case onlyChoices(reference) && !onlyChoices(prediction):
		return strings.Map(func(r rune) rune {
			if r < 'A' || r > 'E' {
				return -1
			}
			return r
		}, prediction)
	}
	return prediction
}

// onlyChoices reports whether all characters of s are answer letters.
func onlyChoices(s string) bool {
	return strings.Trim(s, "ABCDE") == ""
}
