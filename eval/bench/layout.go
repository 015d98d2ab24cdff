package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/eval/answer"
	"github.com/stele-lm/stele/internal/jsonl"
)

// usualPlaces lists the fields in which other programs put the parts of a problem, in the order in
// which they are tried: Stele's own, the benchmarks' authors', verl's, TRL's, OpenAI's.
var usualPlaces = map[string][]string{
	"id":       {"id", "unique_id", "problem_id", "extra_info.index"},
	"language": {"language", "lang", "extra_info.language"},
	"problem":  {"problem", "question", "prompt", "messages", "conversations"},
	"answer": {"answer", "reward_model.ground_truth", "ground_truth", "final_answer", "expected_answer",
		"solution", "completion", "messages", "conversations", "extra_info.answer"},
	"solution": {"solution", "completion", "extra_info.answer", "extra_info.solution", "messages",
		"conversations"},
	"level": {"level", "difficulty", "extra_info.level", "extra_info.difficulty"},
	"type":  {"type", "subject", "ability"},
}

// ownPlaces lists the fields that the files of a benchmark in the registry have them in, when its entry
// does not say.
var ownPlaces = map[string][]string{
	"id": {"id"}, "language": {"language"}, "problem": {"problem", "question"}, "answer": {"answer"},
	"solution": {"solution"}, "level": {"level"}, "type": {"type"},
}

// usual are the places where a part is looked for.
func (s *Source) usual(part string) []string {
	if s.learns() && part == "solution" {
		return learntPlaces
	}
	if s.ofPath {
		return usualPlaces[part]
	}
	return ownPlaces[part]
}

// worked are the places that hold a worked solution, of which the answer is a part.
var worked = []string{"solution", "completion", "messages", "conversations", "extra_info.answer"}

// guesses tells of where the parts of problems were found, so that what was guessed
// can be said.
type guesses struct {
	found   map[string]map[string]int // by part and place, in how many records
	cut     int                       // answers that were taken out of a longer text
	chats   int                       // questions that are conversations
	whole   int                       // worked solutions without a final answer, which are compared as they are
	long    int                       // answers that are too long to be an answer alone
	fields  []string                  // of all records, in the order in which they are met
	used    map[string]bool           // fields that something was read from
	repeats bool                      // ids that were guessed are not unique
	choices int                       // questions with more options than are graded as mathematics
	without int                       // questions that have no answer
	replies int                       // conversations whose last turn, the assistant's, is not asked

	solutions bool // are asked for, and no answers
	turns     int  // conversations whose turns are learnt from
	after     int  // of these, how many go on after the assistant's last turn
	skipped   int  // turns of the assistant's that the data say are not learnt from
	earlier   int  // turns of the assistant's in questions that have a column of their own
	marks     int  // solutions that #### and an answer were left out of
}

func (p *guesses) count(part, place string) {
	if p == nil {
		return
	}
	if p.found == nil {
		p.found = map[string]map[string]int{}
	}
	if p.found[part] == nil {
		p.found[part] = map[string]int{}
	}
	p.found[part][place]++
}

