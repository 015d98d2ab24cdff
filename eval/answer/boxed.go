package answer

import "strings"

// Boxed is embedded in types whose answers stand in \boxed{}, as the templates ask.
type Boxed struct{}

// Instruction leaves it to the template's words.
func (Boxed) Instruction(string) string { return "" }

// WellFormed reports whether a text gives exactly one final answer in \boxed{},
// closed and not empty, after a reasoning that is not empty; with think, the
// reasoning is inside one <think>…</think>.
func (Boxed) WellFormed(output string, think bool) bool {
	reasoning, answer := output, output
	if think {
		if strings.Count(output, "<think>") > 1 || strings.Count(output, "</think>") != 1 {
			return false
		}
		reasoning, answer, _ = strings.Cut(output, "</think>")
		reasoning = strings.TrimPrefix(strings.TrimSpace(reasoning), "<think>")
	}
	const open = `\boxed{`
	i := strings.Index(answer, open)
	if i < 0 || strings.Count(answer, open) != 1 {
		return false
	}
	if !think {
		reasoning = answer[:i]
	}
	content, closed := braced(answer[i+len(open):])
	return closed && strings.TrimSpace(content) != "" && strings.TrimSpace(reasoning) != ""
}

// braced returns the text up to the brace that closes one already open.
func braced(text string) (content string, closed bool) {
	depth := 1
	for i, r := range text {
		switch r {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return text[:i], true
			}
		}
	}
	return text, false
}
