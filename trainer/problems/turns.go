package problems

import (
	"errors"
	"fmt"
	"slices"
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
	var answers []text.Turn
	for _, m := range p.Turns {
		if m.Role == "assistant" {
			answers = append(answers, m)
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
	case len(answers) == 1 && (turns == nil || r.Options.Hack):
		return built, false, r.leaveFields(p, answers)
	case turns == nil:
		return built, false, fmt.Errorf("it has %d turns of the assistant's, and the template writes none: set "+
			"data.template to chat, for a model that has a chat template, or to qwen-instruct",
			len(answers))
	case r.Options.Hack:
		return built, false, fmt.Errorf("data.hack begins one answer, and it has %d turns of the assistant's",
			len(answers))
	}
	rendered, spans, err := turns(p.Turns, r.Tokenizer)
	if err != nil {
		return built, false, err
	}
	if len(spans) == 0 {
		return built, false, errors.New("the chat template's {% generation %} blocks mark nothing in it")
	}
	skipped := slices.ContainsFunc(answers, func(t text.Turn) bool { return t.Skipped })
	if skipped && len(spans) != len(answers) {
		return built, false, fmt.Errorf("some turns are not to be learnt from (weight 0 or train false), and the chat "+
			"template's {%% generation %%} blocks mark %d parts where %d turns are the assistant's",
			len(spans), len(answers))
	}
	if err := r.readFields(p.Turns, turns, rendered); err != nil {
		return built, false, err
	}
	for _, m := range answers {
		if thought, _, closed := strings.Cut(m.Content, "</think>"); closed {
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
		if err := add(rendered[span.From:span.To], !skipped || !answers[i].Skipped); err != nil {
			return built, false, err
		}
	}
	if len(r.EOS) > 0 && r.open(built.SolutionIDs) {
		built.SolutionIDs = append(built.SolutionIDs, r.EOS[0])
		built.Learnt = append(built.Learnt, !skipped || !answers[len(spans)-1].Skipped)
	}
	if len(spans) == 1 {
		built.Learnt = nil
	}
	return built, true, nil
}

// leaveFields counts the fields of an answer of which the words alone are learnt from; those of the question's messages
// are counted with its prompt.
func (r *Reader) leaveFields(p bench.Problem, answers []text.Turn) error {
	left, err := text.FieldsOf(answers)
	if err != nil {
		return err
	}
	asked, err := text.FieldsOf(p.Messages)
	if err != nil {
		return err
	}
	left = slices.DeleteFunc(left, func(field string) bool { return slices.Contains(asked, field) })
	r.unread.Look(left, prompt.OfMessages, "", func(string) (string, error) { return "", nil })
	return nil
}

// readFields counts the fields of messages that the chat template reads nothing from, beside role and content.
func (r *Reader) readFields(turns []text.Turn, chat prompt.Turns, rendered string) error {
	sought, err := text.FieldsOf(turns)
	if err != nil {
		return err
	}
	r.unread.Look(sought, prompt.OfMessages, rendered, func(field string) (string, error) {
		without, err := text.Without(turns, field)
		if err != nil {
			return "", err
		}
		other, _, err := chat(without, r.Tokenizer)
		return other, err
	})
	return nil
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
