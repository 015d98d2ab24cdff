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
	command     = regexp.MustCompile(`\\[A-Za-z]+\*?|\\.`)
)

// Clean leaves the prose of a text: mathematics between dollars or in LaTeX
// environments, commands, code, links, tags, digits and symbols become spaces.
// Two amounts of money are no mathematics: in "$18 a day for 3 days, or $54" the
// words between the dollars stay.
func Clean(text string) string {
	for _, p := range []*regexp.Regexp{codeBlock, asymptote, link, tag, environment, display, boxed} {
		text = p.ReplaceAllString(text, " ")
	}
	text = inlineMath(text)
	text = textCommand.ReplaceAllString(text, " $1 ")
	text = command.ReplaceAllString(text, " ")
	var out strings.Builder
	space := true
	for _, r := range text {
		switch {
		case unicode.IsLetter(r) || unicode.IsMark(r):
			out.WriteRune(r)
			space = false
		case r == '\'' || r == '’' || r == '-': // inside words
			if !space {
				out.WriteRune(r)
			}
		case !space:
			out.WriteByte(' ')
			space = true
		}
	}
	return strings.TrimSpace(dropVariables(out.String()))
}

// inlineMath takes out what stands between two dollars when it is mathematics:
// short, on one line, and not prose between two amounts.
func inlineMath(text string) string {
	var out strings.Builder
	for {
		open := strings.IndexByte(text, '$')
		if open < 0 {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(text[:open])
		rest := text[open+1:]
		end := strings.IndexByte(rest, '$')
		if end >= 0 && isMath(rest[:end]) {
			out.WriteByte(' ')
			text = rest[end+1:]
			continue
		}
		out.WriteByte(' ')
		text = rest
	}
}

// isMath tells mathematics from prose that happens to stand between dollars: prose
// begins with an amount and has words.
func isMath(s string) bool {
	if s == "" || strings.Contains(s, "\n\n") {
		return false
	}
	words := 0
	for _, f := range strings.FieldsFunc(command.ReplaceAllString(s, " "), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }) {
		if len([]rune(f)) >= 3 || !isLatin(f) {
			words++
		}
	}
	amount := s[0] >= '0' && s[0] <= '9'
	if amount {
		return words == 0 && !strings.HasSuffix(s, " ") || strings.ContainsAny(s, `\^_=`) && words < 2
	}
	return words < 4 || strings.ContainsAny(s, `\^_`)
}

func isLatin(s string) bool {
	for _, r := range s {
		if !unicode.Is(unicode.Latin, r) {
			return false
		}
	}
	return true
}

// dropVariables leaves out single Latin letters, which are mostly variables, but
// for the few that are words.
func dropVariables(text string) string {
	fields := strings.Fields(text)
	kept := fields[:0]
	for _, f := range fields {
		f = strings.Trim(f, "'’-")
		if r := []rune(f); len(r) == 0 || len(r) == 1 && unicode.Is(unicode.Latin, r[0]) && !strings.ContainsRune("aAIàÀyYeEoOóÓ", r[0]) {
			continue
		}
		kept = append(kept, f)
	}
	return strings.Join(kept, " ")
}
