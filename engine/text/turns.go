package text

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/stele-lm/stele/engine/text/jinja"
	"github.com/stele-lm/stele/internal/jsonl"
)

// Span is a part of a text, in bytes.
type Span struct{ From, To int }

// Turn is a message with the further fields that data give it.
type Turn struct {
	Message
	// Fields is an object with the fields beside role and content, in their order; nil is none.
	Fields json.RawMessage `json:"fields,omitempty"`
	// Skipped says that a turn of the assistant's is there to be read alone, and not to be learnt from.
	Skipped bool `json:"skipped,omitempty"`
}

// without returns a turn that lacks a field.
func (t Turn) without(field string) (Turn, error) {
	record, err := jsonl.ParseRecord(t.Fields)
	if err != nil {
		return t, err
	}
	t.Fields, err = record.Without(field).MarshalJSON()
	return t, err
}

// FieldsOf names the further fields that turns have, each once.
func FieldsOf(turns []Turn) ([]string, error) {
	var names []string
	for _, t := range turns {
		if t.Fields == nil {
			continue
		}
		record, err := jsonl.ParseRecord(t.Fields)
		if err != nil {
			return nil, err
		}
		for _, key := range record.Keys() {
			if !slices.Contains(names, key) {
				names = append(names, key)
			}
		}
	}
	return names, nil
}

// Without returns turns that lack a field.
func Without(turns []Turn, field string) ([]Turn, error) {
	left := slices.Clone(turns)
	for i, t := range turns {
		if t.Fields != nil {
			var err error
			if left[i], err = t.without(field); err != nil {
				return nil, err
			}
		}
	}
	return left, nil
}

// TurnsOf makes turns of messages that have no further fields.
func TurnsOf(messages []Message) []Turn {
	turns := make([]Turn, len(messages))
	for i, m := range messages {
		turns[i].Message = m
	}
	return turns
}

// Chat renders a conversation; addGenerationPrompt ends it where the assistant's answer begins.
type Chat func(turns []Turn, addGenerationPrompt bool) (string, error)

// generation is the tag of a template that marks what the assistant says.
var generation = regexp.MustCompile(`\{%-?\s*generation\s*-?%\}`)

// Turns renders a conversation and finds what the assistant says in it: what the template's {% generation %} blocks
// have written, as transformers' return_assistant_tokens_mask has it; in a template without such blocks see FindTurns.
func (t *Template) Turns(turns []Turn, tokenizer *Tokenizer) (rendered string, spans []Span, err error) {
	v, err := t.choose(false)
	if err != nil {
		return "", nil, err
	}
	if !generation.MatchString(v.source) {
		return FindTurns(t.RenderTurns, turns, tokenizer)
	}
	list, err := listOfTurns(turns)
	if err != nil {
		return "", nil, err
	}
	rendered, marks, err := t.render(list, nil, nil, nil, false)
	if err != nil {
		return "", nil, err
	}
	for _, m := range marks {
		if m.From < m.To && m.To <= len(rendered) {
			spans = append(spans, Span(m))
		}
	}
	return rendered, spans, nil
}

// RenderTurns is Render for messages with all their fields.
func (t *Template) RenderTurns(turns []Turn, addGenerationPrompt bool) (string, error) {
	list, err := listOfTurns(turns)
	if err != nil {
		return "", err
	}
	rendered, _, err := t.render(list, nil, nil, nil, addGenerationPrompt)
	return rendered, err
}

// listOfTurns returns messages with all their fields as templates have them.
func listOfTurns(turns []Turn) (*jinja.List, error) {
	list := &jinja.List{}
	for _, m := range turns {
		turn := jinja.NewDict()
		turn.Set("role", m.Role)
		turn.Set("content", m.Content)
		if len(m.Fields) > 0 {
			more, err := jinja.FromJSON(m.Fields)
			if err != nil {
				return nil, err
			}
			if object, ok := more.(*jinja.Dict); ok {
				for key, value := range object.All() {
					turn.Set(key, value)
				}
			}
		}
		list.Items = append(list.Items, turn)
	}
	return list, nil
}

// FindTurns renders a conversation and finds the assistant's turns in it. A turn begins where the template, asked for
// an answer to what was said before, would have let the model begin, and ends after the token that ends it (or, where
// the tokenizer has no such token, after what the template writes there up to white space). A template that does not
// write a turn's words, or writes what stands before them otherwise once they are there, is an error.
func FindTurns(chat Chat, turns []Turn, tokenizer *Tokenizer) (rendered string, spans []Span, err error) {
	whole, err := chat(turns, false)
	if err != nil {
		return "", nil, err
	}
	for i, m := range turns {
		if m.Role != "assistant" {
			continue
		}
		if i == 0 {
			return "", nil, errors.New("message 0 is the assistant's: nothing is asked before it")
		}
		span, err := findTurn(chat, turns, i, whole, tokenizer)
		if err == nil && len(spans) > 0 && span.From < spans[len(spans)-1].To {
			err = errors.New("the chat template does not write turns one after another")
		}
		if err != nil {
			return "", nil, fmt.Errorf("message %d: %w", i, err)
		}
		spans = append(spans, span)
	}
	return whole, spans, nil
}

