package report

import (
	"slices"

	"github.com/stele-lm/stele/eval/langid"
)

// tongue is how a language is called.
type tongue struct{ code, english, native string }

// tongues are the languages of the paper in its order.
var tongues = []tongue{
	{"en", "English", "English"}, {"es", "Spanish", "español"}, {"ru", "Russian", "русский"},
	{"de", "German", "Deutsch"}, {"fr", "French", "français"}, {"bn", "Bengali", "বাংলা"},
	{"th", "Thai", "ไทย"}, {"sw", "Swahili", "Kiswahili"}, {"zh", "Chinese", "中文"},
	{"ja", "Japanese", "日本語"}, {"te", "Telugu", "తెలుగు"},
}

// native is a language's own name for itself, or its code.
func native(code string) string {
	for _, t := range tongues {
		if t.code == code {
			return t.native
		}
	}
	return code
}

// called is how a tip or a sentence calls a language: by its own name where it is one of
// the paper's, else by its English name, or its code where it is not known.
func called(code string) string {
	if languageCode(code) != "" {
		return native(code)
	}
	return langid.Name(code)
}

// inOrder sorts languages as the paper does, others after them by code.
func inOrder(codes []string) []string {
	rank := func(code string) int {
		if i := slices.IndexFunc(tongues, func(t tongue) bool { return t.code == code }); i >= 0 {
			return i
		}
		return len(tongues)
	}
	sorted := slices.Clone(codes)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	slices.SortStableFunc(sorted, func(a, b string) int { return rank(a) - rank(b) })
	return sorted
}

// languageCode is a code that is that of a language of the paper, else empty.
func languageCode(code string) string {
	if slices.ContainsFunc(tongues, func(t tongue) bool { return t.code == code }) {
		return code
	}
	return ""
}

func nativeNames() []string {
	var names []string
	for _, t := range tongues {
		names = append(names, t.native)
	}
	return names
}
