package bench

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/internal/jsonl"
)

// choiceFields name the fields in which sets that nothing describes have a list of choices.
var choiceFields = []string{"choices", "options"}

// letteredFields are the columns of sets that have one a choice.
var letteredFields = []string{"A", "B", "C", "D"}

// Unasked says that a question has choices that stand beside its text, so that they are
// not asked; nil where it has none.
func Unasked(record *jsonl.Record, question string) error {
	_, err := besideText(record, question)
	return err
}

// unasked refuses such a question, since no answer to it would be right, and says how a
// registry describes the choices.
func unasked(record *jsonl.Record, p *Problem) error {
	beside, err := besideText(record, p.Problem)
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", err, describe(beside.where, p.Answer, beside.choices))
}

// beside are choices that stand beside a question, and where, as a registry names it.
type beside struct {
	where   string
	choices []string
}

func besideText(record *jsonl.Record, question string) (beside, error) {
	for _, key := range record.Keys() {
		for _, name := range choiceFields {
			if !strings.EqualFold(key, name) {
				continue
			}
			value, err := record.Find(key)
			if err != nil || value == nil {
				continue
			}
			if choices := listOfTexts(value); len(choices) > 1 && !allIn(question, choices) {
				return beside{"column: " + key, choices},
					fmt.Errorf("field %q holds %d choices that are not in the question's text, and would "+
						"not be asked", key, len(choices))
			}
		}
	}
	var choices []string
	for _, name := range letteredFields {
		text, found, err := scalar(record, name)
		if err != nil || !found {
			return beside{}, nil
		}
		choices = append(choices, text)
	}
	if allIn(question, choices) {
		return beside{}, nil
	}
	names := strings.Join(letteredFields, ", ")
	return beside{"columns: [" + names + "]", choices},
		fmt.Errorf("fields %s hold choices that are not in the question's text, and would not be asked",
			names)
}

// describe says how a registry names the choices.
func describe(where, answer string, choices []string) string {
	by := "letter"
	for _, c := range choices {
		if c == answer {
			by = "text"
		}
	}
	if _, err := strconv.Atoi(strings.TrimSpace(answer)); err == nil {
		by = "index"
	}
	return fmt.Sprintf("describe the set in benchmarks.yaml, with answer: choice and choices: {%s, "+
		"answer: %s}", where, by)
}

// listOfTexts reads a list of texts or numbers, the list "text" of an object, or the
// JSON text of either; nil where it is none.
func listOfTexts(value json.RawMessage) []string {
	var packed string
	if json.Unmarshal(value, &packed) == nil {
		value = json.RawMessage(packed)
	}
	var object struct {
		Text json.RawMessage `json:"text"`
	}
	if json.Unmarshal(value, &object) == nil && object.Text != nil {
		value = object.Text
	}
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil {
		return nil
	}
	var texts []string
	for _, item := range list {
		text, err := asText("", item)
		if err != nil {
			return nil
		}
		texts = append(texts, text)
	}
	return texts
}

func allIn(text string, choices []string) bool {
	for _, c := range choices {
		if !strings.Contains(text, c) {
			return false
		}
	}
	return true
}
