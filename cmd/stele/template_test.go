package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/internal/jsonl"
)

// templated is a tiny model's folder with a chat template of its own.
func templated(t *testing.T, template string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "model")
	if err := os.CopyFS(dir, os.DirFS("../../testdata/models/tiny-qwen2")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "chat_template.jinja"), []byte(template), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// write puts a text into a file and returns its path.
func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.jsonl")
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestUnreadableTemplate: a chat template that cannot be read stops what needs it,
// with one line that names file, line and construct, and nothing else.
func TestUnreadableTemplate(t *testing.T) {
	model := templated(t, "{% for m in messages %}\n{% trans %}{% endfor %}")
	text := write(t, `{"text": "hello"}`)
	ids := write(t, `{"prompt_ids": [1, 2, 3]}`)
	messages := write(t, `{"messages": [{"role": "user", "content": "hi"}]}`)
	completions := write(t, `{"prompt_ids": [1, 2], "completion_ids": [3]}`)
	out := func() string { return filepath.Join(t.TempDir(), "run") }
	evaluate := []string{"eval", "-m", model, "--bench", "arith", "--lang", "en", "--limit", "1", "-n", "1",
		"--max-tokens", "2"}
	train := []string{"train", "--dry-run", "--set", "model=" + model, "--set", "data.bench=arith", "--set",
		"data.levels=[1]", "--set", "data.languages=[en]"}
	for _, works := range [][]string{
		{"generate", "-m", model, "-p", "hello", "--raw", "--max-tokens", "1"},
		{"generate", "-m", model, "--in", ids, "--out", out(), "--max-tokens", "1"},
		{"tokenize", "-m", model, "--in", text, "--out", out()},
		{"score", "-m", model, "--in", completions, "--out", out()},
		{"bench", "-m", model, "-p", "4", "-n", "2", "-b", "1", "-r", "1", "--train=false"},
		append(evaluate, "--template", "plain", "--out", out()),
		append(evaluate, "--template", "none", "--out", out()),
		append(evaluate, "--template", "qwen-instruct", "--out", out()),
		append(train, "--set", "data.template=plain"),
		append(train, "--set", "data.template=none"),
		{"doctor", "-m", model},
	} {
		if _, err := runCommand(works...); err != nil {
			t.Errorf("stele %s: %v", strings.Join(works, " "), err)
		}
	}
	for _, stops := range [][]string{
		{"generate", "-m", model, "-p", "hello", "--max-tokens", "1"},
		{"generate", "-m", model, "--in", messages, "--out", out(), "--max-tokens", "1"},
		append(evaluate, "--template", "auto", "--out", out()),
		append(evaluate, "--template", "chat", "--out", out()),
		append(train, "--set", "data.template=auto"),
	} {
		_, err := runCommand(stops...)
		if err == nil {
			t.Errorf("stele %s gives no error", strings.Join(stops, " "))
			continue
		}
		for _, want := range []string{filepath.Join(model, "chat_template.jinja"), "line 2", "{% trans %}",
			`unknown tag "trans"`, "without it"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("stele %s: %v\ndoes not name %s", strings.Join(stops, " "), err, want)
			}
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("stele %s: an error of several lines: %v", strings.Join(stops, " "), err)
		}
	}
	said, err := runCommand("doctor", "-m", model)
	if err != nil || strings.Count(said, `unknown tag "trans"`) != 1 {
		t.Errorf("doctor: %v\n%s", err, said)
	}
}