// findTurn finds the turn of turns[i] in a rendered conversation.
func findTurn(chat Chat, turns []Turn, i int, whole string, tokenizer *Tokenizer) (span Span, err error) {
	asked, err := chat(turns[:i], true)
	if err != nil {
		return span, err
	}
	before, err := chat(turns[:i], false)
	if err != nil {
		return span, err
	}
	words, closing, err := findWords(chat, turns, i, whole)
	if err != nil {
		return span, err
	}
	span.From = tokenizer.boundary(whole[:words.From], asked)
	if span.From < len(strings.TrimRight(before[:common(before, asked)], " \t\r\n")) {
		return span, errors.New("the chat template writes earlier turns differently once it is there: such a " +
			"conversation cannot be learned from turn by turn")
	}
	span.To = words.To
	closing = closing[:common(closing, whole[span.To:])]
	white := len(closing) - len(strings.TrimLeft(closing, " \t\r\n"))
	token := tokenizer.leading(closing[white:])
	if token == "" {
		token, _, _ = strings.Cut(strings.ReplaceAll(closing[white:], "\n", " "), " ")
	}
	if token != "" {
		span.To += white + len(token)
	}
	return span, nil
}

// findWords finds what the template writes of the content of turns[i] in a rendered conversation, and what it writes
// after that where the conversation ends with the turn. It renders the conversation with a mark in place of the
// content, and looks around it: the content itself may be a word that the template writes, too.
func findWords(chat Chat, turns []Turn, i int, whole string) (words Span, closing string, err error) {
	content := turns[i].Content
	thought, said := "", content // reasoning is left out of earlier turns, or written anew
	if at := strings.LastIndex(content, "</think>"); at >= 0 {
		thought, said = content[:at+len("</think>")], content[at+len("</think>"):]
	}
	mark := "stele"
	for n := 0; strings.Contains(whole, mark) || strings.Contains(content, mark); n++ {
		mark = fmt.Sprintf("stele%d", n)
	}
	around := func(turns []Turn, content string) (from, to string, ok bool) {
		marked := slices.Clone(turns)
		marked[i].Content = content
		rendered, err := chat(marked, false)
		from, to, _ = strings.Cut(rendered, mark)
		return from, to, err == nil && strings.Count(rendered, mark) == 1
	}
	// A template may ask what the content is: a mark before and one after it leave it there.
	for _, form := range [][2]string{{thought + mark, thought + mark}, {mark + content, content + mark},
		{thought + mark + said, content + mark}} {
		from, to, ok := around(turns, form[0])
		if ok && form[0] != form[1] {
			_, to, ok = around(turns, form[1])
		}
		if !ok || !strings.HasSuffix(whole, to) {
			continue
		}
		words.To = len(whole) - len(to)
		if words.From = len(from); !strings.HasPrefix(whole, from) || words.From > words.To {
			if trimmed(said) != "" {
				continue
			}
			words.From = min(common(whole, from), words.To) // what stands around no words may differ
		}
		if !strings.Contains(whole[words.From:words.To], trimmed(said)) {
			continue
		}
		if closing = to; i < len(turns)-1 {
			_, closing, _ = around(turns[:i+1], form[1])
		}
		return words, closing, nil
	}
	return words, "", fmt.Errorf("the chat template does not write %.60q unchanged", trimmed(content))
}

// trimmed is a text without white space around it, as Python has it.
func trimmed(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f })
}

// boundary returns where a text and another cease to agree, before the tag or the added token that they differ in.
func (t *Tokenizer) boundary(s, other string) int {
	at := common(s, other)
	if at == len(other) {
		return at
	}
	if open := strings.LastIndexByte(s[:at], '<'); open >= 0 && !strings.ContainsAny(s[open:at], "> \t\r\n") {
		at = open
	}
	cut := at
	for content := range t.ids {
		for n := min(len(content)-1, at); n > 0; n-- {
			if strings.HasSuffix(s[:at], content[:n]) && (strings.HasPrefix(s[at-n:], content) ||
				strings.HasPrefix(other[at-n:], content)) {
				cut = min(cut, at-n)
			}
		}
	}
	return cut
}

// White reports whether a text is white space alone.
func White(s string) bool { return strings.TrimSpace(s) == "" }

// common returns how many bytes two texts have in common from their beginning, whole characters.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && n < len(a) && a[n]&0xC0 == 0x80 {
		n--
	}
	return n
}
