package text

import (
	"encoding/json"
	"os"
	"slices"
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
			text, spans, err := FindTurns(template.RenderTurns, TurnsOf(messages), tokenizer)
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
					!strings.Contains(text[span.From:span.To], trimmed(said)) {
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

// TestFindTurnsWords: whatever a short answer is, what is learnt from is the answer with what the template writes
// around it in the model's stead, and what ends it.
func TestFindTurnsWords(t *testing.T) {
	data, err := os.ReadFile("testdata/chat_templates.json")
	if err != nil {
		t.Fatal(err)
	}
	var goldens struct {
		Templates map[string]struct {
			Template string
			BOS      string `json:"bos_token"`
			EOS      string `json:"eos_token"`
		}
	}
	if err := json.Unmarshal(data, &goldens); err != nil {
		t.Fatal(err)
	}
	tokenizer, err := Load("../../testdata/models/tiny-qwen2")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tokenizer.Close)
	sources := map[string]string{
		"glm": "{% for m in messages %}<|{{ m.role }}|>\n{% if m.role == 'assistant' %}<think></think>\n" +
			"{% if m.content %}{{ m.content }}{% endif %}{% else %}{{ m.content }}{% endif %}{% endfor %}" +
			"{% if add_generation_prompt %}<|assistant|>{% else %}<|end|>{% endif %}",
		"thinks": "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' and '</think>' " +
			"not in m.content %}</think>{% endif %}{{ m.content | trim }}<|im_end|>\n{% endfor %}" +
			"{% if add_generation_prompt %}<|im_start|>assistant\n<think>{% endif %}",
	}
	around := map[string][2]string{ // the last turn, and the one before, have these at their ends
		"qwen2.5-instruct": {"", "<|im_end|>"}, "smollm2": {"", "<|im_end|>"},
		"qwen3":                    {"<think>\n\n</think>\n\n", "<|im_end|>"},
		"deepseek-r1-distill-qwen": {"", "<｜end▁of▁sentence｜>"}, "llama-3.1-instruct": {"", "<|eot_id|>"},
		"glm": {"\n<think></think>\n", "<|end|>"}, "thinks": {"</think>", "<|im_end|>"},
	}
	for name, ends := range around {
		golden, source := goldens.Templates[name], sources[name]
		if source == "" {
			source = golden.Template
		}
		template, err := NewTemplate(source, golden.BOS, golden.EOS)
		if err != nil {
			t.Fatal(name, err)
		}
		for _, said := range []string{"hi", "i", "think", "", "<", ">", "<answer>4</answer>", "assistant", "user", "s",
			"<think>", "end", "stele", "stele0", "\n", "|"} {
			if name != "thinks" && strings.TrimSpace(said) == "" && said != "" {
				continue // white space that one template keeps and another trims
			}
			turns := TurnsOf([]Message{{"user", "hello"}, {"assistant", "i"}, {"user", "think"},
				{"assistant", said}})
			rendered, spans, err := template.Turns(turns, tokenizer)
			if err != nil || len(spans) != 2 {
				t.Errorf("%s, %q: %v %v", name, said, spans, err)
				continue
			}
			want := ends[0] + strings.TrimSpace(said) + ends[1]
			if got := rendered[spans[1].From:spans[1].To]; got != want {
				t.Errorf("%s, %q: %q is learnt from, want %q", name, said, got, want)
			}
			first := rendered[spans[0].From:spans[0].To]
			if name != "glm" && !slices.Contains([]string{"i" + ends[1], ends[0] + "i" + ends[1]}, first) {
				t.Errorf("%s, %q: %q is learnt from of the first turn", name, said, first)
			}
		}
	}
}

// TestFindTurnsFields: reasoning in a field of its own is learnt where the template writes it, and a turn begins after
// what the template would have written in the model's stead.
func TestFindTurnsFields(t *testing.T) {
	data, err := os.ReadFile("testdata/chat_templates.json")
	if err != nil {
		t.Fatal(err)
	}
	var goldens struct {
		Templates map[string]struct{ Template string }
	}
	if err := json.Unmarshal(data, &goldens); err != nil {
		t.Fatal(err)
	}
	tokenizer, err := Load("../../testdata/models/tiny-qwen2")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tokenizer.Close)
	thinks, err := NewTemplate(goldens.Templates["qwen3"].Template, "", "")
	if err != nil {
		t.Fatal(err)
	}
	blank, err := thinks.With(map[string]any{"enable_thinking": false})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		template        *Template
		content, fields string
		want            string
	}{
		{thinks, "good", `{"reasoning_content": "good"}`, "<think>\ngood\n</think>\n\ngood<|im_end|>"},
		{thinks, "", `{"reasoning_content": "so"}`, "<think>\nso\n</think>\n\n<|im_end|>"},
		{thinks, "<think>\nso\n</think>\n\nso", "", "<think>\nso\n</think>\n\nso<|im_end|>"},
		{thinks, "<think>\nso\n</think>", "", "<think>\nso\n</think>\n\n<|im_end|>"},
		{blank, "think", "", "think<|im_end|>"},
		{blank, "", "", "<|im_end|>"},
	} {
		turns := TurnsOf([]Message{{"user", "hello"}, {"assistant", c.content}})
		turns[1].Fields = json.RawMessage(c.fields)
		rendered, spans, err := c.template.Turns(turns, tokenizer)
		if err != nil || len(spans) != 1 || rendered[spans[0].From:spans[0].To] != c.want {
			t.Errorf("%q, %s: %v of %q, error %v; want %q", c.content, c.fields, spans, rendered, err, c.want)
		}
	}
}
