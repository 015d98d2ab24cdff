package text

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/nikolalohinski/gonja/v2"
	"github.com/nikolalohinski/gonja/v2/builtins"
	"github.com/nikolalohinski/gonja/v2/config"
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/loaders"
)

// Message is one turn of a conversation.
type Message struct {
	Role    string `json:"role"` // system, user or assistant
	Content string `json:"content"`
}

// Template is a model's chat template. It is safe for concurrent use.
type Template struct {
	source   string
	bos, eos string
	// Now is the date that strftime_now formats. It does not move by itself, so
	// that a prompt is the same tomorrow; the default is the one that Llama's own
	// template falls back to, 26 July 2024.
	Now time.Time
}

// ErrNoTemplate says that a model folder has no chat template.
var ErrNoTemplate = errors.New("no chat template")

// LoadTemplate reads the chat template of a model folder: chat_template.jinja, or
// chat_template of tokenizer_config.json, of several the one named default.
func LoadTemplate(dir string) (*Template, error) {
	path := filepath.Join(dir, "tokenizer_config.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = []byte("{}"), nil
	}
	if err != nil {
		return nil, err
	}
	var f struct {
		ChatTemplate json.RawMessage `json:"chat_template"`
		BOS          tokenContent    `json:"bos_token"`
		EOS          tokenContent    `json:"eos_token"`
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	source, err := templateSource(f.ChatTemplate)
	if err != nil {
		return nil, fmt.Errorf("%s: chat_template: %w", path, err)
	}
	own := filepath.Join(dir, "chat_template.jinja")
	switch text, err := os.ReadFile(own); {
	case err == nil:
		source = string(text)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if source == "" {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoTemplate)
	}
	t, err := NewTemplate(source, string(f.BOS), string(f.EOS))
	if err != nil {
		return nil, fmt.Errorf("%s: chat template: %w", dir, err)
	}
	return t, nil
}

// tokenContent is a token given as text or as an object with its content.
type tokenContent string

// UnmarshalJSON reads either form, and null as no token.
func (c *tokenContent) UnmarshalJSON(data []byte) error {
	var object struct {
		Content string `json:"content"`
	}
	if json.Unmarshal(data, (*string)(c)) == nil {
		return nil
	}
	err := json.Unmarshal(data, &object)
	*c = tokenContent(object.Content)
	return err
}

// templateSource reads a template, or a list of named ones.
func templateSource(raw json.RawMessage) (string, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	var source string
	if json.Unmarshal(raw, &source) == nil {
		return source, nil
	}
	var named []struct {
		Name     string `json:"name"`
		Template string `json:"template"`
	}
	if err := json.Unmarshal(raw, &named); err != nil {
		return "", err
	}
	for _, n := range named {
		if n.Name == "default" {
			return n.Template, nil
		}
	}
	return "", errors.New("several templates, and none is named default")
}

// NewTemplate compiles a Jinja chat template; bos and eos are the tokens it may
// name.
func NewTemplate(source, bos, eos string) (*Template, error) {
	gonja.SetLoggerOutput(io.Discard)
	t := &Template{source: source, bos: bos, eos: eos, Now: time.Date(2024, time.July, 26, 0, 0, 0, 0, time.UTC)}
	_, err := t.compile()
	return t, err
}

// templateName is the only file that a template can see: it cannot include others.
const templateName = "/chat_template"

// compile makes a template of its own for each rendering: gonja's are not safe
// for concurrent use.
func (t *Template) compile() (compiled *exec.Template, err error) {
	defer recovered(&err)
	loader, err := loaders.NewMemoryLoader(map[string]string{templateName: t.source})
	if err != nil {
		return nil, err
	}
	c := config.New()
	c.TrimBlocks, c.LeftStripBlocks = true, true // as transformers renders chat templates
	return exec.NewTemplate(templateName, c, loader, &exec.Environment{
		Context:           exec.EmptyContext().Update(builtins.GlobalFunctions).Update(builtins.GlobalVariables),
		Filters:           builtins.Filters,
		Tests:             builtins.Tests,
		ControlStructures: builtins.ControlStructures,
		Methods:           builtins.Methods,
	})
}

// Render writes a conversation as the model's prompt; addGenerationPrompt ends it
// where the assistant's answer begins.
func (t *Template) Render(messages []Message, addGenerationPrompt bool) (rendered string, err error) {
	compiled, err := t.compile()
	if err != nil {
		return "", fmt.Errorf("chat template: %w", err)
	}
	defer recovered(&err)
	turns := make([]any, len(messages))
	for i, m := range messages {
		turns[i] = map[string]any{"role": m.Role, "content": m.Content}
	}
	rendered, err = compiled.ExecuteToString(exec.NewContext(map[string]any{
		"messages": turns, "add_generation_prompt": addGenerationPrompt, "bos_token": t.bos, "eos_token": t.eos,
		"raise_exception": func(_ *exec.Evaluator, args *exec.VarArgs) *exec.Value {
			return exec.AsValue(fmt.Errorf("the template refuses the conversation: %s", args.First().String()))
		},
		"range": boundedRange,
		"strftime_now": func(_ *exec.Evaluator, args *exec.VarArgs) *exec.Value {
			return exec.AsValue(strftime(t.Now, args.First().String()))
		},
	}))
	if err != nil {
		return "", fmt.Errorf("chat template: %w", err)
	}
	return rendered, nil
}

// maxRange bounds range() in templates: real ones count messages.
const maxRange = 10_000

// boundedRange is Jinja's range, refusing what would only keep the program busy.
func boundedRange(_ *exec.Evaluator, args *exec.VarArgs) *exec.Value {
	start, stop, step := 0, 0, 1
	bounds := []*int{&stop}
	if len(args.Args) > 1 {
		bounds = []*int{&start, &stop, &step}
	}
	if len(args.Args) == 0 || len(args.Args) > 3 {
		return exec.AsValue(errors.New("range takes one to three numbers"))
	}
	for i, arg := range args.Args {
		if !arg.IsInteger() {
			return exec.AsValue(errors.New("range takes integers"))
		}
		*bounds[i] = arg.Integer()
	}
	if step == 0 {
		return exec.AsValue(errors.New("range with step 0"))
	}
	numbers := []int{}
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		if len(numbers) == maxRange {
			return exec.AsValue(fmt.Errorf("range of more than %d numbers", maxRange))
		}
		numbers = append(numbers, i)
	}
	return exec.AsValue(numbers)
}

// recovered makes an error of a panic inside the template library.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("chat template: %v", r)
	}
}

// strftime formats a date by the directives that chat templates use; others are
// left as they are.
func strftime(t time.Time, format string) string {
	layouts := map[byte]string{
		'd': "02", 'm': "01", 'Y': "2006", 'y': "06", 'b': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday",
		'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM", 'j': "002",
	}
	var out []byte
	for i := 0; i < len(format); i++ {
		if format[i] == '%' && i+1 < len(format) {
			i++
			if layout, ok := layouts[format[i]]; ok {
				out = t.AppendFormat(out, layout)
				continue
			}
			if format[i] != '%' {
				out = append(out, '%')
			}
		}
		out = append(out, format[i])
	}
	return string(out)
}
