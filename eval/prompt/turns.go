package prompt

import (
	"strings"

	"github.com/stele-lm/stele/engine/text"
)

// Turns returns what renders the turns of a conversation that the data bring, and finds the assistant's, by the
// template of the options; nil where that has no turns. own is the model's chat template, or nil.
func (o Options) Turns(own *text.Template) func(messages []text.Message, tokenizer *text.Tokenizer) (
	string, []text.Span, error) {
	switch {
	case o.Template == "qwen-instruct":
		return func(messages []text.Message, tokenizer *text.Tokenizer) (string, []text.Span, error) {
			return text.FindTurns(chatMLTurns, messages, tokenizer)
		}
	case own != nil && (o.Template == "" || o.Template == "auto" || o.Template == "chat"):
		return own.Turns
	}
	return nil
}

// chatMLTurns is a conversation in the form of qwen-instruct.
func chatMLTurns(messages []text.Message, addGenerationPrompt bool) (string, error) {
	var b strings.Builder
	for _, m := range messages {
		writeChatML(&b, m)
	}
	if addGenerationPrompt {
		b.WriteString("<|im_start|>assistant\n")
	}
	return b.String(), nil
}