// say writes one line about what was guessed and what was not read; nothing where the
// record's own names left nothing to guess.
func (p *guesses) say(w io.Writer, path string) {
	if p == nil || w == nil || len(p.found) == 0 && p.replies == 0 {
		return
	}
	unused := slices.DeleteFunc(slices.Clone(p.fields), func(field string) bool { return p.used[field] })
	plain := len(unused) == 0 && p.cut == 0 && p.chats == 0 && p.long == 0 && p.choices == 0 &&
		p.replies == 0 && p.without == 0 && !p.repeats && p.turns == 0 && p.marks == 0
	var said []string
	for _, part := range fieldNames {
		names := slices.Sorted(maps.Keys(p.found[part]))
		for _, name := range names {
			plain = plain && (name == part || part == "problem" && name == "question")
		}
		if len(names) > 0 && (part == "problem" || part == "answer" || part == "id" || part == "language" ||
			part == "level" || part == "solution" && p.solutions) {
			word := map[string]string{"problem": "question"}[part]
			if word == "" {
				word = part
			}
			said = append(said, fmt.Sprintf("%s from %s", word, strings.Join(names, " or ")))
		}
	}
	if plain {
		return
	}
	line := strings.Join(said, ", ")
	if p.chats > 0 {
		line += "; a conversation is used as it is, without Stele's instructions"
	}
	if p.turns > 0 {
		line += "; every turn of the assistant's is learnt from"
	}
	if p.after > 0 {
		line += fmt.Sprintf("; %d conversations continue after the assistant's last turn, and what follows is left out",
			p.after)
	}
	if p.skipped > 0 {
		line += fmt.Sprintf("; %d of these turns are not (weight 0 or train false)", p.skipped)
	}
	if p.earlier > 0 {
		line += fmt.Sprintf("; %d turns in questions are not, as in TRL: to learn from them, too, put the whole "+
			"conversation into one column, messages", p.earlier)
	}
	if p.marks > 0 {
		line += fmt.Sprintf("; #### and what follows it are left out of %d solutions", p.marks)
	}
	if p.replies > 0 {
		line += fmt.Sprintf("; %d conversations end with a turn of the assistant's, which is cut off: it is not asked",
			p.replies)
	}
	if p.without > 0 {
		line += fmt.Sprintf("; %d questions have no answer, and none is compared", p.without)
	}
	if p.cut > 0 {
		line += fmt.Sprintf(`; %d answers cut out of worked solutions (\boxed or ####)`, p.cut)
		if p.whole > 0 {
			line += fmt.Sprintf(", %d have neither and are compared as a whole", p.whole)
		}
	}
	if p.long > 0 {
		line += fmt.Sprintf("; %d answers are longer than %d bytes, and final answers are compared", p.long,
			mostAnswer)
	}
	if p.choices > 0 {
		line += fmt.Sprintf("; %d questions have more than %d lettered choices and are judged by the "+
			"letter alone", p.choices, answer.GradedChoices)
	}
	if p.repeats {
		line += "; ids repeat, so rows are counted instead"
	}
	if len(unused) > 0 {
		line += "; not used: " + strings.Join(unused, ", ")
	}
	fmt.Fprintf(w, "%s: %s\n", path, strings.TrimPrefix(line, "; "))
}

// foundField is a value that was looked for at the usual places.
type foundField struct {
	name  string
	value json.RawMessage
}

// lookUp tries the places of a part, first with their names as they are, then without
// regard to case.
func lookUp(record *jsonl.Record, names []string) (foundField, error) {
	for _, name := range names {
		value, err := record.Find(name)
		if err != nil {
			return foundField{}, err
		}
		if value != nil && !isEmpty(value) {
			return foundField{name, value}, nil
		}
	}
	for _, name := range names {
		for _, key := range record.Keys() {
			if key != name && strings.EqualFold(key, name) {
				if value, err := record.Find(key); err != nil || value != nil && !isEmpty(value) {
					return foundField{key, value}, err
				}
			}
		}
	}
	return foundField{}, nil
}

func isEmpty(value json.RawMessage) bool { return string(value) == `""` || string(value) == "[]" }

// Asked finds a record's question in the usual fields; nil where it has none.
func Asked(record *jsonl.Record) (field string, value json.RawMessage, err error) {
	found, err := lookUp(record, usualPlaces["problem"])
	return found.name, found.value, err
}

