package prompt

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/eval/bench"
)

// Unread counts the conversations of a file by what they have and their prompts do not.
type Unread struct {
	fields map[string]int
	alone  int // by a template that asks the user's question and nothing else
}

// OfMessages is where Look finds fields of messages.
const OfMessages = " of messages"

// Look counts those of some fields that a prompt does not depend on; again builds it without one of them. Where that
// fails the field is needed. of says where the fields are, such as OfMessages; "" is the record itself.
func (u *Unread) Look(fields []string, of, built string, again func(without string) (string, error)) {
	for _, field := range fields {
		if other, err := again(field); err == nil && other == built {
			if u.fields == nil {
				u.fields = map[string]int{}
			}
			u.fields[field+of]++
		}
	}
}

// LookAt counts what the prompt of a problem leaves out of its messages.
func (u *Unread) LookAt(p bench.Problem, o Options, built Prompt) error {
	if built.Left > 0 {
		u.alone++
	}
	fields, err := text.FieldsOf(p.Messages)
	if err != nil {
		return err
	}
	u.Look(fields, OfMessages, built.Text, func(field string) (string, error) {
		without := p
		var err error
		if without.Messages, err = text.Without(p.Messages, field); err != nil {
			return "", err
		}
		other, err := Build(without, o)
		return other.Text, err
	})
	return nil
}

// Say writes a line for each thing that was left out: of which file, and what is done without it ("asked").
func (u *Unread) Say(w io.Writer, file, done string) {
	if w == nil {
		return
	}
	for _, field := range slices.Sorted(maps.Keys(u.fields)) {
		fmt.Fprintf(w, "%s: the template reads nothing from the field %s: %d conversations are %s without it\n",
			file, field, u.fields[field], done)
	}
	if u.alone > 0 {
		fmt.Fprintf(w, "%s: the template asks the user's question alone, with its own instructions: the other "+
			"messages of %d conversations (system messages) are left out; auto, chat, qwen-instruct and none ask "+
			"them\n", file, u.alone)
	}
}
