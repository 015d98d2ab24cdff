package prompt

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/stele-lm/stele/engine/text"
)

// Stops are the texts at which a completion ends that goes on, after its answer, with a
// further example of its own: the form in which the template begins a question in the
// language, and in a conversation the end of a turn. There are none without worked
// examples. A special token among them, as "<|im_end|>", is meant as that token.
func Stops(language string, o Options) ([]string, error) {
	if len(o.Shots) == 0 {
		return nil, nil
	}
	name := o.Template
	if now, ok := older[name]; ok {
		name = now
	}
	if name == "" || name == "auto" {
		name = "none"
		if o.Chat != nil {
			name = "chat"
		}
	}
	words, err := o.words(language)
	if err != nil {
		return nil, fmt.Errorf("worked examples are %w", err)
	}
	before, _ := words.Around()
	asked := headings(before)
	switch name {
	case "chat":
		if o.Chat == nil {
			return nil, errors.New("template chat: the model has no chat template")
		}
		end, err := endOfTurn(o.Chat)
		if err != nil {
			return nil, err
		}
		if end != "" {
			asked = append(asked, end)
		}
		return asked, nil
	case "qwen-instruct", "qwen-math":
		return append(asked, "<|im_end|>"), nil
	case "r1-like":
		return append(asked, "\nUser:"), nil
	case "none":
		return asked, nil
	case "verbatim":
		return nil, errNoShots
	case "plain":
		// Examples have no heading here: an empty line is all that tells them apart.
		for _, s := range o.Shots {
			s = shot(s)
			if strings.Contains(s.Solution, "\n\n") {
				return nil, fmt.Errorf("template plain: worked example %s has an empty line in its solution, "+
					"and nothing else tells where an example ends: use another template", s.ID)
			}
		}
		return []string{"\n\n"}, nil
	case "native-cot":
		var own []string
		for _, s := range o.Shots {
			for _, h := range headings(label.FindString(s.Problem)) {
				if !slices.Contains(own, h) {
					own = append(own, h)
				}
			}
		}
		return own, nil
	}
	return nil, fmt.Errorf("template %q: where a worked example begins is not known", name)
}

// headings are a line's beginning such as "Question: ", with the colons that models
// write in its place.
func headings(label string) []string {
	words := strings.TrimRight(label, ":： \u00a0\u202f")
	if words == "" {
		return nil
	}
	var all []string
	for _, colon := range []string{":", " :", "\u00a0:", "："} {
		all = append(all, "\n"+words+colon)
	}
	return all
}

// specialToken is a token of the kind that conversations are made of, at the beginning
// of a text.
var specialToken = regexp.MustCompile(`^\s*(<[^<>\s]{1,60}>|\[[^\[\]\s]{1,20}\])`)

// endOfTurn is the text that a chat template writes between an assistant's words and the user's
// next ones: its first token, or where that is text, all of it; "" where it writes
// nothing but space.
func endOfTurn(chat text.Chat) (string, error) {
	const asked, said, again = "QUESTION-ONE", "ANSWER-ONE", "QUESTION-TWO"
	rendered, err := chat([]text.Turn{turn("system", "INSTRUCTION"), turn("user", asked), turn("assistant", said),
		turn("user", again)}, false)
	if err != nil {
		return "", err
	}
	_, between, ok := strings.Cut(rendered, said)
	if between, _, ok = cutIf(ok, between, again); !ok {
		return "", errors.New("template chat: the model's template does not write " +
			"a conversation's turns in their order, " +
			"so worked examples cannot be turns: use another template")
	}
	if m := specialToken.FindStringSubmatch(between); m != nil {
		return m[1], nil
	}
	if strings.TrimSpace(between) == "" {
		return "", nil
	}
	return strings.TrimRight(between, " \n"), nil
}

// cutIf is strings.Cut where ok holds.
func cutIf(ok bool, s, sep string) (before, after string, found bool) {
	if !ok {
		return "", "", false
	}
	return strings.Cut(s, sep)
}
