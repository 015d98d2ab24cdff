package bench

import "github.com/stele-lm/stele/eval/answer"

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
// those that are known to be put to the model; 0 looks for them in the question's text. Where the
// reference is a letter, answer.ForOptions may choose another type by them.
func (p *Problem) typed(of answer.Type, options int) (err error) {
	if options == 0 {
		options = lettered(p.Problem)
	}
	if letter := answer.Letter(p.Answer); letter != "" {
		if of, err = answer.ForOptions(of, letter, options); err != nil {
			return err
		}
	}
	if p.Answer, err = of.Read(p.Answer); err != nil {
		return err
	}
	p.AnswerType = answer.Label(of)
	return nil
}
