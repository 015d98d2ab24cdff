package answer

import "github.com/stele-lm/stele/eval/grade"

// mathematics is a type whose answers the graders of package grade judge. Types differ in
// the references that they take.
type mathematics struct {
	Boxed
	name string
	read *reading
}

// reading checks and rewrites a reference. It is a pointer, so that types compare.
type reading func(reference string) (string, error)

// anything is mathematics whose references are taken as they are.
type anything struct{ mathematics }

// Math is anything that mathematics writes.
var Math = Register(anything{mathematics{name: "math"}})

// ForOptions judges a letter among more options than the graders of mathematics have rules for
// by the letter.
func (a anything) ForOptions(_ string, n int) (Type, error) {
	if n > GradedChoices {
		return ChoiceOf(n), nil
	}
	return a, nil
}

// GradeNormalized implements Comparer.
func (anything) GradeNormalized(o Output, g *grade.Grader) grade.Result {
	return grade.GradeNormalized(lookedAt(o.Text, g), o.Reference, o.DataName, g)
}

// lookedAt is the part of a text that a grader looks at: qwen at all of it, as the code does whose verdicts it gives.
func lookedAt(text string, g *grade.Grader) string {
	if g == grade.Qwen {
		return text
	}
	return Final(text)
}

// Compare implements Comparer.
func (anything) Compare(prediction, reference string, g *grade.Grader) grade.Result {
	r := grade.Result{Extracted: prediction, Pred: prediction, GT: reference}
	r.Verdict, r.Via = grade.Equal(prediction, reference, g)
	return r
}

// Name implements Type.
func (m mathematics) Name() string { return m.name }

// Label is empty: samples of mathematics name no type.
func (mathematics) Label() string { return "" }

// Universal implements what the function Universal asks for.
func (mathematics) Universal() bool { return true }

// Read implements Type.
func (m mathematics) Read(reference string) (string, error) {
	if m.read == nil {
		return reference, nil
	}
	return (*m.read)(reference)
}

// Grade implements Type.
func (m mathematics) Grade(o Output, graders ...*grade.Grader) ([]grade.Result, error) {
	results := make([]grade.Result, len(graders))
	for i, g := range graders {
		results[i] = grade.Grade(lookedAt(o.Text, g), o.Reference, o.DataName, g)
	}
	return results, nil
}

// Groups implements Type.
func (m mathematics) Groups(predictions []string, g *grade.Grader) []int {
	return grade.Groups(predictions, g)
}
