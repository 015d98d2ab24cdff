// Package prompt turns a problem into the text that a model is given.
//
// Invariants: the words of the instructions are those of the language's entry in
// eval/language, for the study's the paper's; the reasoning prefix of a language is the last thing in the
// prompt and counts as the model's own words.
package prompt

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/eval/answer"
	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/language"
	"github.com/stele-lm/stele/internal/nearest"
)

// Options say how a prompt is built.
type Options struct {
	// Template is one of Templates; empty means auto.
	Template string
	// Hack ends the prompt with the language's prefix, "By request, I will start
	// thinking in English.", so that the reasoning begins in that language.
	Hack bool
	// Chat is the model's own chat template, or nil.
	Chat text.Chat
	// Shots are worked examples in the problem's language that go before it.
	Shots []bench.Problem
	// Answer is the type of the benchmark's answers where it is not registered, or nil.
	Answer answer.Type
	// Languages has the words to ask with; nil is the built-in table.
	Languages *language.Table
}

// Own reports whether the template of that name is the model's own, where it has one.
func Own(template string) bool { return template == "" || template == "auto" || template == "chat" }

// SetChat sets the model's own chat template, nil where it has none, with variables of a person's own. Variables
// that nothing would read are an error; Template must be set before. A value is JSON, as false or 3, or else text.
func (o *Options) SetChat(t *text.Template, variables map[string]string) error {
	if len(variables) == 0 {
		if o.Chat = nil; t != nil {
			o.Chat = t.RenderTurns
		}
		return nil
	}
	names := strings.Join(slices.Sorted(maps.Keys(variables)), ", ")
	if !Own(o.Template) {
		return fmt.Errorf("%s: arguments are for the model's own chat template, and template is %s", names, o.Template)
	}
	if t == nil {
		return fmt.Errorf("%s: arguments are for a chat template, and the model has none", names)
	}
	with, err := t.With(Values(variables))
	if err != nil {
		return fmt.Errorf("template arguments: %w", err)
	}
	o.Chat = with.RenderTurns
	return nil
}

// Arguments are variables of a chat template as a file of settings has them (see Values).
type Arguments map[string]string

// UnmarshalYAML implements yaml.InterfaceUnmarshaler: settings that come later, as each --set does, leave earlier
// ones of other names.
func (a *Arguments) UnmarshalYAML(unmarshal func(any) error) error {
	var more map[string]string
	if err := unmarshal(&more); err != nil {
		return err
	}
	all := maps.Clone(*a)
	if all == nil {
		all = Arguments{}
	}
	maps.Copy(all, more)
	*a = all
	return nil
}

// Values returns what variables of a chat template stand for: JSON, as false or 3, or else text.
func Values(variables map[string]string) map[string]any {
	values := make(map[string]any, len(variables))
	for name, text := range variables {
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			value = text
		}
		values[name] = value
	}
	return values
}

// ParseArguments reads variables of a chat template as NAME=VALUE.
func ParseArguments(arguments []string) (map[string]string, error) {
	var variables map[string]string
	for _, argument := range arguments {
		name, text, ok := strings.Cut(argument, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("template argument %q: expected NAME=VALUE, such as enable_thinking=false", argument)
		}
		if _, twice := variables[name]; twice {
			return nil, fmt.Errorf("template argument %s is given twice", name)
		}
		if variables == nil {
			variables = map[string]string{}
		}
		variables[name] = text
	}
	return variables, nil
}

// words returns those to ask with in a language, or an error where there are none.
func (o Options) words(code string) (*language.Prompts, error) {
	t := o.Languages
	if t == nil {
		t = language.Builtin()
	}
	if l := t.Exact(code); l != nil && l.Prompts != nil {
		return l.Prompts, nil
	}
	return nil, fmt.Errorf("in language %q, in which templates have no instructions: they have them in %s; "+
		"for another, write prompts into %s beside the data", code, strings.Join(t.Asked(), " "),
		language.File)
}

// Prompt is the text that a model completes.
type Prompt struct {
	Text string // the whole, Prefix included
	// Prefix is the end of Text that counts as the model's own words when its
	// language and its answer are judged.
	Prefix string
	// Bare says that Text has none of the special tokens that a conversation is made
	// of, so that the tokenizer adds those that it begins every text with.
	Bare bool
	// Left counts the messages that the data ask with and the template leaves out.
	Left int
}

// Encode returns the prompt's token ids: with <|begin_of_text|> before bare text
// where the tokenizer has it, as Llama's has and Qwen's has not.
func (p Prompt) Encode(t *text.Tokenizer) ([]int32, error) { return t.Encode(p.Text, p.Bare) }

