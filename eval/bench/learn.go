package bench

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/internal/jsonl"
)

// learntPlaces are those of what is learnt from, in the order in which they are tried: what usualPlaces has, then
// texts that answer a question in other programs' data.
var learntPlaces = slices.Concat(usualPlaces["solution"], []string{"response", "output", "generated_solution",
	"answer"})

// learns reports whether solutions are read from a dataset named by its path.
func (s *Source) learns() bool { return s.solutions && s.ofPath }

// isLearnt reports whether learn reads a part of a problem, or nobody does.
func isLearnt(part string) bool { return part == "problem" || part == "answer" || part == "solution" }

// replied counts a conversation that ends with the assistant's turn, which is no part of the question.
func (s *Source) replied(found foundField) {
	if words, err := lastWords(found); s.guesses != nil && isConversation(found.value) && err == nil && words != "" {
		s.guesses.replies++
	}
}

// place finds the value of a part where Fields say, or else at some places. There is none where Fields make a text
// of several columns.
func (s *Source) place(record *jsonl.Record, part string, places []string) (foundField, error) {
	field := s.Fields[part]
	if field == "" {
		return lookUp(record, places)
	}
	if hole.MatchString(field) {
		return foundField{}, nil
	}
	value, err := record.Find(field)
	return foundField{field, value}, err
}

// learn reads a question and what is learnt from: texts, or a conversation with turns of the assistant's, in one
// column (messages) or two (prompt and completion). The conversation of one column is the question, too.
func (s *Source) learn(record *jsonl.Record, p *Problem, used map[string]bool) error {
	from, err := s.place(record, "solution", learntPlaces)
	if err != nil {
		return err
	}
	asked, err := s.place(record, "problem", s.usual("problem"))
	if err != nil {
		return err
	}
	whole := slices.Contains([]string{"messages", "conversations"}, strings.ToLower(from.name))
	words := ""
	if isConversation(asked.value) {
		if words, err = lastWords(asked); err != nil {
			return err
		}
	}
	switch {
	case s.Fields["solution"] == "" && s.Fields["problem"] != "" && words != "":
		from = asked // it is named, and holds both
	case s.Fields["problem"] == "" && whole && isConversation(from.value):
		asked = from
	}
	for part, found := range map[string]foundField{"problem": asked, "solution": from} {
		if found.value != nil {
			used[topmost(record, found.name)] = true
			if s.Fields[part] == "" {
				s.guesses.count(part, found.name)
			}
		}
	}
	if asked.value != nil && asked.name != from.name {
		if p.Problem, err = p.ask(asked); err != nil {
			return err
		}
	}
	if from.value == nil {
		return nil
	}
	if isConversation(from.value) {
		err = s.learnTurns(p, from, asked)
	} else if p.Solution, err = s.learnText(from); err == nil && p.Messages != nil {
		p.Turns = append(s.askedTurns(p), text.Turn{Message: text.Message{Role: "assistant", Content: p.Solution}})
	}
	if p.Turns != nil && s.guesses != nil {
		s.guesses.turns++
	}
	return err
}

// learnText reads a text that is learnt from, as it stands, white space and all. In GSM8K's answers (a field called
// answer, as verl has them in extra_info) #### and the answer after it are left out: they stand for a grader.
func (s *Source) learnText(from foundField) (string, error) {
	words, err := asText(from.name, from.value)
	if err != nil || !strings.EqualFold(from.name[strings.LastIndexByte(from.name, '.')+1:], "answer") {
		return words, err
	}
	at := mark.FindStringIndex(words)
	if at == nil {
		return words, nil
	}
	worked := strings.TrimSpace(words[:at[0]])
	if worked == "" {
		return "", fmt.Errorf("no solution to learn from: field %q is the answer alone, %.60q: name the field of a "+
			"solution (data.fields solution)", from.name, words)
	}
	if s.guesses != nil {
		s.guesses.marks++
	}
	return worked, nil
}

// askedTurns are the messages of a question that has a column of its own. What the assistant says in them is read and
// not learnt from, as in TRL, whose completion_only_loss is set where data have prompt and completion.
func (s *Source) askedTurns(p *Problem) []text.Turn {
	turns := slices.Clone(p.Messages)
	for i := range turns {
		if turns[i].Role == "assistant" {
			turns[i].Skipped = true
			if s.guesses != nil {
				s.guesses.earlier++
			}
		}
	}
	return turns
}

// learnTurns reads the conversation that is learnt from, which is the question, too, or goes on from it.
func (s *Source) learnTurns(p *Problem, from, asked foundField) error {
	turns, err := conversation(from.name, from.value)
	if err != nil {
		return err
	}
	last := len(turns) - 1
	for last >= 0 && turns[last].Role != "assistant" {
		last--
	}
	if last < 0 {
		return fmt.Errorf("no solution to learn from: field %q has no turn of the assistant's", from.name)
	}
	if last < len(turns)-1 && s.guesses != nil {
		s.guesses.after++
	}
	turns = turns[:last+1]
	skipped, answers := 0, 0
	for _, t := range turns {
		if t.Role == "assistant" {
			answers++
			if t.Skipped {
				skipped++
			}
		}
	}
	if skipped == answers {
		return fmt.Errorf("no solution to learn from: field %q says of each turn of the assistant's that it is not "+
			"learnt from (weight 0 or train false)", from.name)
	}
	if skipped > 0 && s.guesses != nil {
		s.guesses.skipped += skipped
	}
	p.Solution = turns[last].Content
	if asked.name != from.name {
		if p.Messages == nil && last == 0 {
			return nil // a text and its completion
		}
		if p.Messages == nil {
			p.Messages = text.TurnsOf([]text.Message{{Role: "user", Content: p.Problem}})
		}
		p.Turns = slices.Concat(s.askedTurns(p), turns)
		return nil
	}
	p.Turns = turns
	p.Messages = nil
	p.Messages = append(p.Messages, turns[:last]...)
	first := slices.IndexFunc(turns, func(t text.Turn) bool { return t.Role == "assistant" })
	for _, m := range p.Messages {
		if m.Role == "user" && strings.TrimSpace(m.Content) != "" {
			p.Problem = m.Content
		}
	}
	if !slices.ContainsFunc(turns[:first], func(t text.Turn) bool { return t.Role == "user" }) {
		return fmt.Errorf("field %q: the assistant's first turn answers no user's", from.name)
	}
	return nil
}
