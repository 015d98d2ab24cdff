package text

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stele-lm/stele/engine/text/jinja"
	"github.com/stele-lm/stele/internal/jsonl"
)

// Message is one turn of a conversation.
type Message struct {
	Role    string `json:"role"` // system, user or assistant
	Content string `json:"content"`
}

// Conversation is the input of a chat template, as JSON: messages with whatever
// fields the template reads, and the variables that transformers gives it.
type Conversation struct {
	Messages  json.RawMessage // a list of objects
	Tools     json.RawMessage // a list of objects; may be absent
	Documents json.RawMessage // a list of objects; may be absent
	Variables json.RawMessage // an object, such as {"enable_thinking": false}; may be absent
}

// Template is a model's chat template. It is safe for concurrent use.
type Template struct {
	named   map[string]variant // of one template "default" is the only name
	special *jinja.Dict        // bos_token, eos_token and so on, as far as there are
	given   *jinja.Dict        // variables of every rendering (see With); may be nil
	// Now is the date that strftime_now formats. It does not move by itself, so
	// that a prompt is the same tomorrow; the default is the one that Llama's own
	// template falls back to, 26 July 2024.
	Now time.Time
}

// variant is a template, or why it cannot be used.
type variant struct {
	path     string // the file that it stands in; empty where there is none
	source   string
	template *jinja.Template
	err      error
}

// ErrNoTemplate says that a model folder has no chat template.
var ErrNoTemplate = errors.New("no chat template")

// LoadTemplate reads the chat template of a model folder, in transformers' order:
// chat_template.jinja and additional_chat_templates/*.jinja, else chat_template of
// tokenizer_config.json, which may be a list of named ones. A template that cannot
// be read is no error here, but of Err and of every rendering: much works without.
func LoadTemplate(dir string) (*Template, error) { return LoadTemplateFrom(os.DirFS(dir), dir) }

// LoadTemplateFrom is LoadTemplate from files that need not be on disk; messages say that they are those of dir.
func LoadTemplateFrom(folder fs.FS, dir string) (*Template, error) {
	config, err := readObject(folder, dir, "tokenizer_config.json")
	if err != nil {
		return nil, err
	}
	model, err := readObject(folder, dir, "config.json")
	if err != nil {
		return nil, err
	}
	t := &Template{named: map[string]variant{}, Now: templateDate()}
	if t.special, err = specialTokens(folder, dir, config); err != nil {
		return nil, err
	}
	class := string(config["tokenizer_class"])
	kind := string(model["model_type"])
	if kind == `"qwen2"` || kind == `"qwen3"` || class == `"Qwen2Tokenizer"` ||
		class == `"Qwen2TokenizerFast"` {
		qwen2Tokens(config, t.special)
	}
	files := map[string]string{"default": "chat_template.jinja"}
	more, err := fs.Glob(folder, "additional_chat_templates/*.jinja")
	if err != nil {
		return nil, err
	}
	for _, file := range more {
		files[strings.TrimSuffix(path.Base(file), ".jinja")] = file
	}
	for name, file := range files {
		source, err := fs.ReadFile(folder, file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, located(err, place(dir, file))
		}
		t.add(name, place(dir, file), string(source))
	}
	if len(t.named) == 0 {
		t.fromConfig(place(dir, "tokenizer_config.json"), config["chat_template"])
	}
	if len(t.named) == 0 {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoTemplate)
	}
	return t, nil
}

// templateDate returns the date that strftime_now writes.
func templateDate() time.Time { return time.Date(2024, time.July, 26, 0, 0, 0, 0, time.UTC) }

// readObject reads a JSON object; a file that is not there is an empty one.
func readObject(folder fs.FS, dir, name string) (map[string]json.RawMessage, error) {
	path := place(dir, name)
	data, err := fs.ReadFile(folder, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, located(err, path)
	}
	var object map[string]json.RawMessage
	if err := jsonl.Unmarshal(data, &object); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return object, nil
}

// specialTokens are the tokens that templates may name: every NAME_token that is
// text or an object with its content. A folder from before added_tokens_decoder
// has them in special_tokens_map.json.
func specialTokens(folder fs.FS, dir string, config map[string]json.RawMessage) (*jinja.Dict, error) {
	if _, ok := config["added_tokens_decoder"]; !ok {
		older, err := readObject(folder, dir, "special_tokens_map.json")
		if err != nil {
			return nil, err
		}
		if len(older) > 0 {
			merged := maps.Clone(config)
			if merged == nil {
				merged = map[string]json.RawMessage{}
			}
			maps.Copy(merged, older)
			config = merged
		}
	}
	tokens := jinja.NewDict()
	for _, key := range slices.Sorted(maps.Keys(config)) {
		if !strings.HasSuffix(key, "_token") {
			continue
		}
		var content string
		var object struct {
			Content *string `json:"content"`
		}
		switch raw := config[key]; {
		case string(raw) == "null":
		case json.Unmarshal(raw, &content) == nil:
			tokens.Set(key, content)
		case json.Unmarshal(raw, &object) == nil && object.Content != nil:
			tokens.Set(key, *object.Content)
		}
	}
	return tokens, nil
}