// TestGenerateConversation: a line's messages reach the template with all their
// fields in their order, and so do tools and variables.
func TestGenerateConversation(t *testing.T) {
	template := `{% for m in messages %}{{ m|tojson }}{% endfor %}{{ tools|tojson }}{{ enable_thinking }}`
	model := templated(t, template)
	in := write(t,
		`{"messages": [{"role": "assistant", "content": null, "tool_calls": [{"b": 1.0, "a": "<"}]}], "tools": [{"z": 1, "a": 2.50}], "chat_template_kwargs": {"enable_thinking": false}}`+"\n"+
			`{"prompt": "hi"}`)
	out := filepath.Join(t.TempDir(), "out.jsonl")
	if _, err := runCommand("generate", "-m", model, "--in", in, "--out", out, "--system", "S",
		"--max-tokens", "1"); err != nil {
		t.Fatal(err)
	}
	tokenizer, err := text.Load(model)
	if err != nil {
		t.Fatal(err)
	}
	defer tokenizer.Close()
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	for i, want := range []string{
		`{"role": "system", "content": "S"}{"role": "assistant", "tool_calls": [{"b": 1.0, "a": "<"}]}[{"z": 1, "a": 2.5}]False`,
		`{"role": "system", "content": "S"}{"role": "user", "content": "hi"}null`,
	} {
		var done struct {
			Prompt []int32 `json:"prompt_ids"`
		}
		if err := json.Unmarshal([]byte(lines[i]), &done); err != nil {
			t.Fatal(err)
		}
		if got, err := tokenizer.Decode(done.Prompt, false); got != want || err != nil {
			t.Errorf("line %d: %v\n got %s\nwant %s", i+1, err, got, want)
		}
	}
	for _, bad := range []string{`{"messages": []}`, `{"messages": ["x"]}`,
		`{"messages": [{"role": "user"}], "tools": 3}`, `{"prompt": "x", "chat_template_kwargs": [1]}`} {
		if _, err := runCommand("generate", "-m", model, "--in", write(t, bad), "--out", out, "--max-tokens",
			"1"); err == nil || !strings.Contains(err.Error(), "in.jsonl:1") {
			t.Errorf("%s: %v, want an error that names the line", bad, err)
		}
	}
}

// TestGenerateSaysUnread: what a file has and the chat template does not read is said, once.
func TestGenerateSaysUnread(t *testing.T) {
	template, err := text.NewTemplate(
		`{% for m in messages %}{{ m.content }}{% if m.name %}{{ m.name }}{% endif %}{% endfor %}`, "", "")
	if err != nil {
		t.Fatal(err)
	}
	record, err := jsonl.ParseRecord([]byte(`{"messages": [{"role": "user", "name": "Ann", "content": "x", ` +
		`"tool_calls": [{"a": 1}], "weight": null}], "tools": [{"z": 1}], "documents": [], ` +
		`"chat_template_kwargs": {"enable_thinking": false}}`))
	if err != nil {
		t.Fatal(err)
	}
	var said guesses
	for range 2 {
		messages, prompt, err := asked(record, &said)
		if err != nil {
			t.Fatal(err)
		}
		got, err := new(generateFlags).rendered(template, record, messages, prompt, &said)
		if err != nil || got != "xAnn" {
			t.Fatalf("rendered %q, %v", got, err)
		}
	}
	var b strings.Builder
	said.write(&b, "in.jsonl")
	const reads = "in.jsonl: the template reads nothing from the field "
	if want := reads + "chat_template_kwargs: 2 conversations are asked without it\n" +
		reads + "tool_calls of messages: 2 conversations are asked without it\n" +
		reads + "tools: 2 conversations are asked without it\n"; b.String() != want {
		t.Errorf("said\n%s\nwant\n%s", b.String(), want)
	}
}

