package prompt

import (
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/language"
)

// TestConversation asks with the messages of the data as they are, whatever the template
// would say around a bare problem; templates with words of their own take the question.
func TestConversation(t *testing.T) {
	render := func(messages []text.Turn, generate bool) (string, error) {
		var b strings.Builder
		for _, m := range messages {
			b.WriteString("[" + m.Role + "]" + m.Content)
		}
		if generate {
			b.WriteString("[go]")
		}
		return b.String(), nil
	}
	one := bench.Problem{ID: "1", Language: "en", Problem: "Q?",
		Messages: []text.Turn{turn("system", "Be brief."), turn("user", "Q?")}}
	two := bench.Problem{ID: "2", Language: "en", Problem: "R?",
		Messages: []text.Turn{turn("user", "Q?"), turn("assistant", "A."), turn("user", "R?")}}
	prefix := language.Builtin().Lookup("en").Prompts.Prefix
	for _, c := range []struct {
		p    bench.Problem
		o    Options
		want string
	}{
		{one, Options{Chat: render}, "[system]Be brief.[user]Q?[go]"},
		{one, Options{Chat: render, Template: "chat", Hack: true}, "[system]Be brief.[user]Q?[go]" + prefix},
		{two, Options{Chat: render}, "[user]Q?[assistant]A.[user]R?[go]"},
		{one, Options{}, "Be brief.\n\nQ?\n\n"},
		{one, Options{Template: "none", Chat: render}, "Be brief.\n\nQ?\n\n"},
		{one, Options{Template: "qwen-instruct"}, "<|im_start|>system\nBe brief.<|im_end|>\n" +
			"<|im_start|>user\nQ?<|im_end|>\n<|im_start|>assistant\n"},
		{one, Options{Template: "plain"}, "Q?\n"},
	} {
		got, err := Build(c.p, c.o)
		if err != nil || got.Text != c.want {
			t.Errorf("%s with %q: %q, %v; want %q", c.p.ID, c.o.Template, got.Text, err, c.want)
		}
	}
	for _, o := range []Options{{Template: "plain"}, {Template: "r1-like"}, {Template: "chat"}} {
		if got, err := Build(two, o); err == nil {
			t.Errorf("two questions with %q: %q", o.Template, got.Text)
		}
	}
	if got, err := Build(one, Options{Template: "r1-like"}); err != nil ||
		!strings.Contains(got.Text, "Q?") || strings.Contains(got.Text, "Be brief.") {
		t.Errorf("r1-like: %q, %v", got.Text, err)
	}
}