// problem is a problem with the words to ask it with.
type problem struct {
	bench.Problem
	words *language.Prompts
}

// turn is the user's turn that asks the problem.
func (p problem) turn() text.Turn { return turn("user", p.words.Ask(p.Problem.Problem)) }

// turn is a message without further fields.
func turn(role, content string) text.Turn {
	return text.Turn{Message: text.Message{Role: role, Content: content}}
}

// asker builds the text before the prefix, and says whether it is bare.
type asker func(p problem, o Options) (asked string, bare bool, err error)

var askers = map[string]asker{
	"auto":          auto,
	"chat":          chatted,
	"qwen-instruct": qwenInstruct,
	"qwen-math":     qwenMath,
	"r1-like":       r1Like,
	"none":          none,
	"plain":         plain,
	"verbatim":      verbatim,
	"native-cot":    nativeCoT,
}

// older are names that templates had before.
var older = map[string]string{"r1": "r1-like"}

// Templates lists the templates:
//
//	auto           chat where the model has a chat template, none otherwise
//	chat           the model's own template: instruction as system message
//	qwen-instruct  ChatML with the instruction as system message
//	qwen-math      ChatML with Qwen2.5-Math's English system message
//	r1-like        the R1-like template of Open-Reasoner-Zero, reasoning in <think>
//	none           instruction and problem as they are
//	plain          the problem and a new line, for models that know nothing else
//	verbatim       the problem alone, to the letter: for text that is gone on with
//	native-cot     MGSM's own, for base models: worked examples as they stand
//
// A conversation that the data bring goes through auto, chat, qwen-instruct and none as it
// is; the others take the user's question out of it.
//
// Worked examples become turns of the conversation, or text before the problem,
// each with its answer in the form that the problem asks for.
func Templates() []string { return slices.Sorted(maps.Keys(askers)) }

// UnknownTemplate says that a name is no template, and which are; nil for one that is.
func UnknownTemplate(name string) error {
	if _, ok := askers[name]; ok || name == "" || older[name] != "" {
		return nil
	}
	return fmt.Errorf("unknown template %q: expected %s%s", name, strings.Join(Templates(), ", "),
		nearest.Hint(name, Templates()))
}

// Build writes the prompt of a problem in its language.
func Build(p bench.Problem, o Options) (Prompt, error) {
	name := o.Template
	if name == "" {
		name = "auto"
	}
	if now, ok := older[name]; ok {
		name = now
	}
	ask, ok := askers[name]
	if !ok {
		return Prompt{}, UnknownTemplate(name)
	}
	words, err := o.words(p.Language)
	if err != nil {
		return Prompt{}, fmt.Errorf("question %s is %w", p.ID, err)
	}
	of, err := answer.Labelled(p.AnswerType, o.Answer)
	if err != nil {
		return Prompt{}, fmt.Errorf("question %s: %w", p.ID, err)
	}
	if instruction := of.Instruction(p.Language); instruction != "" {
		before, _ := words.Around()
		words = &language.Prompts{Prefix: words.Prefix, Instruction: instruction,
			Question: before + language.Hole}
	}
	for _, s := range o.Shots {
		if s.Language != p.Language {
			return Prompt{}, fmt.Errorf("worked example %s is in %s, the problem in %s", s.ID, s.Language,
				p.Language)
		}
	}
	left := 0
	if len(p.Messages) > 0 {
		asIs, err := conversation(name, p)
		if err != nil {
			return Prompt{}, err
		}
		if asIs != nil {
			ask = asIs
		} else {
			left = len(p.Messages) - 1 // the question is the user's only message
		}
	}
	asked, bare, err := ask(problem{p, words}, o)
	if err != nil {
		return Prompt{}, err
	}
	var prefix string
	if o.Hack {
		// Without a space after it, as XReasoning has it: the next word's token brings
		// its own.
		prefix = words.Prefix
		switch {
		case strings.HasSuffix(asked, "<think>"):
			asked += "\n"
		case strings.HasSuffix(asked, ":"):
			asked += " "
		}
	}
	return Prompt{Text: asked + prefix, Prefix: prefix, Bare: bare, Left: left}, nil
}

// label matches the beginning of MGSM's examples, "Question: " and "Step-by-Step Answer: "
// in each language.
var label = regexp.MustCompile(`^[^:：\n]{1,60}[:：] ?`)

// shot is a worked example without its labels.
func shot(p bench.Problem) bench.Problem {
	p.Problem = label.ReplaceAllString(p.Problem, "")
	p.Solution = label.ReplaceAllString(p.Solution, "")
	return p
}

