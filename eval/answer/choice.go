package answer

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/eval/grade"
)

// Choice is a letter of a question with up to five options, which the graders of package
// grade have rules for.
var Choice = Register(mathematics{name: "choice", read: &readChoice})

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

// Options counts the options that the questions of a type have, 0 where the type does not
// say, or is of no choices.
func Options(t Type) int {
	if c, ok := t.(choices); ok {
		return c.n
	}
	return 0
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
	found := grade.Letter(o.Text, c.n)
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
