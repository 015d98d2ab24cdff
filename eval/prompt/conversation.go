package prompt

import (
	"errors"
	"fmt"
	"strings"

	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/eval/bench"
)

// conversation is the asker for a problem whose data ask with messages of their own,
// as verl's and TRL's do: what they say is asked as it is, the system message included,
// without the instructions that a bare problem gets. nil is for templates that have
// words of their own around a problem: they take the user's question alone.
func conversation(template string, p bench.Problem) (asker, error) {
	own := map[string]asker{"chat": chatAsIs, "qwen-instruct": chatMLAsIs, "none": textAsIs,
		"auto": func(p problem, o Options) (string, bool, error) {
			if o.Chat == nil {
				return textAsIs(p, o)
			}
			return chatAsIs(p, o)
		}}[template]
	if own != nil {
		return own, nil
	}
	users := 0
	for _, m := range p.Messages {
		if m.Role == "user" {
			users++
		}
	}
	if users != 1 {
		return nil, fmt.Errorf("template %s asks one question, and the prompt of %s is a conversation "+
			"with %d: use auto, chat, qwen-instruct or none", template, p.ID, users)
	}
	return nil, nil
}

func chatAsIs(p problem, o Options) (string, bool, error) {
	if o.Chat == nil {
		return "", false, errors.New("template chat: the model has no chat template")
	}
	asked, err := o.Chat(withShots(p, o), true)
	return asked, false, err
}

func chatMLAsIs(p problem, o Options) (string, bool, error) {
	var b strings.Builder
	for _, m := range withShots(p, o) {
		writeChatML(&b, m.Message)
	}
	return b.String() + "<|im_start|>assistant\n", false, nil
}

func textAsIs(p problem, o Options) (string, bool, error) {
	var asked string
	for _, m := range withShots(p, o) {
		asked += m.Content + "\n\n"
	}
	return asked, true, nil
}

// withShots puts worked examples between the system message and the rest.
func withShots(p problem, o Options) []text.Turn {
	first := 0
	if p.Messages[0].Role == "system" {
		first = 1
	}
	messages := append([]text.Turn{}, p.Messages[:first]...)
	messages = append(messages, turns(o.Shots, p.words)...)
	return append(messages, p.Messages[first:]...)
}
