package answer

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/stele-lm/stele/eval/grade"
)

// textual is a type whose answers are words. They are right where they are the
// reference's but for Unicode's composition, case, white space and punctuation at the end.
type textual struct{ Boxed }

// Text is the type of answers in words.
var Text = Register(textual{})

// Name implements Type.
func (textual) Name() string { return "text" }

// Read implements Type.
func (textual) Read(reference string) (string, error) { return strings.TrimSpace(reference), nil }

// Grade implements Type.
func (textual) Grade(o Output, graders ...*grade.Grader) ([]grade.Result, error) {
	found := findText(Final(o.Text))
	pred, reference := folded(found), folded(o.Reference)
	r := judged(o, found, pred != "" && pred == reference, grade.ViaString)
	r.Pred, r.GT = pred, reference
	return alike(r, graders), nil
}

// Groups implements Type.
func (textual) Groups(predictions []string, _ *grade.Grader) []int { return same(predictions, folded) }

// findText returns the final answer of a model's text: the last box that is not empty,
// else the line after the last words that announce an answer, else the last line.
func findText(output string) string {
	if found, ok := grade.Box(output); ok {
		return unwrapped(found)
	}
	line, ok := grade.Announced(output)
	if !ok {
		lines := strings.Split(strings.TrimSpace(tags.Replace(output)), "\n")
		line = lines[len(lines)-1]
	}
	return strings.TrimSpace(tags.Replace(line))
}

// tags enclose an answer in templates.
var tags = strings.NewReplacer("<answer>", "", "</answer>", "", "**", "", "$", "")

// unwrapped takes \text{…} and its like off a text that they enclose.
func unwrapped(s string) string {
	s = strings.TrimSpace(s)
	for _, command := range []string{`\text{`, `\textbf{`, `\mathrm{`, `\mbox{`} {
		if inner, ok := strings.CutPrefix(s, command); ok {
			if content, closed := braced(inner); closed && len(content)+1 == len(inner) {
				return unwrapped(content)
			}
		}
	}
	return s
}

// folded brings a text to the spelling in which texts are compared.
func folded(s string) string {
	s = norm.NFC.String(cases.Fold().String(norm.NFC.String(s)))
	s = strings.Join(strings.Fields(s), " ")
	cut := strings.TrimRightFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(final, r)
	})
	if cut == "" {
		return s // nothing but marks
	}
	return cut
}

// final are the marks that end a sentence and are no part of an answer.
const final = ".,;:!?…。．，、；：！？।॥"
