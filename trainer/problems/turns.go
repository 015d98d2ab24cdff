package problems

import (
	"errors"
	"fmt"
	"strings"

	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/prompt"
)

// converse writes a conversation of which every turn of the assistant's is learnt from. Turns and what stands between
// them are tokenised apart, as they are when the model answers. It is not taken where the template has no turns and
// the conversation only one of the assistant's, its end: that is a prompt and a solution.
func (r *Reader) converse(p bench.Problem, o prompt.Options) (built Problem, taken bool, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("conversation %s (%s): %w", p.ID, p.Language, err)
		}
	}()
	answers := 0
	for _, m := range p.Turns {
		if m.Role == "assistant" {
			answers++
		}
	}
	own := r.Template
	if own != nil && len(r.Options.TemplateArgs) > 0 {
		if own, err = own.With(prompt.Values(r.Options.TemplateArgs)); err != nil {
			return built, false, err
		}
	}
	turns := o.Turns(own)
	switch {
	case answers == 1 && (turns == nil || r.Options.Hack):
		return built, false, nil
	case turns == nil:
		return built, false, fmt.Errorf("it has %d turns of the assistant's, and the template writes none: set "+
			"data.template to chat, for a model that has a chat template, or to qwen-instruct", answers)
	case r.Options.Hack:
		return built, false, fmt.Errorf("data.hack begins one answer, and it has %d turns of the assistant's", answers)
	}
	rendered, spans, err := turns(p.Turns, r.Tokenizer)
	if err != nil {
		return built, false, err
	}
	if len(spans) == 0 {
		return built, false, errors.New("the chat template's {% generation %} blocks mark nothing in it")
	}
	for _, m := range p.Turns {
		if thought, _, closed := strings.Cut(m.Content, "</think>"); m.Role == "assistant" && closed {
			_, thought, _ = strings.Cut(thought, "<think>")
			if !strings.Contains(rendered, strings.TrimSpace(thought)) {
				r.unthought++
			}
		}
	}
	built = Problem{Problem: p, Text: rendered[:spans[0].From]}
	if built.IDs, err = r.Tokenizer.Encode(built.Text, false); err != nil {
		return built, false, err
	}
	add := func(text string, learnt bool) error {
		ids, err := r.Tokenizer.Encode(text, false)
		for _, id := range ids {
			built.SolutionIDs, built.Learnt = append(built.SolutionIDs, id), append(built.Learnt, learnt)
		}
		return err
	}
	for i, span := range spans {
		if i > 0 {
			if err := add(rendered[spans[i-1].To:span.From], false); err != nil {
				return built, false, err
			}
		}
		if err := add(rendered[span.From:span.To], true); err != nil {
			return built, false, err
		}
	}
	if len(r.EOS) > 0 && r.open(built.SolutionIDs) {
		built.SolutionIDs, built.Learnt = append(built.SolutionIDs, r.EOS[0]), append(built.Learnt, true)
	}
	if len(spans) == 1 {
		built.Learnt = nil
	}
	return built, true, nil
}

// open reports whether tokens, white space at their end aside, do not end with one that ends something.
func (r *Reader) open(ids []int32) bool {
	for i := len(ids) - 1; i >= 0; i-- {
		said, err := r.Tokenizer.Decode(ids[i:i+1], false)
		if err != nil || text.White(said) {
			continue
		}
		_, added := r.Tokenizer.ID(said)
		return !added
	}
	return true
}
