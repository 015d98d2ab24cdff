package bench

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"stele/engine/jsonl"
)

// defaultColumns are where a part of a problem is looked for when nothing is said.
var defaultColumns = map[string][]string{
	"id": {"id"}, "language": {"language"}, "problem": {"problem", "question"}, "answer": {"answer"},
	"solution": {"solution"}, "level": {"level"}, "type": {"type"},
}

// problem reads a record. row counts the records of the source from 0; ids and
// answers may be numbers.
func (s *Source) problem(record *jsonl.Record, kind Answer, split string, row int) (Problem, error) {
	var p Problem
	var level string
	for i, to := range []*string{&p.ID, &p.Language, &p.Problem, &p.Answer, &p.Solution, &level, &p.Type} {
		value, err := s.part(record, parts[i], split, row)
		if err != nil {
			return p, err
		}
		*to = value
	}
	// "Level 3", as MATH has it, is a level too; what is no number is none.
	p.Level, _ = strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(level, "Level ")))
	if s.Choices != nil {
		if err := s.Choices.apply(record, &p); err != nil {
			return p, err
		}
	}
	for _, must := range []struct{ name, value string }{{"problem", p.Problem}, {"answer", p.Answer}} {
		if strings.TrimSpace(must.value) == "" {
			return p, fmt.Errorf(`no "%s"`, strings.Join(s.columnsOf(must.name), `" or "`))
		}
	}
	var err error
	if p.Answer, err = kind.read(p.Answer); err != nil {
		return p, fmt.Errorf("field %q: %w", s.columnsOf("answer")[0], err)
	}
	if m := letter.FindStringSubmatch(strings.TrimSpace(p.Answer)); m != nil {
		if n := lettered(p.Problem); n > mostChoices {
			return p, tooManyChoices(fmt.Sprintf("the problem has %d choices", n))
		}
	}
	return p, nil
}

// mostChoices is how many choices the graders tell apart: the Qwen2.5-Math code has
// rules for the letters A to E, and the strict grader begins from them.
const mostChoices = 5

func tooManyChoices(found string) error {
	return fmt.Errorf("%s, and the graders know the letters A to E only: beside a sixth choice they would misjudge answers; "+
		"leave such questions out, or make the right choice's text the answer, with answer: math", found)
}

// option is a choice in a problem's text: its letter alone, marked off from the text.
var option = regexp.MustCompile(`(?:^|[^\p{L}\p{N}])([A-Z])(?:[).:\]、．]|）|：)`)

// lettered counts the choices in a problem's text: how far its letters go on from A.
func lettered(problem string) int {
	n := 0
	for _, m := range option.FindAllStringSubmatch(problem, -1) {
		if m[1] == string(rune('A'+n)) {
			n++
		}
	}
	return n
}

// columnsOf are the columns that a part may come from, or the text it is made of.
func (s *Source) columnsOf(part string) []string {
	if len(s.Fields) == 0 {
		return defaultColumns[part]
	}
	if f := s.Fields[part]; f != "" {
		return []string{f}
	}
	return nil
}

// hole is a place in a text for a column's value.
var hole = regexp.MustCompile(`\{[^{}]+\}`)

// part is the text of a problem's part; "" where the record has none.
func (s *Source) part(record *jsonl.Record, part, split string, row int) (string, error) {
	var value string
	for _, column := range s.columnsOf(part) {
		var err error
		found := true
		if hole.MatchString(column) {
			value = hole.ReplaceAllStringFunc(column, func(name string) string {
				switch name = name[1 : len(name)-1]; name {
				case "row":
					return strconv.Itoa(row)
				case "split":
					return split
				}
				text, ok, e := scalar(record, name)
				if e == nil && !ok {
					e = fmt.Errorf("no %q", name)
				}
				if e != nil && err == nil {
					err = e
				}
				return text
			})
		} else {
			value, found, err = scalar(record, column)
		}
		if err != nil {
			return "", err
		}
		if found {
			break
		}
	}
	expression := s.patterns[part]
	if expression == nil || value == "" {
		return value, nil
	}
	m := expression.FindStringSubmatch(value)
	if m == nil {
		return "", fmt.Errorf("field %q: %.60q does not match the pattern %s", s.columnsOf(part)[0], value, expression)
	}
	return m[1], nil
}

