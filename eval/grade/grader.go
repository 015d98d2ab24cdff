package grade

import (
	"fmt"
	"slices"
	"strings"
)

// Grader gives verdicts on mathematical answers. What reads, writes or shows verdicts
// goes through Graders, so that another grader is one more value there.
type Grader struct {
	Name string // on the command line and in the files of a run
	// About says for readers of a report whose verdicts they are.
	About string
	// decide compares two answers within c's budget.
	decide func(c *comparison, prediction, reference string) (verdict bool, via string)
	// key is equal for predictions that decide finds equal by their text alone.
	key func(prediction string) string
	// revise has its say after the Qwen2.5-Math code's result; nil leaves it.
	revise func(qwen Result, output, reference, dataName string) Result
	// needsReference calls nothing right by an empty reference.
	needsReference bool
}

// Qwen gives the verdicts of the Qwen2.5-Math evaluation code.
var Qwen = &Grader{
	Name: "qwen", About: "the Qwen2.5-Math code",
	decide: func(c *comparison, prediction, reference string) (bool, string) {
		return c.equal(prediction, reference, 0)
	},
	key: func(prediction string) string { return strings.ToLower(strip(prediction)) },
}

// Strict corrects the verdicts of Qwen that a person would not share.
var Strict = &Grader{
	Name: "strict", About: "as a person would judge",
	decide: (*comparison).equalStrict,
	key: func(prediction string) string {
		if len(prediction) > maxStrict {
			return Qwen.key(prediction)
		}
		// What is in dollars and in cents is not the same.
		return currency(prediction) + compact(writeAlike(prediction))
	},
	revise:         gradeStrict,
	needsReference: true,
}

// Default is the grader where none is named.
var Default = Qwen

// Graders are all graders, in the order in which files and tables list them.
var Graders = []*Grader{Qwen, Strict}

// String returns the grader's name.
func (g *Grader) String() string { return g.Name }

// Names lists the graders' names.
func Names() []string {
	var names []string
	for _, g := range Graders {
		names = append(names, g.Name)
	}
	return names
}

// Named returns the grader of a name.
func Named(name string) (*Grader, error) {
	for _, g := range Graders {
		if g.Name == name {
			return g, nil
		}
	}
	return nil, fmt.Errorf("unknown grader %q: expected %s", name, strings.Join(Names(), " or "))
}

// Known reports whether a grader has the name.
func Known(name string) bool { return slices.Contains(Names(), name) }
