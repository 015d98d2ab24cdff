package text

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// files maps the paths of a folder's files to their contents.
type files map[string]string

// folder writes files into a folder of its own.
func folder(t *testing.T, all files) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range all {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestTemplateFiles: which of a folder's templates counts, as transformers has it.
func TestTemplateFiles(t *testing.T) {
	list := `{"chat_template": [{"name": "default", "template": "D"}, {"name": "tool_use", "template": "T"}]}`
	for _, c := range []struct {
		what          string
		files         files
		plain, tools  string // what is rendered without and with tools
		path, refusal string
	}{
		{"text", files{"tokenizer_config.json": `{"chat_template": "C"}`}, "C", "C",
			"tokenizer_config.json", ""},
		{"a list", files{"tokenizer_config.json": list}, "D", "T", "tokenizer_config.json", ""},
		{"a file before the config", files{"tokenizer_config.json": list, "chat_template.jinja": "F"}, "F",
			"F", "chat_template.jinja", ""},
		{"files", files{"chat_template.jinja": "F", "additional_chat_templates/tool_use.jinja": "A"}, "F",
			"A", "chat_template.jinja", ""},
		{"files that are not asked for",
			files{"chat_template.jinja": "F", "additional_chat_templates/rag.jinja": "R"}, "F", "F",
			"chat_template.jinja", ""},
		{"no default", files{"tokenizer_config.json": list, "additional_chat_templates/rag.jinja": "R"},
			"", "", "", "(rag) none is named default"},
		{"a number", files{"tokenizer_config.json": `{"chat_template": 3}`}, "", "", "",
			"tokenizer_config.json: chat template: chat_template must be text"},
		{"a bad template", files{"chat_template.jinja": "a\n{% trans %}"}, "", "", "",
			`chat_template.jinja: chat template: line 2, {% trans %}: unknown tag "trans"`},
	} {
		dir := folder(t, c.files)
		template, err := LoadTemplate(dir)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		for _, with := range []struct{ tools, want string }{{"", c.plain}, {"[]", c.tools}} {
			conversation := Conversation{Messages: json.RawMessage("[]"), Tools: json.RawMessage(with.tools)}
			got, err := template.RenderConversation(conversation, true)
			if c.refusal != "" {
				if err == nil || !strings.Contains(err.Error(), c.refusal) ||
					strings.Contains(err.Error(), "\n") || template.Err() == nil {
					t.Errorf("%s: error %v (%v), want %s", c.what, err, template.Err(), c.refusal)
				}
				continue
			}
			if got != with.want || err != nil || template.Err() != nil ||
				filepath.Base(template.Path()) != c.path {
				t.Errorf("%s: %q of %s, %v, want %q", c.what, got, template.Path(), err, with.want)
			}
		}
	}
	for _, without := range []files{nil, {"tokenizer_config.json": `{"chat_template": null}`}} {
		if _, err := LoadTemplate(folder(t, without)); !errors.Is(err, ErrNoTemplate) {
			t.Errorf("%v: %v, want %v", without, err, ErrNoTemplate)
		}
	}
}

// TestSpecialTokens: what templates see of a tokenizer's special tokens.
func TestSpecialTokens(t *testing.T) {
	source := "{{ bos_token }}|{{ eos_token }}|{{ pad_token is defined }}|" +
		"{{ image_token }}|{{ unk_token }}|{{ add_bos_token is defined }}"
	for _, c := range []struct {
		files files
		want  string
	}{
		{
			files{
				"tokenizer_config.json": `{"bos_token": "<s>", "eos_token": {"content": "</s>"}, ` +
					`"pad_token": null, "image_token": "<i>", "add_bos_token": true}`,
			},
			"<s>|</s>|False|<i>||False",
		},
		{
			files{
				"tokenizer_config.json":   `{"bos_token": "<s>"}`,
				"special_tokens_map.json": `{"bos_token": "<b>", "unk_token": {"content": "<u>"}}`,
			},
			"<b>||False||<u>|False",
		},
		{
			files{
				"tokenizer_config.json":   `{"bos_token": "<s>", "added_tokens_decoder": {}}`,
				"special_tokens_map.json": `{"bos_token": "<b>"}`,
			},
			"<s>||False|||False",
		},
		// Qwen2's tokenizer has some by itself, and a model of that type has this tokenizer.
		{
			files{
				"config.json":           `{"model_type": "qwen2"}`,
				"tokenizer_config.json": `{"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<e>"}`,
			},
			"|<e>|True||<|endoftext|>|False",
		},
		{
			files{
				"config.json":           `{"model_type": "llama"}`,
				"tokenizer_config.json": `{"tokenizer_class": "Qwen2Tokenizer", "unk_token": null}`,
			},
			"|<|endoftext|>|True|||False",
		},
		{
			files{
				"config.json":           `{"model_type": "llama"}`,
				"tokenizer_config.json": `{"tokenizer_class": "LlamaTokenizerFast"}`,
			},
			"||False|||False",
		},
	} {
		c.files["chat_template.jinja"] = source
		template, err := LoadTemplate(folder(t, c.files))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := template.Render(nil, false); got != c.want || err != nil {
			t.Errorf("%v: %q, %v; want %q", c.files, got, err, c.want)
		}
	}
}

// TestConversation: fields keep their order and their kind, null fields are not
// there, reasoning goes by its names, and variables win over special tokens.
func TestConversation(t *testing.T) {
	template, err := NewTemplate("{{ messages|tojson }}{{ tools|tojson }}{{ documents }}"+
		"{{ enable_thinking }}{{ bos_token }}{{ add_generation_prompt }}", "<s>", "")
	if err != nil {
		t.Fatal(err)
	}
	got, err := template.RenderConversation(Conversation{
		Messages: json.RawMessage(`[` +
			`{"role": "user", "z": 1.0, "content": "<é>", "a": [1, null], "none": null}, ` +
			`{"role": "assistant", "thinking": "hm", "content": ""}]`),
		Tools:     json.RawMessage(`[{"b": {"y": 1e2, "x": 0}, "a": true}]`),
		Variables: json.RawMessage(`{"enable_thinking": false, "bos_token": "<b>"}`),
	}, true)
	want := `[{"role": "user", "z": 1.0, "content": "<é>", "a": [1, null]}, ` +
		`{"thinking": "hm", "role": "assistant", "content": "", "reasoning_content": "hm"}]` +
		`[{"b": {"y": 100.0, "x": 0}, "a": true}]NoneFalse<b>True`
	if got != want || err != nil {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
	for _, c := range []Conversation{
		{Messages: json.RawMessage(`{}`)}, {Messages: json.RawMessage(`["x"]`)},
		{Tools: json.RawMessage(`3`)}, {Documents: json.RawMessage(`[1]`)},
		{Variables: json.RawMessage(`[]`)},
	} {
		if _, err := template.RenderConversation(c, true); err == nil {
			t.Errorf("%s was taken", c)
		}
	}
}

// TestTemplateWith: variables of a person's own reach every rendering, below those of a conversation, and one that
// the template does not read is an error that names it.
func TestTemplateWith(t *testing.T) {
	template, err := NewTemplate("{% if enable_thinking is defined and not enable_thinking %}no {% endif %}"+
		"{{ effort|default('low') }} {{ messages[0].content }}", "", "")
	if err != nil {
		t.Fatal(err)
	}
	turn := []Message{{Role: "user", Content: "Q"}}
	for _, c := range []struct {
		variables map[string]any
		own       string
		want      string
	}{
		{nil, "", "low Q"},
		{map[string]any{"enable_thinking": false}, "", "no low Q"},
		{map[string]any{"enable_thinking": true, "effort": "high"}, "", "high Q"},
		{map[string]any{"enable_thinking": false, "effort": 3}, `{"enable_thinking": true}`, "3 Q"},
	} {
		with, err := template.With(c.variables)
		if err != nil {
			t.Fatal(err)
		}
		got, err := with.RenderConversation(Conversation{Messages: []byte(`[{"role": "user", "content": "Q"}]`),
			Variables: []byte(c.own)}, true)
		if err != nil || got != c.want {
			t.Errorf("%v, %s: %q, %v, want %q", c.variables, c.own, got, err, c.want)
		}
		if got, err := template.Render(turn, true); err != nil || got != "low Q" {
			t.Errorf("after it the template itself says %q, %v", got, err)
		}
	}
	for _, name := range []string{"enable_thinkin", "thinking", "a b", ""} {
		if _, err := template.With(map[string]any{name: false}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
