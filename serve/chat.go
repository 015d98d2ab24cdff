package serve

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/stele-lm/stele/engine/text"
)

// chat reads what only /v1/chat/completions has.
func (s *Server) chat(f *fields, a *asked) error {
	a.request.MaxTokens = s.MaxLen() // to the end of what there is room for
	if !f.least("max_completion_tokens", &a.request.MaxTokens, 1) {
		f.least("max_tokens", &a.request.MaxTokens, 1)
	}
	f.passes("max_tokens")
	var logprobs bool
	f.take("logprobs", &logprobs)
	likeliest := 0
	f.least("top_logprobs", &likeliest, 0)
	if logprobs {
		a.likeliest = likeliest
	} else if likeliest > 0 {
		return errors.New(`field "top_logprobs" needs "logprobs": true`)
	}
	const noTools = "calls of tools are not told from text here: leave it out"
	f.refuses("tools", noTools, "[]")
	f.refuses("tool_choice", noTools, `"none"`, `"auto"`)
	f.refuses("functions", noTools, "[]")
	f.refuses("function_call", noTools, `"none"`, `"auto"`)
	f.refuses("response_format", `only {"type": "text"} is to be had`, `{"type":"text"}`, `{"type": "text"}`)
	f.refuses("audio", "only text is to be had")
	f.refuses("modalities", "only text is to be had", `["text"]`)
	ids, err := s.rendered(f)
	a.prompts = [][]int32{ids}
	return err
}

// rendered reads messages, and what else the chat template reads, and returns the tokens of the prompt.
func (s *Server) rendered(f *fields) ([]int32, error) {
	template := s.engine.Template
	if template == nil {
		return nil, errors.New("the model has no chat template: ask /v1/completions")
	}
	if err := template.Err(); err != nil {
		return nil, err
	}
	c := text.Conversation{}
	f.take("chat_template_kwargs", &c.Variables)
	f.take("documents", &c.Documents)
	generate, again := true, false
	f.take("add_generation_prompt", &generate)
	f.take("continue_final_message", &again)
	if again {
		return nil, errors.New(`field "continue_final_message" is not to be had: ask /v1/completions with the text`)
	}
	var messages []map[string]json.RawMessage
	if !f.take("messages", &messages) {
		return nil, errors.Join(append(f.errs, f.record.Lacks("messages"))...)
	}
	if len(messages) == 0 {
		return nil, errors.New(`field "messages" is an empty list`)
	}
	for i, message := range messages {
		if err := flatten(message); err != nil {
			return nil, fmt.Errorf("field \"messages\", number %d: %w", i, err)
		}
	}
	var err error
	if c.Messages, err = json.Marshal(messages); err != nil {
		return nil, err
	}
	said, err := template.RenderConversation(c, generate)
	if err != nil {
		return nil, err
	}
	return s.engine.Tokenizer.Encode(said, false)
}

// flatten makes one text of a content that comes in parts, as templates expect it.
func flatten(message map[string]json.RawMessage) error {
	var role string
	if err := json.Unmarshal(message["role"], &role); err != nil || role == "" {
		return errors.New(`"role" is missing or no text`)
	}
	content := message["content"]
	if len(content) == 0 || content[0] != '[' {
		return nil
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if err := json.Unmarshal(content, &parts); err != nil {
		return errors.New(`"content" is neither a text nor a list of parts`)
	}
	var whole strings.Builder
	for _, part := range parts {
		if part.Type != "text" {
			return fmt.Errorf("a part of type %q: expected text alone", part.Type)
		}
		whole.WriteString(part.Text)
	}
	var err error
	message["content"], err = json.Marshal(whole.String())
	return err
}
