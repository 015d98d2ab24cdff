package answer

import (
	"testing"

	"github.com/stele-lm/stele/eval/grade"
)

// TestFinal: what a model says while it thinks is no answer; without a tag that closes its thought all of the text
// counts. The grader qwen, whose verdicts are those of published code, looks at all of it in mathematics.
func TestFinal(t *testing.T) {
	var strictly Type // stands for mathematics by the strict grader, where the two differ
	for _, c := range []struct {
		of        Type
		output    string
		reference string
		right     bool
	}{
		{Math, `<think>\boxed{7}? No.</think>It is \boxed{42}.`, "42", true},
		{Math, `<think>It is \boxed{42}.</think>It is \boxed{7}.`, "42", false},
		{strictly, `<think>It is \boxed{42}.</think>`, "42", false},
		{strictly, `<think>It is \boxed{42}.</think>It is 7.`, "42", false},
		{Math, `<think>The final answer is 42.</think> The answer is 7.`, "42", false},
		{Math, `So 42.\n</think>\n\nThe answer is 42.`, "42", true}, // the prompt had opened it
		{Math, `<think>a</think>\boxed{1} <think>b \boxed{2}</think> \boxed{3}`, "3", true},
		{Math, `<think>It is \boxed{42}. But`, "42", true}, // cut off
		{Math, `<reasoning>\boxed{1}</reasoning><answer>\boxed{42}</answer>`, "42", true},
		{Math, `x < think, </thin> \boxed{42}`, "42", true},
		{Integer, `<think>\boxed{41}</think> \boxed{42}`, "42", true},
		{Choice, `<think>It is \boxed{A}.</think> \boxed{B}`, "B", true},
		{ChoiceOf(10), `<think>Answer: J</think> Answer: C`, "C", true},
		{ChoiceOf(10), `<think>Answer: C</think> Answer: J`, "C", false},
		{Text, `<think>The answer is Paris</think> The answer is Rome`, "Rome", true},
	} {
		graders := grade.Graders
		if c.of == strictly {
			c.of, graders = Math, []*grade.Grader{grade.Strict}
			qwen, err := Math.Grade(Output{Text: c.output, Reference: c.reference}, grade.Qwen)
			if err != nil || !qwen[0].Verdict {
				t.Errorf("%q: qwen looks at what is boxed in the thought: %+v, %v", c.output, qwen, err)
			}
		}
		results, err := c.of.Grade(Output{Text: c.output, Reference: c.reference}, graders...)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range results {
			if r.Verdict != c.right {
				t.Errorf("%s, %s: %q for %s is %t, extracted %q", c.of.Name(), graders[i].Name, c.output,
					c.reference, r.Verdict, r.Extracted)
			}
		}
	}
	r := Math.(Comparer).GradeNormalized(Output{Text: `<think>\boxed{42}</think>7`, Reference: "42"}, grade.Strict)
	if r.Verdict || r.Extracted != "7" {
		t.Errorf("with a normalised reference: %+v", r)
	}
}
