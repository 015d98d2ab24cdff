package report

import (
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval/langid"
	"github.com/stele-lm/stele/eval/language"
)

// knownLanguages name and order languages: the study's, and those that the users of the runs described.
// The zero value has the built-in ones.
type knownLanguages struct{ table *language.Table }

// knownLanguagesOf returns the languages of some evaluations. Where two describe one in two ways, the
// later one's holds.
func knownLanguagesOf(evaluations ...evaluation) knownLanguages {
	t := language.Builtin()
	for _, e := range evaluations {
		t = t.With(e.results.Settings.OwnLanguages)
	}
	return knownLanguages{t}
}

func (t knownLanguages) known() *language.Table {
	if t.table == nil {
		return language.Builtin()
	}
	return t.table
}

// named returns the description of a language that is ranked and has a name of its own.
func (t knownLanguages) named(code string) *language.Language {
	if l := t.known().Exact(code); l != nil && l.Native != "" && t.known().Ranked(code) {
		return l
	}
	return nil
}

// native returns a language's own name for itself where it is the study's or a user's, else its English name, or
// its code where it is not known.
func (t knownLanguages) native(code string) string {
	if l := t.named(code); l != nil {
		return l.Native
	}
	return langid.Name(code, t.known())
}

// called names a language in a tip or a sentence: by its own name where it is the study's
// or a user's, else in English, or by its code where it is not known. A name that is
// written from right to left is set apart from the text around it.
func (t knownLanguages) called(code string) string {
	l := t.named(code)
	switch {
	case l == nil:
		return langid.Name(code, t.known())
	case l.RightToLeft():
		return isolate + l.Native + endIsolate
	}
	return l.Native
}

// Unicode's marks around text that runs from right to left.
const isolate, endIsolate = "\u2067", "\u2069"

// code returns the code of a language that is the study's or a user's, else nothing.
func (t knownLanguages) code(code string) string {
	if t.known().Ranked(code) {
		return code
	}
	return ""
}

// direction returns rtl for a language written from right to left, else nothing.
func (t knownLanguages) direction(code string) string {
	if l := t.named(code); l != nil && l.RightToLeft() {
		return "rtl"
	}
	return ""
}

// inOrder sorts languages: the study's as the paper does, the users' as their files do,
// others after them by code.
func (t knownLanguages) inOrder(codes []string) []string {
	sorted := slices.Clone(codes)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	slices.SortStableFunc(sorted, func(a, b string) int { return t.known().Rank(a) - t.known().Rank(b) })
	return sorted
}

// names returns the native names of the study's languages and the users'.
func (t knownLanguages) names() []string {
	var names []string
	for _, code := range t.known().All() {
		if l := t.named(code); l != nil {
			names = append(names, l.Native)
		}
	}
	return names
}

// fonts are those for the names of languages, as a style, and with latin set for other names too.
func (t knownLanguages) fonts(latin bool) string {
	return fontCSS(latin, t.names()...) + ownFontCSS(t.known().Own())
}

// Heading is a table's heading as the page shows it.
type heading struct{ Text, Code, Native, Direction string }

// heading adds a language's native name to its code, which may have a star.
func (t knownLanguages) heading(text string) heading {
	h := heading{Text: text, Code: strings.TrimSuffix(text, "*")}
	if l := t.named(h.Code); l != nil && l.Native != h.Code {
		h.Native, h.Direction = l.Native, t.direction(h.Code)
	}
	return h
}
