package prompt

import (
	"strings"

	"github.com/stele-lm/stele/engine/text"
)

// Turns renders a conversation and finds the assistant's turns in it.
type Turns func(turns []text.Turn, tokenizer *text.Tokenizer) (rendered string, spans []text.Span, err error)

// Turns returns what renders the turns of a conversation that the data bring, and finds the assistant's, by the
// template of the options; nil where that has no turns. own is the model's chat template, or nil.
func (o Options) Turns(own *text.Template) Turns {
	switch {
	case o.Template == "qwen-instruct":
		return func(turns []text.Turn, tokenizer *text.Tokenizer) (string, []text.Span, error) {
			return text.FindTurns(chatMLTurns, turns, tokenizer)
		}
	case own != nil && Own(o.Template):
		return own.Turns
	}
	return nil
}

// chatMLTurns is a conversation in the form of qwen-instruct.
func chatMLTurns(turns []text.Turn, addGenerationPrompt bool) (string, error) {
	var b strings.Builder
	for _, m := range turns {
		writeChatML(&b, m.Message)
	}
	if addGenerationPrompt {
		b.WriteString("<|im_start|>assistant\n")
	}
	return b.String(), nil
}