// qwen2Tokens adds the tokens that transformers' Qwen2Tokenizer has by itself. A model of
// Qwen2 or Qwen3 has this tokenizer whatever class its folder names.
func qwen2Tokens(config map[string]json.RawMessage, tokens *jinja.Dict) {
	for _, key := range []string{"eos_token", "pad_token", "unk_token"} {
		if _, set := tokens.Get(key); !set && len(config[key]) == 0 {
			tokens.Set(key, "<|endoftext|>")
		}
	}
}

// add parses one template.
func (t *Template) add(name, path, source string) {
	v := variant{path: path, source: source}
	if v.template, v.err = jinja.Parse(source); v.err != nil {
		v.err = chatError(path, v.err)
	}
	t.named[name] = v
}

// chatError puts the file to an error of a template.
func chatError(path string, err error) error {
	if path == "" {
		return fmt.Errorf("chat template: %w", err)
	}
	return fmt.Errorf("%s: chat template: %w", path, err)
}

// fromConfig reads chat_template of tokenizer_config.json: a template, or a list of
// named ones.
func (t *Template) fromConfig(path string, raw json.RawMessage) {
	if len(raw) == 0 || string(raw) == "null" {
		return
	}
	var source string
	if json.Unmarshal(raw, &source) == nil {
		t.add("default", path, source)
		return
	}
	var named []struct {
		Name     string `json:"name"`
		Template string `json:"template"`
	}
	if err := json.Unmarshal(raw, &named); err != nil {
		err := errors.New("chat_template must be text, or a list of objects with name and template")
		t.named["default"] = variant{path: path, err: chatError(path, err)}
		return
	}
	for _, n := range named {
		t.add(n.Name, path, n.Template)
	}
}

// NewTemplate compiles a Jinja chat template; bos and eos are the tokens it may
// name, empty where the model has none.
func NewTemplate(source, bos, eos string) (*Template, error) {
	t := &Template{named: map[string]variant{}, special: jinja.NewDict(), Now: templateDate()}
	for key, token := range map[string]string{"bos_token": bos, "eos_token": eos} {
		if token != "" {
			t.special.Set(key, token)
		}
	}
	t.add("default", "", source)
	return t, t.Err()
}

// With returns the template with variables of a person's own in every rendering, such as enable_thinking: false. A
// conversation's own variables are before them. One that the template does not name is an error.
func (t *Template) With(variables map[string]any) (*Template, error) {
	v, err := t.choose(false)
	if err != nil || len(variables) == 0 {
		return t, err
	}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if name == "messages" || name == "tools" || name == "documents" || name == "add_generation_prompt" {
			return nil, fmt.Errorf("%s comes from the conversation and cannot be set", name)
		}
		word, err := regexp.Compile(`\b` + regexp.QuoteMeta(name) + `\b`)
		if err != nil || !identifier.MatchString(name) {
			return nil, fmt.Errorf("%q is not the name of a variable", name)
		}
		if !word.MatchString(v.source) {
			return nil, chatError(v.path, fmt.Errorf("it does not read %s, so setting it would have no effect", name))
		}
	}
	data, err := json.Marshal(variables)
	if err != nil {
		return nil, err
	}
	given, err := jinja.FromJSON(data)
	if err != nil {
		return nil, err
	}
	with := *t
	with.given = given.(*jinja.Dict) // a map's
	return &with, nil
}

var identifier = regexp.MustCompile(`^[A-Za-z_]\w*$`)

// Err says why the template cannot be used; nil when it can.
func (t *Template) Err() error {
	_, err := t.choose(false)
	return err
}

// Source returns the text of the template that conversations without tools are put through.
func (t *Template) Source() (string, error) {
	v, err := t.choose(false)
	return v.source, err
}

// Special returns a special token by the name that templates know it by, such as bos_token.
func (t *Template) Special(name string) (token string, ok bool) {
	value, ok := t.special.Get(name)
	token, text := value.(string)
	return token, ok && text
}

