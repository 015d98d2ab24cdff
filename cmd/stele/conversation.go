package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/prompt"
	"github.com/stele-lm/stele/internal/jsonl"
)

// guesses collects what was guessed about a file's records, to be said once.
type guesses struct {
	field    string // that questions came from, where it is no prompt
	answered bool   // conversations ended with the assistant
	left     []string
	unasked  error // of the first question whose choices are not asked
	unread   prompt.Unread
}

func (g *guesses) write(w io.Writer, path string) {
	var said []string
	if g.field != "" {
		said = append(said, fmt.Sprintf("no prompt, so %s is asked", g.field))
	}
	if g.answered {
		said = append(said,
			"conversations end with the assistant: its last message is left out and generated anew")
	}
	if len(g.left) > 0 {
		said = append(said, "left out of the output, since JSON cannot hold them: "+strings.Join(g.left,
			", "))
	}
	if g.unasked != nil {
		said = append(said, "warning: "+g.unasked.Error())
	}
	if len(said) > 0 {
		fmt.Fprintf(w, "%s: %s\n", path, strings.Join(said, "; "))
	}
	g.unread.Say(w, path, "asked")
}

// asked reads the prompt of a record, a conversation or a text: from "messages" or "prompt",
// else from the field that usually holds a problem's question.
func asked(record *jsonl.Record, said *guesses) (messages []json.RawMessage, prompt string, err error) {
	field, value := "messages", json.RawMessage(nil)
	for _, name := range []string{"messages", "prompt"} {
		if value == nil {
			field = name
			if value, err = record.Find(name); err != nil {
				return nil, "", err
			}
		}
	}
	if value == nil {
		if field, value, err = bench.Asked(record); err != nil {
			return nil, "", err
		}
		if value == nil {
			return nil, "", record.Lacks("prompt", "messages", "prompt_ids")
		}
		said.field = field
		if said.unasked == nil {
			said.unasked = bench.Unasked(record, string(value))
		}
	}
	if value[0] == '"' {
		return nil, prompt, jsonl.Unmarshal(value, &prompt)
	}
	if messages, err = bench.Turns(field, value); err != nil {
		return nil, "", err
	}
	var end struct {
		Role  string `json:"role"`
		Calls []any  `json:"tool_calls"`
	}
	last := len(messages) - 1
	if err := jsonl.Unmarshal(messages[last], &end); err != nil {
		return nil, "", err
	}
	if end.Role == "assistant" && len(end.Calls) == 0 {
		if last == 0 {
			return nil, "", fmt.Errorf("field %q holds only a message of the assistant", field)
		}
		messages, said.answered = messages[:last], true
	}
	return messages, "", nil
}

// rendered puts a line's messages, or its prompt as a user's message, through the
// chat template, with the tools, documents and variables that the line has.
func (f *generateFlags) rendered(template *text.Template, record *jsonl.Record, messages []json.RawMessage,
	prompt string, said *guesses) (string, error) {
	turn := func(role, content string) json.RawMessage {
		data, err := json.Marshal(text.Message{Role: role, Content: content})
		must(err) // two strings
		return data
	}
	if err := template.Err(); err != nil {
		return "", fmt.Errorf("%w; --raw and prompt_ids do without it", err)
	}
	if messages == nil {
		messages = []json.RawMessage{turn("user", prompt)}
	}
	var first struct {
		Role string `json:"role"`
	}
	if err := jsonl.Unmarshal(messages[0], &first); err != nil {
		return "", err
	}
	if f.system != "" && first.Role != "system" {
		messages = append([]json.RawMessage{turn("system", f.system)}, messages...)
	}
	var c text.Conversation
	var err error
	if c.Messages, err = json.Marshal(messages); err != nil {
		return "", err
	}
	for key, field := range map[string]*json.RawMessage{"tools": &c.Tools, "documents": &c.Documents,
		"chat_template_kwargs": &c.Variables} {
		if _, err := record.Decode(key, field); err != nil {
			return "", err
		}
	}
	rendered, err := template.RenderConversation(c, true)
	if err != nil {
		return "", err
	}
	return rendered, said.lookAt(template, c, messages, rendered)
}

// lookAt counts what a line has and the chat template does not read: further fields of messages, tools, documents,
// variables.
func (g *guesses) lookAt(template *text.Template, c text.Conversation, messages []json.RawMessage,
	rendered string) error {
	var records []*jsonl.Record
	var sought []string
	for _, m := range messages {
		record, err := jsonl.ParseRecord(m)
		if err != nil {
			return err
		}
		records = append(records, record)
		for _, key := range record.Keys() {
			if value, err := record.Find(key); err == nil && value != nil && key != "role" && key != "content" &&
				!slices.Contains(sought, key) {
				sought = append(sought, key)
			}
		}
	}
	g.unread.Look(sought, prompt.OfMessages, rendered, func(field string) (string, error) {
		var others []json.RawMessage
		for _, record := range records {
			other, err := record.Without(field).MarshalJSON()
			if err != nil {
				return "", err
			}
			others = append(others, other)
		}
		other := c
		var err error
		if other.Messages, err = json.Marshal(others); err != nil {
			return "", err
		}
		return template.RenderConversation(other, true)
	})
	for name, with := range map[string]func(*text.Conversation) *json.RawMessage{
		"tools":                func(c *text.Conversation) *json.RawMessage { return &c.Tools },
		"documents":            func(c *text.Conversation) *json.RawMessage { return &c.Documents },
		"chat_template_kwargs": func(c *text.Conversation) *json.RawMessage { return &c.Variables },
	} {
		switch string(*with(&c)) {
		case "", "null", "[]", "{}":
			continue
		}
		g.unread.Look([]string{name}, "", rendered, func(string) (string, error) {
			other := c
			*with(&other) = nil
			return template.RenderConversation(other, true)
		})
	}
	return nil
}