// scalar is a column's value as text, be it text or a number.
func scalar(record *jsonl.Record, column string) (text string, found bool, err error) {
	var raw json.RawMessage
	if found, err = record.Decode(column, &raw); err != nil || !found {
		return "", false, err
	}
	if raw[0] == '"' {
		err = json.Unmarshal(raw, &text)
		return text, true, err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return "", true, err
	}
	number, ok := value.(json.Number)
	if !ok {
		return "", true, fmt.Errorf("field %q is neither text nor a number", column)
	}
	// 204.0 is what pandas makes of whole numbers where one is missing.
	if whole, isWhole := strings.CutSuffix(string(number), ".0"); isWhole {
		return whole, true, nil
	}
	return string(number), true, nil
}

var letter = regexp.MustCompile(`^\(?([A-Z])\)?\.?$`)

// numeral is a number as answers have it; its exponent is short, since what it
// stands for is written out when it is compared.
var numeral = regexp.MustCompile(`^[+-]?(\d+(\.\d*)?([eE][+-]?\d{1,3})?|\.\d+|\d+/\d+)$`)

// read checks an answer and writes it the way the grader wants it: numbers without
// thousands separators, choices as a letter.
func (a Answer) read(text string) (string, error) {
	switch a {
	case Integer, Number:
		number := strings.ReplaceAll(strings.TrimSpace(text), ",", "")
		value, ok := new(big.Rat), len(number) < 1000 && numeral.MatchString(number)
		if ok {
			_, ok = value.SetString(number)
		}
		if !ok || a == Integer && !value.IsInt() {
			return "", fmt.Errorf("answer is %.60q: expected a %s", text, map[Answer]string{Integer: "whole number", Number: "number"}[a])
		}
		return number, nil
	case Choice:
		m := letter.FindStringSubmatch(strings.TrimSpace(text))
		if m == nil {
			return "", fmt.Errorf("answer is %.60q: expected a letter", text)
		}
		if m[1] > string(rune('A'+mostChoices-1)) {
			return "", tooManyChoices("answer is " + m[1])
		}
		return m[1], nil
	}
	return text, nil
}

// apply writes the options under the problem and makes the answer a letter.
func (c *Choices) apply(record *jsonl.Record, p *Problem) error {
	options, err := c.options(record)
	if err != nil {
		return err
	}
	if len(options) < 2 {
		return fmt.Errorf("field %q: %d choices, expected 2 to %d", c.where(), len(options), mostChoices)
	}
	if len(options) > mostChoices {
		return fmt.Errorf("field %q: %w", c.where(), tooManyChoices(fmt.Sprintf("%d choices", len(options))))
	}
	right := -1
	switch answer := strings.TrimSpace(p.Answer); c.Answer {
	case "text":
		right = slices.Index(options, p.Answer)
	case "index":
		if i, err := strconv.Atoi(answer); err == nil {
			right = i
		}
	default:
		if m := letter.FindStringSubmatch(answer); m != nil {
			right = int(m[1][0] - 'A')
		}
	}
	if right < 0 || right >= len(options) {
		return fmt.Errorf("answer is %.60q, which names none of %d choices by its %s", p.Answer, len(options), c.Answer)
	}
	order := make([]int, len(options))
	for i := range order {
		order[i] = i
	}
	if c.Shuffle {
		// By a hash of the question, so that it is the same in every language and run.
		rank := func(i int) [32]byte { return sha256.Sum256(fmt.Appendf(nil, "%s/%d", p.ID, i)) }
		slices.SortFunc(order, func(a, b int) int {
			ra, rb := rank(a), rank(b)
			return bytes.Compare(ra[:], rb[:])
		})
	}
	var text strings.Builder
	text.WriteString(p.Problem + "\n")
	for place, i := range order {
		fmt.Fprintf(&text, "\n(%c) %s", 'A'+place, options[i])
		if i == right {
			p.Answer = string(rune('A' + place))
		}
	}
	p.Problem = text.String() + c.Suffix
	return nil
}

// where names the column or columns, for errors.
func (c *Choices) where() string {
	if c.Column != "" {
		return c.Column
	}
	return strings.Join(c.Columns, ", ")
}

// options are the texts of a record's choices: of columns, of a list, or of the
// list "text" of an object.
func (c *Choices) options(record *jsonl.Record) ([]string, error) {
	var options []string
	for _, column := range c.Columns {
		text, found, err := scalar(record, column)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, fmt.Errorf("no %q", column)
		}
		options = append(options, text)
	}
	if c.Column == "" {
		return options, nil
	}
	var raw json.RawMessage
	found, err := record.Decode(c.Column, &raw)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("no %q", c.Column)
	}
	object := struct {
		Text []string `json:"text"`
	}{}
	if json.Unmarshal(raw, &options) != nil {
		if err := json.Unmarshal(raw, &object); err != nil {
			return nil, fmt.Errorf("field %q is not a list of texts", c.Column)
		}
		options = object.Text
	}
	return options, nil
}
