package answer

import (
	"strings"
	"testing"
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
		if got := (Boxed{}).WellFormed(text, false); got != want {
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
		if got := (Boxed{}).WellFormed(text, true); got != want {
			t.Errorf("think: %q: %v, want %v", text, got, want)
		}
	}
}

func FuzzWellFormed(f *testing.F) {
	f.Add(`a \boxed{1}`, false)
	f.Add(`<think>a</think>\boxed{{}}`, true)
	f.Fuzz(func(t *testing.T, text string, think bool) {
		if (Boxed{}).WellFormed(text, think) && !strings.Contains(text, `\boxed{`) {
			t.Fatalf("%q has no answer", text)
		}
	})
}