// guess reads a problem whose parts are at the usual places.
func (s *Source) guess(record *jsonl.Record) (p Problem, level string, err error) {
	used := map[string]bool{}
	for _, part := range fieldNames {
		if field := s.Fields[part]; field != "" {
			used[topmost(record, field)] = true
			continue
		}
		if s.learns() && isLearnt(part) {
			continue // see learn
		}
		found, err := lookUp(record, s.usual(part))
		if err != nil {
			return p, "", err
		}
		if found.value == nil {
			continue
		}
		var value string
		switch part {
		case "problem":
			value, err = p.ask(found)
			s.replied(found)
		case "answer", "solution":
			value, err = lastWords(found)
		default:
			value, err = asText(found.name, found.value)
		}
		if err != nil && part != "id" && part != "level" && part != "type" && part != "solution" {
			return p, "", err
		}
		if err != nil || value == "" {
			continue
		}
		if part == "answer" && s.ofPath {
			isWorked := slices.Contains(worked, strings.ToLower(found.name))
			answer, cut := finalAnswer(value)
			if isWorked && !cut && !s.unanswered && (strings.Contains(value, "\n") || len(value) > mostAnswer ||
				isConversation(found.value)) {
				return p, "", fmt.Errorf(`field %q: no final answer (\boxed{...} or ####) in %.60q: name `+
					`the answer's field with --fields answer=FIELD (data.fields in training), or add one`,
					found.name, value)
			}
			if !cut && s.guesses != nil {
				if isWorked {
					s.guesses.whole++
				}
				if len(value) > mostAnswer {
					s.guesses.long++
				}
			}
			if cut {
				s.cuts()
				if value != answer && p.Solution == "" {
					p.Solution, _, _ = strings.Cut(value, "####")
					p.Solution = strings.TrimSpace(p.Solution)
				}
			}
			value = answer
		}
		used[topmost(record, found.name)] = true
		switch part {
		case "id":
			p.ID = value
			s.guessedID = s.guessedID || found.name != "id"
		case "language":
			p.Language = value
		case "problem":
			p.Problem = value
		case "answer":
			p.Answer = value
		case "solution":
			if p.Solution = value; slices.Contains(worked, found.name) {
				p.Solution = strings.TrimSpace(beforeMark(value))
			}
		case "level":
			level = value
		case "type":
			p.Type = value
		}
		s.guesses.count(part, found.name)
	}
	if s.learns() {
		if err := s.learn(record, &p, used); err != nil {
			return p, "", err
		}
	}
	if s.guesses == nil {
		return p, level, nil
	}
	if len(p.Messages) > 0 {
		s.guesses.chats++
	}
	s.guesses.notUsed(record, used)
	return p, level, nil
}

// notUsed notes which fields a record has, and which of them were used.
func (p *guesses) notUsed(record *jsonl.Record, used map[string]bool) {
	if p.used == nil {
		p.used = map[string]bool{}
	}
	maps.Copy(p.used, used)
	for _, key := range record.Keys() {
		if !slices.Contains(p.fields, key) {
			p.fields = append(p.fields, key)
		}
	}
}

func (s *Source) cuts() {
	if s.guesses != nil {
		s.guesses.cut++
	}
}

// topmost is the field of the record that a path begins in.
func topmost(record *jsonl.Record, path string) string {
	if record.Has(path) {
		return path
	}
	first, _, _ := strings.Cut(path, ".")
	return first
}

// mostAnswer limits a solution that is taken for a bare answer, in bytes.
const mostAnswer = 200

// mark stands between a worked solution and its answer in GSM8K.
var mark = regexp.MustCompile(`####[ \t]*(\S[^\n]*?)\s*$`)

// grouped is a number with commas between its thousands.
var grouped = regexp.MustCompile(`^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$`)

// finalAnswer takes the answer out of a worked solution, as GSM8K and MATH end theirs:
// what follows the last ####, or the last \boxed. cut is false where there is neither.
func finalAnswer(solution string) (answer string, cut bool) {
	if m := mark.FindStringSubmatch(solution); m != nil {
		if answer = m[1]; grouped.MatchString(answer) {
			answer = strings.ReplaceAll(answer, ",", "")
		}
		return answer, true
	}
	for _, command := range []string{`\boxed{`, `\fbox{`} {
		at := strings.LastIndex(solution, command)
		if at < 0 {
			continue
		}
		depth := 0
		for i := at + len(command) - 1; i < len(solution); i++ {
			switch solution[i] {
			case '\\':
				i++
			case '{':
				depth++
			case '}':
				if depth--; depth == 0 {
					return strings.TrimSpace(solution[at+len(command) : i]), true
				}
			}
		}
	}
	return solution, false
}

// beforeMark is a solution without the #### and the answer at its end.
func beforeMark(solution string) string {
	if at := mark.FindStringIndex(solution); at != nil {
		return solution[:at[0]]
	}
	return solution
}

