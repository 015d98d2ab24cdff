package bench

import (
	"fmt"

	"github.com/stele-lm/stele/eval/answer"
)

// Answer is a registry's `answer:`: the name of a registered type, or a command that judges
// answers, as in {command: [program, arguments]}.
type Answer struct {
	Name     string   `yaml:"-" json:"-"` // "" is math, or that of a command
	Command  []string `yaml:"command" json:"command"`
	TimeoutS float64  `yaml:"timeout_s" json:"timeout_s,omitempty"` // for an answer; 0 means 60
	// Instruction says how to answer, by language.
	Instruction map[string]string `yaml:"instruction" json:"instruction,omitempty"`

	byCommand bool
}

// UnmarshalYAML reads a name or the settings of a command.
func (a *Answer) UnmarshalYAML(read func(any) error) error {
	if err := read(&a.Name); err == nil {
		return nil
	}
	type bare Answer
	err := read((*bare)(a))
	a.byCommand = true
	return err
}

// Type is the type that is named, or a new one of the command.
func (a Answer) Type() (answer.Type, error) {
	if !a.byCommand && len(a.Command) == 0 {
		return answer.Named(a.Name)
	}
	t := &answer.Command{Run: a.Command, TimeoutS: a.TimeoutS, Instructions: a.Instruction}
	return t, t.Validate()
}

// typed reads a problem's reference as its type wants it, and notes the type. options are
// those that are known to be put to the model; 0 looks for them in the question's text. A letter
// among more options than the graders of mathematics know is one of that many choices where the
// type is math or choice; every other type is left as the registry has it.
func (p *Problem) typed(of answer.Type, options int) (err error) {
	if options == 0 {
		options = lettered(p.Problem)
	}
	if letter := answer.Letter(p.Answer); letter != "" {
		most := answer.Options(of)
		switch {
		case most > 0 && options > most:
			return fmt.Errorf("the problem has %d choices, and answer is %s", options, of.Name())
		case most > 0:
		case of != answer.Math && of != answer.Choice: // a letter means what that type says
		case options > answer.GradedChoices:
			of = answer.ChoiceOf(options)
		case of == answer.Choice && letter > lastGraded:
			of = answer.ChoiceOf(answer.MostChoices) // of how many the text does not tell
		}
	}
	if p.Answer, err = of.Read(p.Answer); err != nil {
		return err
	}
	p.AnswerType = answer.Label(of)
	return nil
}

// lastGraded is the letter of the last option that the Qwen2.5-Math grader has rules for.
const lastGraded = string(rune('A' + answer.GradedChoices - 1))