// WritesDate reports whether the template writes the date of today, for which Now stands, into a prompt.
func (t *Template) WritesDate() bool {
	later := *t
	later.Now = t.Now.AddDate(1, 1, 1)
	of := []Message{{Role: "user", Content: "Hello"}}
	now, err := t.Render(of, true)
	then, _ := later.Render(of, true)
	return err == nil && now != then
}

// Path is the file that the template stands in.
func (t *Template) Path() string {
	v, _ := t.choose(false)
	return v.path
}

// choose takes the template for conversations with or without tools.
func (t *Template) choose(tools bool) (variant, error) {
	if v, ok := t.named["tool_use"]; ok && tools && len(t.named) > 1 {
		return v, v.err
	}
	if v, ok := t.named["default"]; ok {
		return v, v.err
	}
	names := slices.Sorted(maps.Keys(t.named))
	v := t.named[names[0]]
	return v, chatError(v.path, fmt.Errorf("of several templates (%s) none is named default",
		strings.Join(names, ", ")))
}

// Render writes a conversation as the model's prompt; addGenerationPrompt ends it
// where the assistant's answer begins.
func (t *Template) Render(messages []Message, addGenerationPrompt bool) (string, error) {
	return t.RenderTurns(TurnsOf(messages), addGenerationPrompt)
}

// RenderConversation is Render for messages with all their fields, with tools,
// documents and variables; objects keep the order that their keys have in JSON.
func (t *Template) RenderConversation(c Conversation, addGenerationPrompt bool) (string, error) {
	messages, err := objects("messages", c.Messages)
	if err != nil {
		return "", err
	}
	tools, err1 := objects("tools", c.Tools)
	documents, err2 := objects("documents", c.Documents)
	if err := errors.Join(err1, err2); err != nil {
		return "", err
	}
	var variables *jinja.Dict
	if len(c.Variables) > 0 && string(c.Variables) != "null" {
		v, err := jinja.FromJSON(c.Variables)
		var ok bool
		if variables, ok = v.(*jinja.Dict); err != nil || !ok {
			return "", errors.New(`"chat_template_kwargs" must be an object`)
		}
	}
	turns := &jinja.List{}
	if messages != nil {
		for _, m := range messages.Items {
			turns.Items = append(turns.Items, normalized(m.(*jinja.Dict)))
		}
	}
	rendered, _, err := t.render(turns, tools, documents, variables, addGenerationPrompt)
	return rendered, err
}

// objects reads a list of objects; nil when there is none.
func objects(what string, raw json.RawMessage) (*jinja.List, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	v, err := jinja.FromJSON(raw)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", what, err)
	}
	list, ok := v.(*jinja.List)
	if !ok {
		return nil, fmt.Errorf("%q must be a list of objects", what)
	}
	for i, item := range list.Items {
		if _, ok := item.(*jinja.Dict); !ok {
			return nil, fmt.Errorf("%q must be a list of objects, and item %d is none", what, i+1)
		}
	}
	return list, nil
}

// reasoning are the names that a message's reasoning goes by.
var reasoning = []string{"reasoning_content", "thinking", "reasoning"}

// normalized is a message as transformers gives it to templates: without fields
// that are null, and with its reasoning under the names that templates read.
func normalized(message *jinja.Dict) *jinja.Dict {
	kept := jinja.NewDict()
	var thought jinja.Value
	for _, key := range reasoning {
		if v, ok := message.Get(key); ok && v != nil && thought == nil {
			thought = v
		}
	}
	if thought != nil {
		kept.Set("thinking", thought)
	}
	for key, value := range message.All() {
		if value != nil {
			kept.Set(key, value)
		}
	}
	if thought != nil {
		kept.Set("reasoning_content", thought)
	}
	return kept
}

func (t *Template) render(
	messages, tools, documents *jinja.List, variables *jinja.Dict, addGenerationPrompt bool,
) (string, []jinja.Mark, error) {
	v, err := t.choose(tools != nil)
	if err != nil {
		return "", nil, err
	}
	context := jinja.NewDict()
	context.Set("messages", messages)
	context.Set("tools", nil)
	context.Set("documents", nil)
	if tools != nil {
		context.Set("tools", tools)
	}
	if documents != nil {
		context.Set("documents", documents)
	}
	context.Set("add_generation_prompt", addGenerationPrompt)
	for _, more := range []*jinja.Dict{t.special, t.given, variables} {
		if more != nil {
			for key, value := range more.All() {
				context.Set(key, value)
			}
		}
	}
	rendered, marks, err := v.template.RenderMarked(context, t.Now)
	if err != nil {
		return "", nil, chatError(v.path, err)
	}
	return rendered, marks, nil
}
