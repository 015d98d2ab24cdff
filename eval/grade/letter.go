package grade

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"
)

// letters are the patterns that read the letter of an option, A to the last.
type letters struct {
	only    *regexp.Regexp // a box with one letter, perhaps with the option's text
	two     *regexp.Regexp // a box with several
	leading *regexp.Regexp // what follows an announcement
	alone   *regexp.Regexp // a letter marked off from the text: (C), C., C) or **C**
}

func newLetters(n int) letters {
	last := rune('A' + n - 1)
	upper := fmt.Sprintf("[A-%c]", last)
	lower := fmt.Sprintf("[a-%c]", last-'A'+'a')
	return letters{
		only: regexp.MustCompile(`(?i)^[^a-z0-9]*(?:option|choice|answer)?[^a-z0-9]*(` + lower +
			`)(?:[^a-z0-9+*/=^\-]*$|[).:][^a-z].*$|[).:]\s.*$|[).:].*$)`),
		two: regexp.MustCompile(`^[^A-Za-z0-9]*` + upper + `(?:[^A-Za-z0-9]|or|and)*` + upper +
			`[^A-Za-z0-9]*$`),
		leading: regexp.MustCompile(`^[^A-Za-z0-9]*(?i:option |choice )?[^A-Za-z0-9]*(` + upper +
			`)(?:[^A-Za-z]|$)`),
		alone: regexp.MustCompile(`\((` + upper + `)\)|\*\*\(?(` + upper +
			`)[).:]?\*\*|(?:^|[^\p{L}\p{N}'’])(` + upper + `)(?:[).:,]|\s*$)`),
	}
}

// mostLetters counts the options that can have a letter.
const mostLetters = 26

// fiveLetters are those that the Qwen2.5-Math grader has rules for; manyLetters are those
// of more options, by their number.
var (
	fiveLetters = newLetters(5)
	manyLetters = func() (all [mostLetters + 1]func() letters) {
		for n := 1; n <= mostLetters; n++ {
			all[n] = sync.OnceValue(func() letters { return newLetters(n) })
		}
		return all
	}()
)

// Letter returns the letter that a model's text answers a question of n options with, "A"
// to that of the last of at most 26, or "" where it names none, or several. A box must
// name one letter and no other; without a box the first letter counts after the last words
// that announce an answer; without these the last letter that is marked off from the text.
func Letter(output string, n int) string {
	if n < 1 || n > mostLetters {
		return ""
	}
	l := manyLetters[n]()
	output = beforeInvented(output)
	if content, ok := Box(output); ok {
		letter, _ := l.short(writeAlike(content))
		return letter
	}
	if line, ok := Announced(output); ok {
		if plain := writeAlike(sentence(line)); utf8.RuneCountInString(plain) <= 8 {
			if letter, clear := l.short(plain); clear {
				return letter
			}
		}
		if m := l.leading.FindStringSubmatch(writeAlike(line)); m != nil {
			return m[1]
		}
	}
	all := l.alone.FindAllStringSubmatch(tail(output), -1)
	if all == nil {
		return ""
	}
	return strings.Join(all[len(all)-1][1:], "") // one of the groups
}

// short reads a text that should be nothing but the letter; clear is false where it is no
// text of that kind.
func (l letters) short(plain string) (letter string, clear bool) {
	if l.two.MatchString(plain) {
		return "", true
	}
	if m := l.only.FindStringSubmatch(plain); m != nil {
		return strings.ToUpper(m[1]), true
	}
	return "", false
}