// turns are the worked examples as a conversation.
func turns(shots []bench.Problem, words *language.Prompts) []text.Turn {
	var messages []text.Turn
	for _, s := range shots {
		s = shot(s)
		messages = append(messages, turn("user", words.Ask(s.Problem)),
			turn("assistant", s.Solution+"\n\n"+words.Conclude(s.Answer)))
	}
	return messages
}

func auto(p problem, o Options) (string, bool, error) {
	if o.Chat != nil {
		return chatted(p, o)
	}
	return none(p, o)
}

func chatted(p problem, o Options) (string, bool, error) {
	if o.Chat == nil {
		return "", false, errors.New("template chat: the model has no chat template")
	}
	messages := append([]text.Turn{turn("system", p.words.Instruction)},
		turns(o.Shots, p.words)...)
	asked, err := o.Chat(append(messages, p.turn()), true)
	if err != nil {
		return "", false, fmt.Errorf("template chat: %w; plain, none and the others do without it", err)
	}
	return asked, false, nil
}

func qwenInstruct(p problem, o Options) (string, bool, error) {
	messages := append(turns(o.Shots, p.words), p.turn())
	return chatML(p.words.Instruction, messages), false, nil
}

func qwenMath(p problem, o Options) (string, bool, error) {
	messages := append(turns(o.Shots, p.words), p.turn())
	messages[0].Content = p.words.Instruction + "\n\n" + messages[0].Content
	system := `Please reason step by step, and put your final answer within \boxed{}.`
	return chatML(system, messages), false, nil
}

// chatML is the form of Qwen's conversations, ready for the assistant's turn.
func chatML(system string, messages []text.Turn) string {
	var b strings.Builder
	for _, m := range append([]text.Turn{turn("system", system)}, messages...) {
		writeChatML(&b, m.Message)
	}
	return b.String() + "<|im_start|>assistant\n"
}

func writeChatML(b *strings.Builder, m text.Message) {
	b.WriteString("<|im_start|>" + m.Role + "\n" + m.Content + "<|im_end|>\n")
}

func r1Like(p problem, o Options) (string, bool, error) {
	var b strings.Builder
	b.WriteString("A conversation between User and Assistant. The user asks a question, and the Assistant " +
		"solves it. The assistant first thinks about the reasoning process in the mind and then provides " +
		"the user with the answer. The reasoning process and answer are enclosed within <think> </think> " +
		"and <answer> </answer> tags, respectively, i.e., " +
		"<think> reasoning process here </think> <answer> answer here </answer>. " + p.words.Instruction)
	for _, s := range o.Shots {
		s = shot(s)
		b.WriteString("\nUser: " + p.words.Ask(s.Problem) + "\nAssistant: <think>\n" + s.Solution +
			"\n</think> <answer> " + p.words.Conclude(s.Answer) + " </answer>")
	}
	return b.String() + "\nUser: " + p.words.Ask(p.Problem.Problem) + "\nAssistant: <think>", true, nil
}

func none(p problem, o Options) (string, bool, error) {
	asked := p.words.Instruction + "\n\n"
	for _, m := range turns(o.Shots, p.words) {
		asked += m.Content + "\n\n"
	}
	return asked + p.words.Ask(p.Problem.Problem) + "\n\n", true, nil
}

func plain(p problem, o Options) (string, bool, error) {
	var asked string
	for _, s := range o.Shots {
		s = shot(s)
		asked += s.Problem + "\n" + s.Solution + "\n\n"
	}
	return asked + p.Problem.Problem + "\n", true, nil
}

var errNoShots = errors.New("template verbatim: puts nothing around a problem, worked examples neither: use plain")

func verbatim(p problem, o Options) (string, bool, error) {
	if len(o.Shots) > 0 {
		return "", false, errNoShots
	}
	return p.Problem.Problem, true, nil
}

// nativeCoT is the prompt of MGSM's authors (Shi et al. 2022): examples and problem
// with their labels, the answer's label left for the model to go on from.
func nativeCoT(p problem, o Options) (string, bool, error) {
	var asked, ofProblem, ofAnswer string
	for _, s := range o.Shots {
		asked += s.Problem + "\n" + s.Solution + "\n\n"
		ofProblem, ofAnswer = label.FindString(s.Problem), label.FindString(s.Solution)
	}
	if ofAnswer == "" {
		return "", false, errors.New("template native-cot: needs worked examples with labels, as MGSM's " +
			"are: name their number with --few-shot")
	}
	return asked + ofProblem + p.Problem.Problem + "\n" + strings.TrimRight(ofAnswer, " "), true, nil
}
