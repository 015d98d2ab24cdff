package langid

import (
	"regexp"
	"strings"
)

// endOfThought are the tags with which templates close the reasoning.
var endOfThought = regexp.MustCompile(`</(?:think|thinking|thought|reasoning)>|<answer>`)

// Split returns a model's reasoning and the answer it ends in. Where a tag closes
// the reasoning, as in <think>…</think>, that is the border. Without one the whole
// output is the reasoning, and the answer is its end, from the paragraph of the last
// \boxed{} on (or the line, where there are no paragraphs); it is empty where no
// \boxed{} is, or nothing comes before it.
func Split(output string) (reasoning, answer string) {
	if at := endOfThought.FindAllStringIndex(output, -1); at != nil {
		// The first tag after which no further reasoning is opened.
		for i, border := range at {
			if rest := output[border[1]:]; i == len(at)-1 || !strings.Contains(rest, "<think>") {
				return output[:border[0]], rest
			}
		}
	}
	box := strings.LastIndex(output, `\boxed`)
	if box < 0 {
		return output, ""
	}
	begin := strings.LastIndex(output[:box], "\n\n")
	if begin < 0 {
		begin = strings.LastIndexByte(output[:box], '\n')
	}
	if begin < 0 || Clean(output[:begin]) == "" {
		return output, ""
	}
	return output, output[begin:]
}