// message is a turn of a conversation as the usual files have it.
type message struct {
	Role      string          `json:"role"`
	From      string          `json:"from"` // ShareGPT
	Content   json.RawMessage `json:"content"`
	Value     json.RawMessage `json:"value"` // ShareGPT
	ToolCalls []any           `json:"tool_calls"`
	Function  json.RawMessage `json:"function_call"` // OpenAI's, from before tool_calls
	Weight    json.RawMessage `json:"weight"`        // OpenAI's: 0 is not learnt from
	Train     json.RawMessage `json:"train"`         // false is not learnt from
	Training  json.RawMessage `json:"training"`      // the same
}

// skipped reports whether the data say that a message is not learnt from.
func (m *message) skipped() (bool, error) {
	for _, learn := range []json.RawMessage{m.Train, m.Training} {
		switch string(learn) {
		case "", "null", "true":
		case "false":
			return true, nil
		default:
			return false, fmt.Errorf("whether it is learnt from is %.40s: expected true or false", learn)
		}
	}
	if len(m.Weight) == 0 || string(m.Weight) == "null" {
		return false, nil
	}
	weight, err := strconv.ParseFloat(strings.Trim(string(m.Weight), `"`), 64)
	if err != nil || weight != 0 && weight != 1 {
		return false, fmt.Errorf("its weight is %s: expected 0, which is not learnt from, or 1", m.Weight)
	}
	return weight == 0, nil
}

// isConversation reports whether a value is a list of messages, as a list or as the
// JSON text of one.
func isConversation(value json.RawMessage) bool {
	_, is := listOfObjects(value)
	return is
}

func listOfObjects(value json.RawMessage) ([]json.RawMessage, bool) {
	if len(value) > 0 && value[0] == '"' {
		var inner string
		if json.Unmarshal(value, &inner) != nil || !strings.HasPrefix(strings.TrimSpace(inner), "[{") {
			return nil, false
		}
		value = json.RawMessage(strings.TrimSpace(inner))
	}
	var list []json.RawMessage
	if len(value) == 0 || value[0] != '[' || json.Unmarshal(value, &list) != nil || len(list) == 0 {
		return nil, false
	}
	for _, e := range list {
		if e[0] != '{' {
			return nil, false
		}
	}
	return list, true
}

// printedByPython is a list of messages as Python prints it.
var printedByPython = regexp.MustCompile(`^\s*\[\{['"](role|content|from|value)['"]:`)

// conversation reads a list of messages with "role" and "content" ("from" and "value" in ShareGPT's files), or the
// JSON text of one, with all fields that they have. field names it in errors.
func conversation(field string, value json.RawMessage) ([]text.Turn, error) {
	list, ok := listOfObjects(value)
	if !ok {
		return nil, fmt.Errorf("field %q is neither text nor a list of messages with role and content", field)
	}
	var out []text.Turn
	for i, raw := range list {
		m, err := turn(raw)
		switch {
		case err != nil:
		case m.calls:
			err = errors.New("it calls tools, which Stele cannot pose")
		case m.Role == "tool" || m.Role == "function":
			err = fmt.Errorf("its role is %s: it is what a tool has answered, which Stele cannot pose", m.Role)
		default:
			m.Fields, err = furtherFields(raw)
			if err == nil && m.Role == "assistant" {
				m.Skipped, err = m.message.skipped()
			}
		}
		if err != nil {
			return nil, fmt.Errorf("field %q: message %d: %w", field, i, err)
		}
		out = append(out, m.Turn)
	}
	return out, nil
}

// furtherFields are those of a message that a template may read beside its role and content; nil is none.
func furtherFields(raw json.RawMessage) (json.RawMessage, error) {
	record, err := jsonl.ParseRecord(raw)
	if err != nil {
		return nil, err
	}
	own := []string{"role", "content", "tool_calls", "function_call", "weight", "train", "training"}
	if !record.Has("role") {
		own = append(own, "from", "value")
	}
	more := jsonl.NewRecord()
	for _, key := range record.Keys() {
		if slices.Contains(own, key) {
			continue
		}
		var value json.RawMessage
		if _, err := record.Decode(key, &value); err != nil {
			return nil, err
		}
		if len(value) == 0 || string(value) == "null" {
			continue
		}
		if err := more.Set(key, value); err != nil {
			return nil, err
		}
	}
	if len(more.Keys()) == 0 {
		return nil, nil
	}
	return more.MarshalJSON()
}

