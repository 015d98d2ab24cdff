package prompt

import (
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/eval/bench"
)

// TestArguments: variables reach the model's own chat template, and those that nothing would read are refused.
func TestArguments(t *testing.T) {
	chat, err := text.NewTemplate("{{ messages[-1].content }}"+
		"{% if not enable_thinking|default(true) %}<think>\n\n</think>\n\n{% endif %}", "", "")
	if err != nil {
		t.Fatal(err)
	}
	p := bench.Problem{ID: "1", Language: "en", Problem: "Q?"}
	for value, ends := range map[string]string{"false": "<think>\n\n</think>\n\n", "true": "{final_answer}.'."} {
		for _, template := range []string{"", "auto", "chat"} {
			o := Options{Template: template}
			if err := o.SetChat(chat, map[string]string{"enable_thinking": value}); err != nil {
				t.Fatal(err)
			}
			built, err := Build(p, o)
			if err != nil || !strings.HasSuffix(built.Text, ends) {
				t.Errorf("%s, %q: %q, %v", value, template, built.Text, err)
			}
		}
	}
	for _, c := range []struct {
		template string
		chat     *text.Template
		name     string
		want     string
	}{
		{"none", chat, "enable_thinking", "template is none"},
		{"auto", nil, "enable_thinking", "the model has none"},
		{"chat", chat, "enable_thought", "does not read enable_thought"},
	} {
		o := Options{Template: c.template}
		err := o.SetChat(c.chat, map[string]string{c.name: "false"})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s: %v, want %q", c.template, err, c.want)
		}
	}
	parsed, err := ParseArguments([]string{"a=false", "b=3", "c=x=y", `d="4"`, "e="})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"a": false, "b": 3.0, "c": "x=y", "d": "4", "e": ""} {
		if got := Values(parsed)[name]; got != want {
			t.Errorf("%s is %#v, want %#v", name, got, want)
		}
	}
	for _, wrong := range [][]string{{"a"}, {"=1"}, {"a=1", "a=2"}} {
		if _, err := ParseArguments(wrong); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}
