package answer

import (
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/eval/grade"
)

// graded is a type's result, the same for each grader.
func graded(t *testing.T, of Type, output, reference string) grade.Result {
	t.Helper()
	results, err := of.Grade(Output{Text: output, Reference: reference}, grade.Graders...)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r != results[0] {
			t.Errorf("%s: %q for %q: the graders differ: %+v", of.Name(), output, reference, results)
		}
	}
	return results[0]
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		output, reference, extracted string
		right                        bool
	}{
		{`It was \boxed{Ada Lovelace}.`, "ada lovelace", "Ada Lovelace", true},
		{`It was \boxed{\text{Ada  Lovelace.}}`, "Ada Lovelace", "Ada  Lovelace.", true},
		{`First \boxed{Babbage}, no: \boxed{Ada}`, "Ada", "Ada", true},
		{`\boxed{Ada}, and not Babbage`, "Babbage", "Ada", false},
		{"The answer is: Z\u0075\u0308rich.\nIt is in Switzerland.", "ZÜRICH", "Zu\u0308rich.", true},
		{"L'antwort? Die Antwort ist: Straße!", "STRASSE", "Straße!", true},
		{"答案是：北京。", "北京", "北京。", true},
		{"He thought of it.\n\nParis\n", "paris", "Paris", true},
		{"<think>hm</think><answer>Rome</answer>", "Rome", "Rome", true},
		{`<think>It is \boxed{Paris}.</think> Rome`, "Paris", "Rome", false},
		{"Because.\n<answer> **Rome** </answer>", "rome", "Rome", true},
		{"Paris is in France", "Paris", "Paris is in France", false},
		{`\boxed{New York}`, "NewYork", "New York", false},
		{`\boxed{?}`, "?", "?", true},
		{"", "Paris", "", false},
		{"  \n", "Paris", "", false},
		{"Paris", "", "Paris", false},
		{`\boxed{}`, "", `\boxed{}`, false},
	} {
		if r := graded(t, Text, c.output, c.reference); r.Verdict != c.right || r.Extracted != c.extracted {
			t.Errorf("%q for %q: %+v, want %q, %v", c.output, c.reference, r, c.extracted, c.right)
		}
	}
	if got := Text.Groups([]string{"Rome", "Paris", "rome.", "PARIS "}, grade.Qwen); !slices.Equal(got,
		[]int{0, 1, 0, 1}) {
		t.Errorf("groups %v", got)
	}
}

func TestManyChoices(t *testing.T) {
	for _, c := range []struct{ output, letter string }{
		{`So it is \boxed{J}.`, "J"},
		{`\boxed{\text{(h)}}`, "H"},
		{`\boxed{\textbf{G. seven}}`, "G"},
		{`\boxed{A} or rather \boxed{F}`, "F"},
		{`\boxed{A, F}`, ""},
		{`\boxed{K}`, ""},
		{`\boxed{12}`, ""},
		{"The answer is (I).", "I"},
		{"The answer is F, since A is not.", "F"},
		{"I think that a dog is not C) but **H**", "H"},
		{"Options were (A), (B).\n\nI choose (G).", "G"},
		{"I have a feeling", ""},
		{"答案是 G。", "G"},
		{"Ответ: (H)", "H"},
		{"", ""},
	} {
		for _, reference := range []string{"A", "F", "G", "H", "I", "J"} {
			r := graded(t, ChoiceOf(10), c.output, reference)
			if r.Pred != c.letter || r.Verdict != (c.letter == reference) {
				t.Errorf("%q for %s: %+v, want %q", c.output, reference, r, c.letter)
			}
		}
	}
}

// TestFewChoices: up to five options are judged as Choice, whatever is said.
func TestFewChoices(t *testing.T) {
	for n := 2; n <= GradedChoices; n++ {
		of, err := Named(choiceOf + string(rune('0'+n)))
		if err != nil || ChoiceOf(n) != Choice || Label(of) != "" {
			t.Fatal(n, of, err)
		}
		for _, output := range []string{`\boxed{B}`, "The choice is (C).\n\nThe choice is (A).",
			"The answer is B. Or is it C?", "a", ""} {
			got, _ := of.Grade(Output{Text: output, Reference: "B"}, grade.Graders...)
			want, _ := Math.Grade(Output{Text: output, Reference: "B"}, grade.Graders...)
			if !slices.Equal(got, want) {
				t.Errorf("%q: %+v, want %+v", output, got, want)
			}
		}
	}
}

// TestNames: every name leads to its type, and labels lead back.
func TestNames(t *testing.T) {
	for _, name := range []string{"math", "integer", "number", "choice", "choice of 2", "choice of 26",
		"text"} {
		of, err := Named(name)
		if err != nil || of.Name() != name {
			t.Fatal(name, of, err)
		}
		back, err := Labelled(Label(of), nil)
		if err != nil || Label(back) != Label(of) {
			t.Errorf("%s is labelled %q, which is %v, %v", name, Label(of), back, err)
		}
	}
	own := &Command{Run: []string{"cat"}}
	if got, err := Labelled(Label(own), own); got != own || err != nil {
		t.Error(got, err)
	}
	if _, err := Labelled(Label(own), nil); err == nil {
		t.Error("a command was found that nothing names")
	}
	for _, name := range []string{"choice of 1", "choice of 27", "words"} {
		if _, err := Named(name); err == nil || !strings.Contains(err.Error(), "choice of N") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzTypes holds that no type fails on a text, says the same twice, and finds a reference
// that is boxed.
func FuzzTypes(f *testing.F) {
	f.Add(`The answer is \boxed{\text{B}}`, "B")
	f.Add("Die Antwort ist: (H)", "H")
	f.Add("<answer>Zürich</answer>", "ZÜRICH.")
	f.Fuzz(func(t *testing.T, output, reference string) {
		for _, of := range []Type{Text, ChoiceOf(6), ChoiceOf(26)} {
			r := graded(t, of, output, reference)
			if r != graded(t, of, output, reference) {
				t.Errorf("%s: %q for %q: two results", of.Name(), output, reference)
			}
			if strings.TrimSpace(reference) == "" && r.Verdict {
				t.Errorf("%s: %q is right by an empty reference", of.Name(), output)
			}
		}
		if l := Letter(reference); l != "" {
			if r := graded(t, ChoiceOf(26), `So \boxed{`+reference+`}`, l); !r.Verdict {
				t.Errorf("%q in a box is not %s: %+v", reference, l, r)
			}
		}
	})
}