// Turns is conversation for a chat template: messages keep all their fields, tool calls
// among them, in their order. Only ShareGPT's names and text in parts are put as the
// template expects them.
func Turns(field string, value json.RawMessage) ([]json.RawMessage, error) {
	list, ok := listOfObjects(value)
	if !ok {
		return nil, fmt.Errorf("field %q is neither text nor a list of messages with role and content", field)
	}
	for i, raw := range list {
		m, err := turn(raw)
		if err != nil {
			return nil, fmt.Errorf("field %q: message %d: %w", field, i, err)
		}
		if m.asIs {
			continue
		}
		record, err := jsonl.ParseRecord(raw)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(record.Set("role", m.Role), record.Set("content", m.Content)); err != nil {
			return nil, err
		}
		if list[i], err = record.MarshalJSON(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// said is a message, whether it calls tools, and whether its role and content stand in it
// as they are here.
type said struct {
	text.Turn
	message     message
	calls, asIs bool
}

// turn reads a message.
func turn(raw json.RawMessage) (said, error) {
	var m message
	if err := jsonl.Unmarshal(raw, &m); err != nil {
		return said{}, err
	}
	role, content := m.Role, m.Content
	asIs := role != "" && (len(content) == 0 || content[0] != '[')
	if role == "" {
		role = map[string]string{"human": "user", "gpt": "assistant", "user": "user",
			"assistant": "assistant", "system": "system"}[m.From]
		content = m.Value
	}
	if role == "" {
		return said{}, errors.New("it has no role")
	}
	words, err := contentOf(content)
	if err != nil {
		return said{}, err
	}
	calls := len(m.ToolCalls) > 0 || len(m.Function) > 0 && string(m.Function) != "null"
	return said{text.Turn{Message: text.Message{Role: role, Content: words}}, m, calls, asIs}, nil
}

// contentOf is a message's text: as it is, or in parts.
func contentOf(raw json.RawMessage) (string, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	var said string
	if raw[0] == '"' {
		return said, jsonl.Unmarshal(raw, &said)
	}
	var content []struct {
		Type string  `json:"type"`
		Text *string `json:"text"`
	}
	if json.Unmarshal(raw, &content) != nil {
		return "", fmt.Errorf("its content is neither text nor a list of parts")
	}
	for _, part := range content {
		if part.Text == nil || part.Type != "" && part.Type != "text" {
			return "", fmt.Errorf("its content has a part of type %q, and Stele reads text only", part.Type)
		}
		said += *part.Text
	}
	return said, nil
}

// ask reads the question: a text, or a conversation, whose last turn of the user's is
// the question. An assistant's last word is the solution, and no part of what is asked.
func (p *Problem) ask(found foundField) (string, error) {
	if !isConversation(found.value) {
		question, err := asText(found.name, found.value)
		if err == nil && printedByPython.MatchString(question) {
			err = fmt.Errorf("field %q is a list of messages as Python prints it, not JSON: write the "+
				"file with to_parquet or to_json", found.name)
		}
		return question, err
	}
	messages, err := conversation(found.name, found.value)
	if err != nil {
		return "", err
	}
	if last := len(messages) - 1; messages[last].Role == "assistant" {
		if found.name == "prompt" {
			return "", fmt.Errorf("field %q ends with a message of the assistant's: expected the user's, "+
				"which is answered", found.name)
		}
		messages = messages[:last]
	}
	if len(messages) == 0 || messages[len(messages)-1].Role != "user" {
		return "", fmt.Errorf("field %q: the last message that is asked is not the user's", found.name)
	}
	p.Messages = messages
	return messages[len(messages)-1].Content, nil
}

// lastWords are a text, or what the assistant says last in a conversation; "" where a
// conversation ends with the user.
func lastWords(found foundField) (string, error) {
	if !isConversation(found.value) {
		return asText(found.name, found.value)
	}
	messages, err := conversation(found.name, found.value)
	if err != nil {
		return "", err
	}
	if last := messages[len(messages)-1]; last.Role == "assistant" {
		return last.Content, nil
	}
	return "", nil
}
