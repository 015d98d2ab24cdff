package langid

import (
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct{ name, output, reasoning, answer string }{
		{"think", "<think>Let us see.</think>\n答案是 \\boxed{5}", "<think>Let us see.", "\n答案是 \\boxed{5}"},
		{"tag of the prompt", "Let us see. </think> <answer> 5 </answer>", "Let us see. ",
			" <answer> 5 </answer>"},
		{"answer tag", "Let us see. <answer>5</answer>", "Let us see. ", "5</answer>"},
		{"thinks twice", "a</think><think>b</think>c", "a</think><think>b", "c"},
		{"closes twice", "a</think>b</think>c", "a", "b</think>c"},
		{"paragraph", "One.\n\nTwo.\n\nSo it is\n\\boxed{5}.", "One.\n\nTwo.\n\nSo it is\n\\boxed{5}.",
			"\n\nSo it is\n\\boxed{5}."},
		{"last box", "\\boxed{1} no.\n\nIt is \\boxed{5}.", "\\boxed{1} no.\n\nIt is \\boxed{5}.",
			"\n\nIt is \\boxed{5}."},
		{"lines", "One.\nIt is \\boxed{5}.", "One.\nIt is \\boxed{5}.", "\nIt is \\boxed{5}."},
		{"one line", "It is \\boxed{5}.", "It is \\boxed{5}.", ""},
		{"nothing before", "1 + 1\n\nIt is \\boxed{2}.", "1 + 1\n\nIt is \\boxed{2}.", ""},
		{"no box", "One.\n\nTwo.", "One.\n\nTwo.", ""},
		{"empty", "", "", ""},
	} {
		reasoning, answer := Split(c.output)
		if reasoning != c.reasoning || answer != c.answer {
			t.Errorf("%s: reasoning %q, answer %q", c.name, reasoning, answer)
		}
	}
}

// TestReasoningAndAnswerApart: the language of one does not colour the other.
func TestReasoningAndAnswerApart(t *testing.T) {
	d := New()
	for _, c := range []struct{ think, say, want, off string }{
		{"en", "th", "th", "en"}, {"th", "en", "th", ""}, {"de", "fr", "fr", "de"}, {"sw", "sw", "sw", ""},
	} {
		output := "<think>" + sentences[c.think] + "</think>" + strings.Repeat(sentences[c.say], 3)
		off, lang := d.OffTarget(output, c.want)
		if off != (c.off != "") || lang != c.think {
			t.Errorf("reasoning in %s, answer in %s: off target for %s is %v, language %s", c.think, c.say,
				c.want, off, lang)
		}
		_, answer := Split(output)
		if lang, _ := d.Judge(answer, c.want); lang != c.say {
			t.Errorf("answer in %s is called %s", c.say, lang)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{"<think>a</think>b", "a\n\nb \\boxed{1}", "<answer></answer>",
		"\\boxed\\boxed\n", "</think></thinking>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, output string) {
		reasoning, answer := Split(output)
		if !strings.HasPrefix(output, reasoning) || !strings.HasSuffix(output, answer) {
			t.Fatalf("%q is split into %q and %q", output, reasoning, answer)
		}
	})
}
