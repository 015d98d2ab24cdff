package answer

import (
	"github.com/stele-lm/stele/eval/grade"
)

// mathematics is a type whose answers the graders of package grade judge. Types differ in
// the references that they take.
type mathematics struct {
	Boxed
	name string
	read *reading
}

// reading checks and rewrites a reference. It is a pointer, so that types compare.
type reading func(reference string) (string, error)

// Math is anything that mathematics writes.
var Math = Register(mathematics{name: "math"})

// Name implements Type.
func (m mathematics) Name() string { return m.name }

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
		results[i] = grade.Grade(o.Text, o.Reference, o.DataName, g)
	}
	return results, nil
}

// Groups implements Type.
func (m mathematics) Groups(predictions []string, g *grade.Grader) []int {
	return grade.Groups(predictions, g)
}
