// Package answer holds the types of answers that benchmarks have: math, integer, number,
// choice, choice of a known number of options, text, and a user's own, which a program
// judges. A type says how a reference is read from the data, how it is asked for, how the
// final answer is found in a model's text, whether it is right, and which answers are the
// same; a registry's `answer:` names it, and everything from the prompt to the report
// follows. A file and a call of Register add one.
package answer

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/internal/nearest"
)

// Type describes the answers of a benchmark. Its methods may be called from several
// goroutines.
type Type interface {
	// Name returns the name in a registry's `answer:` and in samples.
	Name() string
	// Read checks a reference as the data have it and writes it the way Grade wants it.
	Read(reference string) (string, error)
	// Instruction says, in a language, how to think and answer, in place of a template's
	// words. "" leaves these, which ask for \boxed{}.
	Instruction(language string) string
	// Grade finds the final answer in a model's text, after its reasoning (see Final), and judges it: a result for
	// each grader, in their order.
	Grade(o Output, graders ...*grade.Grader) ([]grade.Result, error)
	// Groups tells which of a question's predictions, Result.Pred, are the same answer, as
	// grade.Groups does. maj@n counts votes by it.
	Groups(predictions []string, g *grade.Grader) []int
	// WellFormed reports whether a text gives its answer as it was asked to; with think,
	// after reasoning in <think>…</think>. The format reward is this.
	WellFormed(output string, think bool) bool
}

// Output is a model's text with what it answers.
type Output struct {
	ID        string // of the question
	Sample    int
	Language  string // that was asked for
	Prompt    string
	Text      string
	Reference string // as Type.Read wrote it
	DataName  string // the benchmark's name in the Qwen2.5-Math grader, which has rules for some
}

// closesThought are the tags with which models end their reasoning.
var closesThought = regexp.MustCompile(`</(?:think|thinking|thought|reasoning)>`)

// Final returns the part of a model's text in which its answer is looked for: what comes after the last tag that
// closes reasoning, as in <think>…</think>, which is nothing where it ends there; without such a tag all of it.
func Final(text string) string {
	if tags := closesThought.FindAllStringIndex(text, -1); tags != nil {
		return text[tags[len(tags)-1][1]:]
	}
	return text
}

// types are all types by name.
var types = map[string]Type{}

// Register adds a type. It is called before benchmarks are read, by an init function or
// a variable's initialiser; a name that is there already panics.
func Register(t Type) Type {
	if _, there := types[t.Name()]; there {
		panic("answer: type " + t.Name() + " is registered twice")
	}
	types[t.Name()] = t
	return t
}

// Names lists the registered types, "choice of N" once.
func Names() []string {
	names := slices.Sorted(maps.Keys(types))
	return append(slices.DeleteFunc(names,
		func(name string) bool { return strings.HasPrefix(name, choiceOf) }), choiceOf+"N")
}

// Named returns the registered type of a name. "" is Math.
func Named(name string) (Type, error) {
	if t, ok := types[name]; ok {
		return t, nil
	}
	if name == "" {
		return Math, nil
	}
	return nil, fmt.Errorf("answer is %q: expected %s, or {command: [program, arguments]}%s",
		name, strings.Join(Names(), ", "), nearest.Hint(name, Names()))
}

// Known reports whether a type has the name.
func Known(name string) bool { return types[name] != nil }

// Check finds what a type needs to grade, such as a program, and starts nothing.
func Check(t Type) error {
	if c, ok := t.(interface{ Check() error }); ok {
		return c.Check()
	}
	return nil
}

// Open starts what a type needs to grade, such as a program; Grade does so itself where
// it was not called.
func Open(t Type) error {
	if o, ok := t.(interface{ Open() error }); ok {
		return o.Open()
	}
	return nil
}

// Close ends what Open or Grade started.
func Close(t Type) error {
	if c, ok := t.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// ForOptions returns the type for a question whose reference is a letter and whose text has n
// options, 0 where none are known: what the type's own method ForOptions says, else the type itself.
func ForOptions(t Type, letter string, n int) (Type, error) {
	if o, ok := t.(interface {
		ForOptions(letter string, n int) (Type, error)
	}); ok {
		return o.ForOptions(letter, n)
	}
	return t, nil
}

// Label returns the name of a type in samples: its own method Label's, else Name; "" for all that
// are judged as mathematics.
func Label(t Type) string {
	if t == nil {
		return ""
	}
	if l, ok := t.(interface{ Label() string }); ok {
		return l.Label()
	}
	return t.Name()
}

// Universal reports whether answers of the type of a Label are the same text in every language,
// as numbers and letters are: those of types whose method Universal says so.
func Universal(label string) bool {
	t, err := Labelled(label, nil)
	u, ok := t.(interface{ Universal() bool })
	return err == nil && ok && u.Universal()
}

// Comparer is a type that can grade without a reference as the data have it.
type Comparer interface {
	Type
	// GradeNormalized is Grade where the output's reference is a Result.GT.
	GradeNormalized(o Output, g *grade.Grader) grade.Result
	// Compare judges a prediction as it is.
	Compare(prediction, reference string, g *grade.Grader) grade.Result
}

// Labelled returns the type of a Label. own is the benchmark's type where it is not
// registered, or nil.
func Labelled(label string, own Type) (Type, error) {
	if own != nil && label == own.Name() {
		return own, nil
	}
	if label == commandName {
		return nil, fmt.Errorf("answers are judged by a command, and none is named")
	}
	return Named(label)
}

// Groups tells which predictions on a question are the same answer, by the type of a Label; where
// this program has no such type, by their texts.
func Groups(label string, own Type, predictions []string, g *grade.Grader) []int {
	of, err := Labelled(label, own)
	if err != nil {
		of = Text
	}
	return of.Groups(predictions, g)
}

// same groups predictions that have the same key.
func same(predictions []string, key func(string) string) []int {
	groups := make([]int, len(predictions))
	first := map[string]int{}
	for i, p := range predictions {
		k := key(p)
		if _, known := first[k]; !known {
			first[k] = i
		}
		groups[i] = first[k]
	}
	return groups
}

// alike gives the same result for each grader.
func alike(r grade.Result, graders []*grade.Grader) []grade.Result {
	return slices.Repeat([]grade.Result{r}, len(graders))
}
