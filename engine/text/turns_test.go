package text

import (
	"strings"
	"testing"
)

// FuzzFindTurns: whatever is said, the assistant's turns are found where they stand, one after another, and hold the
// words that it says.
func FuzzFindTurns(f *testing.F) {
	tokenizer, err := Load("../../testdata/models/tiny-qwen2")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(tokenizer.Close)
	const end = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
	var templates []*Template
	for _, turn := range []string{
		"<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n",
		"<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>",
		"<|im_start|>{{ m.role }}\n{{ m.content if loop.last else m.content.split('</think>')[-1] }}<end>\n",
	} {
		t, err := NewTemplate("{% for m in messages %}"+turn+"{% endfor %}"+end, "", "")
		if err != nil {
			f.Fatal(err)
		}
		templates = append(templates, t)
	}
	for _, s := range [][3]string{{"1?", "2", "3"}, {"7", "7", "7"}, {"", "", ""}, {" a", "\nb ", "<|im_end|>"},
		{"x", "<think>y</think>z", "assistant\n"}, {"é", "e\u0301", "\xff"}, {"<|im_start|>assistant\n", "<", "|"}} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, user, first, second string) {
		messages := []Message{{"user", user}, {"assistant", first}, {"user", first + user}, {"assistant", second}}
		for i, template := range templates {
			text, spans, err := FindTurns(template.Render, messages, tokenizer)
			if err != nil {
				continue // which names the turn
			}
			at := 0
			for k, span := range spans {
				said := messages[1+2*k].Content
				if i == 2 && k == 0 {
					said = said[strings.LastIndex(said, "</think>")+1:]
					said = strings.TrimPrefix(said, "/think>")
				}
				if span.From < at || span.To < span.From || span.To > len(text) ||
					!strings.Contains(text[span.From:span.To], strings.TrimSpace(said)) {
					t.Fatalf("template %d: turn %d of %q is %v of %q", i, k, messages, span, text)
				}
				at = span.To
			}
			if len(spans) != 2 {
				t.Fatalf("template %d: %d turns of %q", i, len(spans), messages)
			}
		}
	})
}
