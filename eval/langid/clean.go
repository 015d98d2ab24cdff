package langid

import (
	"regexp"
	"strings"
	"unicode"
)

// What is no prose and would mislead a detector: code, mathematics, links, tags.
var (
	codeBlock   = regexp.MustCompile("(?s)```.*?(```|$)|`[^`\n]*`")
	link        = regexp.MustCompile(`https?://\S+|www\.\S+`)
	tag         = regexp.MustCompile(`</?[A-Za-z][A-Za-z0-9_ /="'-]{0,80}>|<\|[^|<>]{1,80}\|>`)
	asymptote   = regexp.MustCompile(`(?s)\[asy\].*?(\[/asy\]|$)`)
	environment = regexp.MustCompile(`(?s)\\begin\{([a-z*]+)\}.*?(\\end\{[a-z*]+\}|$)`)
	display     = regexp.MustCompile(`(?s)\$\$.*?\$\$|\\\[.*?\\\]|\\\(.*?\\\)`)
	textCommand = regexp.MustCompile(`\\(?:text|textbf|textit|mbox|mathrm|operatorname)\s*\{([^{}]*)\}`)
	boxed       = regexp.MustCompile(`\\boxed\s*\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}?`)
	// numberEnding is the case of a number: 7не is Tatar, and has no Russian "не".
	numberEnding = regexp.MustCompile(`[0-9]-?\p{Cyrillic}{1,3}($|[^\p{Cyrillic}])`)
	command      = regexp.MustCompile(`\\[A-Za-z]+\*?|\\.`)
)

// Clean leaves the prose of a text: mathematics between dollars or in LaTeX
// environments, commands, code, links, tags, digits, symbols and the names that stand
// in formulas become spaces. It is empty where no words are left.
// Two amounts of money are no mathematics: in "$18 a day for 3 days, or $54" the
// words between the dollars stay.
func Clean(text string) string { return strings.Join(prose(compose(strip(text))), " ") }

// strip takes mathematics, commands, code, links and tags out of a text; lines stay apart.
func strip(text string) string {
	for _, p := range []*regexp.Regexp{codeBlock, asymptote, link, tag, environment, display, boxed} {
		text = p.ReplaceAllString(text, " ")
	}
	text = inlineMath(strings.ReplaceAll(text, `\$`, " "))
	text = textCommand.ReplaceAllString(text, " $1 ")
	text = command.ReplaceAllString(text, " ")
	return numberEnding.ReplaceAllString(text, " ")
}

// inlineMath takes out what stands between two dollars when it is mathematics, and
// the dollars of money alone otherwise.
func inlineMath(text string) string {
	var out strings.Builder
	for {
		open := strings.IndexByte(text, '$')
		if open < 0 {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(text[:open])
		out.WriteByte(' ')
		text = text[open+1:]
		if end := strings.IndexByte(text, '$'); end >= 0 && isMath(text[:end], text[end+1:]) {
			text = text[end+1:]
		}
	}
}

// isMath tells mathematics from prose that happens to stand between two dollars,
// after which comes rest: prose begins with an amount ("$5 and $10") or follows one
// ("5$ und 10$"), and has words.
func isMath(s, rest string) bool {
	if s == "" || strings.Contains(s, "\n\n") {
		return false
	}
	words, foreign := 0, false
	for _, f := range strings.FieldsFunc(command.ReplaceAllString(s, " "),
		func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }) {
		if latin := isLatin(f); len([]rune(f)) >= 3 || !latin {
			words++
			foreign = foreign || !latin
		}
	}
	formula := strings.ContainsAny(s, `\^_`)
	switch {
	case isDigit(s) && (isDigit(rest) || strings.HasSuffix(s, " ")): // two amounts of money
		return formula && words < 2
	case isDigit(s):
		return words == 0 || (formula || strings.Contains(s, "=")) && words < 2
	case strings.HasPrefix(s, " ") != strings.HasSuffix(s, " "): // dollars that do not belong together
		return formula
	}
	return formula || words < 4 && !foreign
}

// isDigit reports whether s begins with an ASCII digit.
func isDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

func isLatin(s string) bool {
	for _, r := range s {
		if !unicode.Is(unicode.Latin, r) {
			return false
		}
	}
	return true
}
