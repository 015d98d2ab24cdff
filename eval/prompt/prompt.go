// Package prompt turns a problem into the text that a model is given.
//
// Invariants: the words of the instructions are the paper's (prompts.json); the
// reasoning prefix of a language is the last thing in the prompt and counts as the
// model's own words.
package prompt

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"stele/engine/text"
	"stele/eval/bench"
)

//go:embed prompts.json
var promptsFile []byte

// phrases are the words of prompts.json, by language.
var phrases = func() (p struct {
	Prefix      map[string]string    `json:"hack_prefix"`
	Instruction map[string]string    `json:"system_instruction"`
	Around      map[string][2]string `json:"user_prefix_suffix"` // before and after the problem
}) {
	if err := json.Unmarshal(promptsFile, &p); err != nil {
		panic("prompts.json, which is part of the program: " + err.Error())
	}
	return p
}()

// Chat renders a conversation with a model's own chat template.
type Chat func(messages []text.Message, addGenerationPrompt bool) (string, error)

// Options say how a prompt is built.
type Options struct {
	// Template is one of Templates; empty means auto.
	Template string
	// Hack ends the prompt with the language's prefix, "By request, I will start
	// thinking in English.", so that the reasoning begins in that language.
	Hack bool
	// Chat is the model's own chat template, or nil.
	Chat Chat
}

// Prompt is what a model is given.
type Prompt struct {
	Text string // the whole, Prefix included
	// Prefix is the end of Text that counts as the model's own words when its
	// language and its answer are judged.
	Prefix string
}

// asker builds the text before the prefix.
type asker func(p bench.Problem, chat Chat) (string, error)

var askers = map[string]asker{
	"auto":          auto,
	"chat":          chatted,
	"qwen-instruct": qwenInstruct,
	"qwen-math":     qwenMath,
	"r1":            r1,
	"none":          none,
	"plain":         plain,
}

// Templates lists the templates:
//
//	auto           chat where the model has a chat template, none otherwise
//	chat           the model's own template: instruction as system message
//	qwen-instruct  ChatML with the instruction as system message
//	qwen-math      ChatML with Qwen2.5-Math's English system message
//	r1             the R1-like template of Open-Reasoner-Zero, reasoning in <think>
//	none           instruction and problem as they are
//	plain          the problem and a new line, for models that know nothing else
func Templates() []string { return slices.Sorted(maps.Keys(askers)) }

// Build writes the prompt of a problem in its language.
func Build(p bench.Problem, o Options) (Prompt, error) {
	name := o.Template
	if name == "" {
		name = "auto"
	}
	ask, ok := askers[name]
	if !ok {
		return Prompt{}, fmt.Errorf("unknown template %q: expected %s", name, strings.Join(Templates(), ", "))
	}
	if _, ok := phrases.Instruction[p.Language]; !ok {
		return Prompt{}, fmt.Errorf("no instructions in language %q", p.Language)
	}
	asked, err := ask(p, o.Chat)
	if err != nil {
		return Prompt{}, err
	}
	var prefix string
	if o.Hack {
		prefix = phrases.Prefix[p.Language] + " "
		if strings.HasSuffix(asked, "<think>") {
			asked += "\n"
		}
	}
	return Prompt{Text: asked + prefix, Prefix: prefix}, nil
}

// question is the problem in the words around it.
func question(p bench.Problem) string {
	around := phrases.Around[p.Language]
	return around[0] + p.Problem + around[1]
}

func auto(p bench.Problem, chat Chat) (string, error) {
	if chat != nil {
		return chatted(p, chat)
	}
	return none(p, nil)
}

func chatted(p bench.Problem, chat Chat) (string, error) {
	if chat == nil {
		return "", fmt.Errorf("template chat: the model has no chat template")
	}
	return chat([]text.Message{
		{Role: "system", Content: phrases.Instruction[p.Language]}, {Role: "user", Content: question(p)},
	}, true)
}

func qwenInstruct(p bench.Problem, _ Chat) (string, error) {
	return chatML(phrases.Instruction[p.Language], question(p)), nil
}

func qwenMath(p bench.Problem, _ Chat) (string, error) {
	return chatML(`Please reason step by step, and put your final answer within \boxed{}.`,
		phrases.Instruction[p.Language]+"\n\n"+question(p)), nil
}

func chatML(system, user string) string {
	return "<|im_start|>system\n" + system + "<|im_end|>\n<|im_start|>user\n" + user + "<|im_end|>\n<|im_start|>assistant\n"
}

func r1(p bench.Problem, _ Chat) (string, error) {
	return "A conversation between User and Assistant. The user asks a question, and the Assistant solves it. " +
		"The assistant first thinks about the reasoning process in the mind and then provides the user with the answer. " +
		"The reasoning process and answer are enclosed within <think> </think> and <answer> </answer> tags, respectively, i.e., " +
		"<think> reasoning process here </think> <answer> answer here </answer>. " + phrases.Instruction[p.Language] +
		"\nUser: " + question(p) + "\nAssistant: <think>", nil
}

func none(p bench.Problem, _ Chat) (string, error) {
	return phrases.Instruction[p.Language] + "\n\n" + question(p) + "\n\n", nil
}

func plain(p bench.Problem, _ Chat) (string, error) { return p.Problem + "\n", nil }
