package langid

import (
	"slices"

	"github.com/stele-lm/stele/eval/language"
)

// Verdicts on texts whose language is not named.
const (
	// None: no words are left when mathematics, code, digits and symbols are gone.
	None = "none"
	// Undetermined: there are letters, but of a script or in an order that no known
	// language has. It is BCP 47's code for that.
	Undetermined = "und"
)

// Name returns the English name of a verdict: a language's, or its code where t does not
// know it.
func Name(code string, t *language.Table) string {
	switch code {
	case None:
		return "no words"
	case Undetermined:
		return "undetermined"
	}
	if l := t.Lookup(code); l != nil {
		return l.Name
	}
	return code
}

// Codes returns the codes of all languages that verdicts name, sorted.
func Codes(t *language.Table) []string { return slices.Sorted(slices.Values(t.All())) }
