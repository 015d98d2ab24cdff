package grade

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// choiceDataSets are read by their last or announced letter alone.
var choiceDataSets = []string{"mmlu_stem", "sat_math", "aqua", "gaokao2023"}

// unitDataSets keep their units.
var unitDataSets = []string{"carp_en", "minerva_math"}

var newlineIndent = regexp.MustCompile(`\n[\s\x{1c}-\x{1f}\x{85}\p{Z}]*`)

// Extract returns the final answer of a model's text, normalised once, as the
// Qwen2.5-Math parser does. dataName is the benchmark's name there; it matters
// for multiple-choice sets and for those that keep units, and may be empty.
//
// The answer is what follows the first of these that occurs: Minerva's "final
// answer is $...$. I hope", the last "boxed", the last "he answer is", the
// last "final answer is", the first "答案是"; failing all, it is the last
// number in the text, and failing that, it is empty.
func Extract(output, dataName string) string {
	output = strings.ReplaceAll(output, "ки", "")
	if slices.Contains(choiceDataSets, dataName) {
		return extractChoice(output)
	}
	answer := findAnswer(output)
	if strings.Contains(dataName, "mmlu") {
		if letters := choiceLetters(answer); len(letters) > 0 {
			answer = letters[len(letters)-1]
		} else {
			answer = strings.Trim(strip(answer), ".")
		}
	}
	answer = newlineIndent.ReplaceAllString(answer, "")
	answer = strings.TrimPrefix(answer, ":")
	answer = strings.TrimSuffix(answer, ".")
	answer = strings.TrimSuffix(answer, "/")
	return normalize(answer, slices.Contains(unitDataSets, dataName))
}

// findAnswer cuts the raw answer out of the text.
func findAnswer(s string) string {
	switch {
	case strings.Contains(s, "final answer is $") && strings.Contains(s, "$. I hope"):
		_, answer, _ := strings.Cut(s, "final answer is $")
		answer, _, _ = strings.Cut(answer, "$. I hope")
		return strip(answer)
	case strings.Contains(s, "boxed"):
		return boxed(afterLast(s, "boxed"))
	case strings.Contains(s, "he answer is"):
		return strip(afterLast(s, "he answer is"))
	case strings.Contains(s, "final answer is"):
		return strip(afterLast(s, "final answer is"))
	case strings.Contains(s, "答案是"):
		answer := strings.Split(s, "答案是")[1]
		answer, _, _ = strings.Cut(strip(answer), "\n\n")
		return strip(answer)
	}
	return lastNumber(strings.ReplaceAll(s, ",", ""))
}

// boxed returns the content of the brace group that follows "boxed", all of
// the rest if it is never closed, or the text up to a dollar sign if there is
// no brace.
func boxed(s string) string {
	if !strings.HasPrefix(s, "{") {
		before, _, _ := strings.Cut(s, "$")
		return strip(before)
	}
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return s[1:i]
			}
		}
	}
	return s[1:]
}

// lastNumber returns the last match of -?\d*\.?\d+ in the text, or nothing.
func lastNumber(s string) string {
	last := ""
	for i := 0; i < len(s); {
		end := numberEnd(s, i)
		if end > i {
			last, i = s[i:end], end
			continue
		}
		_, width := utf8.DecodeRuneInString(s[i:])
		i += width
	}
	return last
}

// numberEnd returns where a number that begins at i ends, or i.
func numberEnd(s string, i int) int {
	start := i
	if s[i] == '-' {
		i++
	}
	whole := digitsEnd(s, i)
	if whole < len(s) && s[whole] == '.' {
		if end := digitsEnd(s, whole+1); end > whole+1 {
			return end
		}
	}
	if whole > i {
		return whole
	}
	return start
}

// digitsEnd returns where the run of decimal digits at i ends.
func digitsEnd(s string, i int) int {
	for i < len(s) {
		r, width := utf8.DecodeRuneInString(s[i:])
		if digitValue(r) < 0 {
			break
		}
		i += width
	}
	return i
}
