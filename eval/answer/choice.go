package answer

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/eval/grade"
)

// choice is mathematics whose references are letters.
type choice struct{ mathematics }

// Choice is a letter of a question with up to five options, which the graders of package
// grade have rules for.
var Choice = Register(choice{mathematics{name: "choice", read: &readChoice}})

// GradedChoices are the options that the Qwen2.5-Math grader has rules for, A to E, and
// MostChoices those that a question may have.
const (
	GradedChoices = 5
	MostChoices   = 26
)

// choiceOf begins the names of types of a known number of options: "choice of 10".
const choiceOf = "choice of "

// choices are answers to questions of n options. Of up to five they are judged as Choice;
// of more by the letter that the text names, by all graders alike.
type choices struct {
	Boxed
	n int
}

func init() {
	for n := 2; n <= MostChoices; n++ {
		Register(choices{n: n})
	}
}

// ChoiceOf is the type of questions with n options, 2 to MostChoices: Choice up to
// GradedChoices.
func ChoiceOf(n int) Type {
	if n <= GradedChoices {
		return Choice
	}
	return choices{n: n}
}

// lastGraded is the letter of the last option that the Qwen2.5-Math grader has rules for.
const lastGraded = string(rune('A' + GradedChoices - 1))

// ForOptions judges a letter among more options than the graders of mathematics have rules for,
// or beyond these, by the letter.
func (c choice) ForOptions(letter string, n int) (Type, error) {
	switch {
	case n > GradedChoices:
		return ChoiceOf(n), nil
	case letter > lastGraded:
		return ChoiceOf(MostChoices), nil // the text does not tell of how many
	}
	return c, nil
}

// ForOptions refuses a question with more options than the type has.
func (c choices) ForOptions(_ string, n int) (Type, error) {
	if n > c.n {
		return nil, fmt.Errorf("the problem has %d choices, and answer is %s", n, c.Name())
	}
	return c, nil
}

// letter is a choice as data name it: B, (B), B.
var letter = regexp.MustCompile(`^\(?([A-Z])\)?\.?$`)

// Letter reads a choice as data name it; "" where it is none.
func Letter(reference string) string {
	if m := letter.FindStringSubmatch(strings.TrimSpace(reference)); m != nil {
		return m[1]
	}
	return ""
}

var readChoice = reading(func(reference string) (string, error) {
	l := Letter(reference)
	if l == "" {
		return "", fmt.Errorf("answer is %.60q: expected a letter", reference)
	}
	return l, nil
})

// Name implements Type.
func (c choices) Name() string { return choiceOf + strconv.Itoa(c.n) }

// Label is empty for up to GradedChoices options, which are judged as Choice.
func (c choices) Label() string {
	if c.n <= GradedChoices {
		return ""
	}
	return c.Name()
}

// Universal implements what the function Universal asks for.
func (choices) Universal() bool { return true }

// Read implements Type.
func (c choices) Read(reference string) (string, error) {
	l, err := readChoice(reference)
	if last := string(rune('A' + c.n - 1)); err == nil && l > last {
		return "", fmt.Errorf("answer is %s: expected a letter from A to %s", l, last)
	}
	return l, err
}

// Grade implements Type.
func (c choices) Grade(o Output, graders ...*grade.Grader) ([]grade.Result, error) {
	if c.n <= GradedChoices {
		return Choice.Grade(o, graders...)
	}
	found := grade.Letter(Final(o.Text), c.n)
	return alike(judged(o, found, found != "" && found == o.Reference, grade.ViaChoice), graders), nil
}

// judged is the result of a type that compares what it found in its own way.
func judged(o Output, found string, right bool, via string) grade.Result {
	r := grade.Result{Extracted: found, Pred: found, GT: o.Reference, Verdict: right, Via: via}
	switch {
	case strings.TrimSpace(o.Text) == "":
		r.Via = grade.ViaNone
	case found == "":
		r.Via = grade.ViaEmptyNo
	case !right:
		r.Via = grade.ViaNo
	}
	return r
}

// Groups implements Type.
func (c choices) Groups(predictions []string, _ *grade.Grader) []int {
	return same(predictions, func(p string) string { return p })
}
