package text

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Span is a part of a text, in bytes.
type Span struct{ From, To int }

// Chat renders a conversation; addGenerationPrompt ends it where the assistant's answer begins.
type Chat func(messages []Message, addGenerationPrompt bool) (string, error)

// generation is the tag of a template that marks what the assistant says.
var generation = regexp.MustCompile(`\{%-?\s*generation\s*-?%\}`)

// Turns renders a conversation and finds what the assistant says in it: what the template's {% generation %} blocks
// have written, as transformers' return_assistant_tokens_mask has it; in a template without such blocks see FindTurns.
func (t *Template) Turns(messages []Message, tokenizer *Tokenizer) (rendered string, spans []Span, err error) {
	v, err := t.choose(false)
	if err != nil {
		return "", nil, err
	}
	if !generation.MatchString(v.source) {
		return FindTurns(t.Render, messages, tokenizer)
	}
	rendered, marks, err := t.render(listOf(messages), nil, nil, nil, false)
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

// FindTurns renders a conversation and finds the assistant's turns in it. A turn begins where the template, asked for
// an answer to what was said before, would have let the model begin, and ends after the token that ends it (or, where
// the tokenizer has no such token, after what the template writes there up to white space). A template that does not
// write a turn's words, or writes what stands before them otherwise once they are there, is an error.
func FindTurns(chat Chat, messages []Message, tokenizer *Tokenizer) (rendered string, spans []Span, err error) {
	whole, err := chat(messages, false)
	if err != nil {
		return "", nil, err
	}
	for i, m := range messages {
		if m.Role != "assistant" {
			continue
		}
		if i == 0 {
			return "", nil, errors.New("message 0 is the assistant's: nothing is asked before it")
		}
		span, err := findTurn(chat, messages, i, whole, tokenizer)
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

// findTurn finds the turn of messages[i] in a rendered conversation.
func findTurn(chat Chat, messages []Message, i int, whole string, tokenizer *Tokenizer) (span Span, err error) {
	asked, err := chat(messages[:i], true)
	if err != nil {
		return span, err
	}
	span.From = common(whole, asked)
	before := strings.TrimSpace(messages[i-1].Content)
	if at := strings.LastIndex(asked, before); before != "" && (at < 0 || span.From < at+len(before)) {
		return span, errors.New("the chat template writes what stands before it otherwise once it is there: such a " +
			"conversation cannot be learnt from turn by turn")
	}
	words := strings.TrimSpace(messages[i].Content)
	at := strings.Index(whole[span.From:], words)
	if at < 0 { // reasoning is left out of earlier turns, or written anew
		if thought := strings.LastIndex(words, "</think>"); thought >= 0 {
			words = strings.TrimSpace(words[thought+len("</think>"):])
			at = strings.Index(whole[span.From:], words)
		}
	}
	if at < 0 {
		return span, fmt.Errorf("the chat template does not write %.60q as it is", words)
	}
	span.To = span.From + at + len(words)
	alone, err := chat(messages[:i+1], false)
	if err != nil {
		return span, err
	}
	closing, same := strings.CutPrefix(alone, whole[:span.To])
	if at := strings.LastIndex(alone, words); !same && at >= 0 {
		closing = alone[at+len(words):]
	}
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