// TestTemplateArguments: variables of the chat template reach the prompts of generate, eval and train by their flags
// and settings, and one that would have no effect is refused by each.
func TestTemplateArguments(t *testing.T) {
	model := templated(t, "{{ messages[-1].content }}"+
		"{% if not enable_thinking|default(true) %}<think></think>{% endif %}")
	out := func() string { return filepath.Join(t.TempDir(), "run") }
	evaluate := []string{"eval", "-m", model, "--bench", "arith", "--lang", "en", "--limit", "1", "-n", "1",
		"--max-tokens", "2", "--template-arg"}
	train := []string{"train", "--dry-run", "--set", "model=" + model, "--set", "data.bench=arith", "--set",
		"data.levels=[1]", "--set", "data.languages=[en]", "--set", "rollout.max_tokens=8", "--set"}
	completions, run := out(), out()
	for _, works := range [][]string{
		{"generate", "-m", model, "-p", "hello", "--max-tokens", "1", "--out", completions,
			"--template-arg", "enable_thinking=false"},
		append(evaluate, "enable_thinking=false", "--out", run),
		append(train, "data.template_args.enable_thinking=false"),
		append(train, "data.template_args={enable_thinking: true}"),
	} {
		if _, err := runCommand(works...); err != nil {
			t.Errorf("stele %s: %v", strings.Join(works, " "), err)
		}
	}
	tokenizer, err := text.Load(model)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(completions)
	if err != nil {
		t.Fatal(err)
	}
	var line struct {
		Prompt []int32 `json:"prompt_ids"`
	}
	if err := json.Unmarshal(data, &line); err != nil {
		t.Fatal(err)
	}
	if got, err := tokenizer.Decode(line.Prompt, false); err != nil || got != "hello<think></think>" {
		t.Errorf("generate asks %q, %v", got, err)
	}
	if data, err = os.ReadFile(filepath.Join(run, "samples.jsonl")); err != nil ||
		!strings.Contains(string(data), `\u003cthink\u003e\u003c/think\u003e"`) &&
			!strings.Contains(string(data), `<think></think>"`) {
		t.Errorf("eval asks otherwise: %s, %v", data, err)
	}
	for _, stops := range [][]string{
		{"generate", "-m", model, "-p", "hello", "--template-arg", "enable_thought=false"},
		append(evaluate, "enable_thought=false", "--out", out()),
		append(train, "data.template_args.enable_thought=false"),
	} {
		_, err := runCommand(stops...)
		if err == nil || !strings.Contains(err.Error(), "does not read enable_thought") {
			t.Errorf("stele %s: %v", strings.Join(stops, " "), err)
		}
	}
	other := append(evaluate, "enable_thinking=false", "--template", "none", "--out", out())
	if _, err := runCommand(other...); err == nil || !strings.Contains(err.Error(), "template is none") {
		t.Errorf("with another template: %v", err)
	}
}

// TestSaysDate: where a template writes the date of today, one is told which it writes; where it is given another, or
// is not used, one is not.
func TestSaysDate(t *testing.T) {
	dir := templated(t, "{% if not day is defined %}{% set day = strftime_now('%d %b %Y') %}{% endif %}"+
		"{{ day }} {{ messages[0].content }}")
	generate := []string{"generate", "-m", dir, "-p", "a", "--max-tokens", "1", "--backend", "go"}
	evaluate := []string{"eval", "-m", dir, "--bench", "arith", "--lang", "en", "--limit", "1", "-n", "1",
		"--max-tokens", "1", "--backend", "go"}
	const want = "chat_template.jinja asks for the date of today: it is 26 July 2024 in every prompt"
	for _, c := range []struct {
		command, more []string
		times         int
	}{
		{generate, nil, 1}, {generate, []string{"--template-arg", "day=today"}, 0}, {generate, []string{"--raw"}, 0},
		{evaluate, nil, 1}, {evaluate, []string{"--template-arg", "day=today"}, 0},
		{evaluate, []string{"--template", "none"}, 0},
	} {
		args := append(slices.Clone(c.command), c.more...)
		if c.command[0] == "eval" {
			args = append(args, "--out", filepath.Join(t.TempDir(), "run"))
		}
		var said strings.Builder
		root := newRootCommand()
		root.SetArgs(args)
		root.SetOut(io.Discard)
		root.SetErr(&said)
		if err := root.Execute(); err != nil || strings.Count(said.String(), want) != c.times {
			t.Errorf("stele %s: %v, said %q", strings.Join(args, " "), err, said.String())
		}
	}
}

// TestSaysUnsampled: who samples is told of settings in generation_config.json that do not count; who scores, whose
// result does not depend on them, is not.
func TestSaysUnsampled(t *testing.T) {
	const model, want = "../../testdata/models/tiny-qwen2", "repetition_penalty 1.05, with which transformers"
	in := filepath.Join(t.TempDir(), "in.jsonl")
	if err := os.WriteFile(in, []byte(`{"prompt_ids": [1, 2], "completion_ids": [3]}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		args  []string
		times int
	}{
		{[]string{"generate", "-m", model, "-p", "a", "--raw", "--max-tokens", "1", "--backend", "go"}, 1},
		{[]string{"score", "-m", model, "--in", in, "--backend", "go"}, 0},
	} {
		var said strings.Builder
		root := newRootCommand()
		root.SetArgs(x.args)
		root.SetOut(io.Discard)
		root.SetErr(&said)
		if err := root.Execute(); err != nil || strings.Count(said.String(), want) != x.times {
			t.Errorf("%v: %v, said %q", x.args, err, said.String())
		}
	}
}
