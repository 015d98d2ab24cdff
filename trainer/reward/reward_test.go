package reward

import (
	"math"
	"strings"
	"testing"

	"github.com/stele-lm/stele/eval/langid"
	"github.com/stele-lm/stele/eval/language"
)

func TestWellFormed(t *testing.T) {
	for text, want := range map[string]bool{
		`two plus two is four. \boxed{4}`:  true,
		`so \boxed{\frac{1}{2}}`:           true,
		`\boxed{4}`:                        false, // no reasoning
		`four`:                             false, // no answer
		`so \boxed{}`:                      false, // empty
		`so \boxed{4`:                      false, // not closed
		`so \boxed{3} or \boxed{4}`:        false, // two answers
		``:                                 false,
		`<think>because</think> \boxed{4}`: true,
		"a \\boxed{ }":                     false,
		`long reasoning and then \boxed{\text{{a}{b}}}`: true,
	} {
		if got := WellFormed(text, false); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	for text, want := range map[string]bool{
		"<think>because</think> \\boxed{4}":            true,
		"because</think> \\boxed{4}":                   true, // the template opened the tag
		"<think></think> \\boxed{4}":                   false,
		"because \\boxed{4}":                           false,
		"<think>a</think> b</think> \\boxed{4}":        false,
		"<think>\\boxed{3}</think> so \\boxed{4}":      true, // what is thought is not the answer
		"<think>because</think> \\boxed{4} \\boxed{5}": false,
	} {
		if got := WellFormed(text, true); got != want {
			t.Errorf("think: %q: %v, want %v", text, got, want)
		}
	}
}

// TestScore is Eq. 7 with the paper's weights.
func TestScore(t *testing.T) {
	s := NewScorer(DefaultConfig(), langid.New())
	for _, c := range []struct {
		output, language     string
		truncated            bool
		accuracy, form, lang float64
	}{
		{`First we add two and two, and the sum is four. \boxed{4}`, "en", false, 1, 1, 1},
		{`First we add two and two, and the sum is five. \boxed{5}`, "en", false, 0, 1, 1},
		{`Zuerst addieren wir zwei und zwei und erhalten vier. \boxed{4}`, "en", false, 1, 1, 0},
		{`Zuerst addieren wir zwei und zwei und erhalten vier. \boxed{4}`, "de", false, 1, 1, 1},
		{`The answer is 4`, "en", false, 1, 0, 1},
		{`First we add two and two, and the sum is four. \boxed{4}`, "en", true, 1, 0, 1},
		{``, "en", false, 0, 0, 0},
		{`먼저 둘과 둘을 더하면 합은 넷입니다. \boxed{4}`, "en", false, 1, 1, 0},
		{`Primeiro somamos dois e dois, e o resultado da soma é quatro. \boxed{4}`, "es", false, 1, 1, 0},
		{`Pertama-tama kita jumlahkan dua dan dua, lalu hasilnya adalah empat. \boxed{4}`, "sw", false, 1, 1, 0},
		{`y = 2 + 2 \boxed{4}`, "sw", false, 1, 1, 0},
	} {
		got := s.Score(Rollout{Output: c.output, Answer: "4", DataName: "math", Language: c.language, Truncated: c.truncated})
		want := 0.8*c.accuracy + 0.1*c.form + 0.1*c.lang
		if got.Accuracy != c.accuracy || got.Format != c.form || got.Language != c.lang || math.Abs(got.Total-want) > 1e-12 {
			t.Errorf("%q in %s: %+v, want %g = 0.8·%g + 0.1·%g + 0.1·%g", c.output, c.language, got, want, c.accuracy, c.form, c.lang)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []Config{{}, {Accuracy: -1, Format: 2}, {Accuracy: 1, LangCandidates: []string{"en", "xx"}}} {
		if c.Validate(language.Builtin()) == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	if err := DefaultConfig().Validate(language.Builtin()); err != nil {
		t.Error(err)
	}
}

func FuzzWellFormed(f *testing.F) {
	f.Add(`a \boxed{1}`, false)
	f.Add(`<think>a</think>\boxed{{}}`, true)
	f.Fuzz(func(t *testing.T, text string, think bool) {
		if WellFormed(text, think) && !strings.Contains(text, `\boxed{`) {
			t.Fatalf("%q has no answer", text)
		}
	})
}
