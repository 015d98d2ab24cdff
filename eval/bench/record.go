package bench

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/stele-lm/stele/eval/answer"
	"github.com/stele-lm/stele/internal/jsonl"
)

// problem reads a record. row counts the records of the source from 0; ids and
// answers may be numbers.
func (s *Source) problem(record *jsonl.Record, of answer.Type, split string, row int) (Problem, error) {
	var p Problem
	var level string
	if len(s.Fields) == 0 || s.ofPath {
		var err error
		if p, level, err = s.guess(record); err != nil {
			return p, err
		}
	}
	for i, to := range []*string{&p.ID, &p.Language, &p.Problem, &p.Answer, &p.Solution, &level, &p.Type} {
		if part := fieldNames[i]; s.learns() && isLearnt(part) && (part == "answer" ||
			!hole.MatchString(s.Fields[part])) {
			continue // guess has read it
		}
		if err := s.part(to, &p, record, fieldNames[i], split, row); err != nil {
			return p, err
		}
	}
	// "Level 3", as MATH has it, is a level too; what is no number is none.
	p.Level = levelOf(level)
	options := 0
	if s.Choices != nil {
		var err error
		if options, err = s.Choices.apply(record, &p); err != nil {
			return p, err
		}
	}
	needed := struct{ name, value string }{"answer", p.Answer}
	if s.solutions {
		needed.name, needed.value = "solution", p.Solution
	}
	none := s.unanswered && !s.solutions && strings.TrimSpace(p.Answer) == "" && s.Fields["answer"] == ""
	for _, must := range []struct{ name, value string }{{"problem", p.Problem}, needed} {
		if none && must.name == "answer" {
			continue
		}
		if strings.TrimSpace(must.value) == "" {
			return p, s.lacks(record, must.name)
		}
	}
	found := p.Answer
	if s.solutions && found == "" {
		return p, nil
	}
	if none {
		if s.guesses != nil {
			s.guesses.without++
		}
		return p, nil
	}
	if err := p.typed(of, options); err != nil {
		if hidden := decoded(found); hidden != "" {
			err = fmt.Errorf("%w; it is base64 of %.60q", err, hidden)
		}
		return p, fmt.Errorf("field %q: %w", s.columnOf("answer"), err)
	}
	if s.ofPath && !s.solutions {
		if err := unasked(record, &p); err != nil {
			return p, err
		}
	}
	if p.AnswerType != "" && s.guesses != nil && answer.Label(of) == "" {
		s.guesses.choices++
	}
	return p, nil
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

// lacks says that a part which must be there is not, and what is there instead.
func (s *Source) lacks(record *jsonl.Record, part string) error {
	field, called := s.Fields[part], part
	if part == "solution" {
		called += " to learn from"
	}
	if field == "" {
		if found, err := lookUp(record, s.usual(part)); err == nil && isConversation(found.value) {
			return fmt.Errorf("no %s: %s", called, unsaid(found))
		}
		for _, name := range s.usual(part) {
			if record.Has(name) {
				return fmt.Errorf("no %s: field %q is empty", called, name)
			}
		}
		return fmt.Errorf("no %s: looked for %s; the record has %s", called, strings.Join(s.usual(part), ", "),
			strings.Join(record.Keys(), ", "))
	}
	if value, err := record.Find(field); err != nil {
		return err
	} else if isConversation(value) {
		return fmt.Errorf("no %s: %s", called, unsaid(foundField{field, value}))
	} else if value != nil {
		return fmt.Errorf("field %q is empty", field)
	}
	return record.Missing(field)
}

// unsaid says why no words are found in a conversation.
func unsaid(found foundField) string {
	messages, err := conversation(found.name, found.value)
	if err != nil || len(messages) == 0 {
		return fmt.Sprintf("field %q is empty", found.name)
	}
	last := messages[len(messages)-1]
	if last.Role != "assistant" {
		return fmt.Sprintf("the last message of field %q is the %s's, so there is no answer in it", found.name,
			last.Role)
	}
	return fmt.Sprintf("the last message of field %q, the assistant's, is empty", found.name)
}

// columnOf names the column of a part, for errors.
func (s *Source) columnOf(part string) string {
	if f := s.Fields[part]; f != "" {
		return f
	}
	return part
}

// hole is a place in a text for a column's value.
var hole = regexp.MustCompile(`\{[^{}]+\}`)

// part reads a part of a problem into to, as Fields and Patterns say; where they say
// nothing it stays as it is.
func (s *Source) part(to *string, p *Problem, record *jsonl.Record, part, split string, row int) error {
	column := s.Fields[part]
	switch {
	case column == "":
	case hole.MatchString(column):
		var err error
		*to = hole.ReplaceAllStringFunc(column, func(name string) string {
			switch name = name[1 : len(name)-1]; name {
			case "row":
				return strconv.Itoa(row)
			case "split":
				return split
			}
			text, ok, e := scalar(record, name)
			if e == nil && !ok {
				e = record.Missing(name)
			}
			if e != nil && err == nil {
				err = e
			}
			return text
		})
		if err != nil {
			return err
		}
	default:
		value, err := record.Find(column)
		if err != nil || value == nil {
			return err
		}
		switch {
		case part == "problem":
			*to, err = p.ask(foundField{column, value})
			s.replied(foundField{column, value})
		case isConversation(value):
			*to, err = lastWords(foundField{column, value})
		default:
			*to, err = asText(column, value)
		}
		if err != nil {
			return err
		}
		if part == "answer" && s.ofPath && s.patterns[part] == nil {
			*to, _ = finalAnswer(*to)
		}
	}
	expression := s.patterns[part]
	if expression == nil || *to == "" {
		return nil
	}
	m := expression.FindStringSubmatch(*to)
	if m == nil {
		return fmt.Errorf("field %q: %.60q does not match the pattern %s", s.columnOf(part), *to, expression)
	}
	*to = strings.Join(m[1:], "")
	return nil
}

// scalar is the value at a path as text, be it text or a number.
func scalar(record *jsonl.Record, path string) (text string, found bool, err error) {
	raw, err := record.Find(path)
	if err != nil || raw == nil {
		return "", false, err
	}
	text, err = asText(path, raw)
	return text, true, err
}

// asText is a text or a number as text; a list of one is that one.
func asText(field string, raw json.RawMessage) (text string, err error) {
	raw = bytes.TrimSpace(raw)
	switch raw[0] {
	case '"':
		return text, jsonl.Unmarshal(raw, &text)
	case '[':
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) == nil && len(list) == 1 && len(list[0]) > 0 && list[0][0] != '[' {
			return asText(field, list[0])
		}
		return "", fmt.Errorf("field %q is a list of %d, neither text nor a number: name one of them, as "+
			"in %s.0", field, len(list), field)
	case '{':
		if object, err := jsonl.ParseRecord(raw); err == nil && len(object.Keys()) > 0 {
			keys := object.Keys()
			return "", fmt.Errorf("field %q is an object with %s, neither text nor a number: name one of "+
				"them, as in %s.%s",
				field, strings.Join(keys, ", "), field, keys[0])
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return "", err
	}
	number, ok := value.(json.Number)
	if !ok {
		return "", fmt.Errorf("field %q is neither text nor a number", field)
	}
	// 204.0 is what pandas makes of whole numbers where one is missing.
	if whole, zeros, isWhole := strings.Cut(string(number), "."); isWhole && strings.Trim(zeros, "0") == "" {
		return whole, nil
	}
	return string(number), nil
}

// decoded decodes base64 where it is sure to be base64: padded, and of
// printable text.
func decoded(s string) string {
	if !strings.HasSuffix(s, "=") {
		return ""
	}
	return fromBase64(s)
}

// fromBase64 is the printable text that s stands for, or "".
func fromBase64(s string) string {
	data, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(data) == 0 || !utf8.Valid(data) {
		return ""
	}
	for _, r := range string(data) {
		if !unicode.IsPrint(r) && !unicode.IsSpace(r) {
			return ""
		}
	}
	return string(data)
}

// apply writes the options under the problem, makes the answer a letter and returns how
// many options there are.
func (c *Choices) apply(record *jsonl.Record, p *Problem) (int, error) {
	options, err := c.options(record)
	if err != nil {
		return 0, err
	}
	if len(options) < 2 || len(options) > answer.MostChoices {
		return 0, fmt.Errorf("field %q: %d choices, expected 2 to %d", c.where(), len(options),
			answer.MostChoices)
	}
	right := -1
	switch named := strings.TrimSpace(p.Answer); c.Answer {
	case "text":
		right = slices.Index(options, p.Answer)
	case "index":
		if i, err := strconv.Atoi(named); err == nil {
			right = i
		}
	default:
		if letter := answer.Letter(named); letter != "" {
			right = int(letter[0] - 'A')
		}
	}
	if right < 0 || right >= len(options) {
		return 0, fmt.Errorf("answer is %.60q, which names none of %d choices by its %s", p.Answer,
			len(options), c.Answer)
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
	return len(options), nil
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
	null := "" // a column that is null: this question has no more choices
	for _, column := range c.Columns {
		text, found, err := scalar(record, column)
		switch {
		case err != nil:
			return nil, err
		case !found && record.Has(column):
			null = cmp.Or(null, column)
		case !found || null != "":
			return nil, record.Missing(cmp.Or(null, column))
		default:
			options = append(options, text)
		}
	}
	if c.Column == "" {
		return options, nil
	}
	raw, err := record.Find(c.Column)
	if err != nil {
		return nil, err
	}
	if raw == nil {
		return nil, record.Missing(c.Column)
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

// namedLevels are levels that have names, as PolyMath's, the easiest first.
var namedLevels = []string{"low", "medium", "high", "top"}

// levelOf reads a level of difficulty: a number, MATH's "Level 5", or one of namedLevels; 0 where it
// is none of these.
func levelOf(text string) int {
	text = strings.TrimSpace(text)
	if i := slices.Index(namedLevels, strings.ToLower(text)); i >= 0 {
		return i + 1
	}
	level, _ := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(text, "Level ")))
	return level
}
