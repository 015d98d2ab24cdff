package report

import (
	"slices"

	"github.com/stele-lm/stele/eval/langid"
	"github.com/stele-lm/stele/eval/language"
)

// native is a language's own name for itself, or its code.
func native(code string) string {
	if l := language.Builtin().Exact(code); l != nil && l.Native != "" {
		return l.Native
	}
	return code
}

// called is how a tip or a sentence calls a language: by its own name where it is one of
// the paper's, else by its English name, or its code where it is not known.
func called(code string) string {
	if languageCode(code) != "" {
		return native(code)
	}
	return langid.Name(code, language.Builtin())
}

// inOrder sorts languages as the paper does, others after them by code.
func inOrder(codes []string) []string {
	t := language.Builtin()
	sorted := slices.Clone(codes)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	slices.SortStableFunc(sorted, func(a, b string) int { return t.Rank(a) - t.Rank(b) })
	return sorted
}

// languageCode is a code that is that of a language of the paper, else empty.
func languageCode(code string) string {
	if language.Builtin().Ranked(code) {
		return code
	}
	return ""
}

func nativeNames() []string {
	var names []string
	for _, code := range language.Study() {
		names = append(names, native(code))
	}
	return names
}
