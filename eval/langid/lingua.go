//go:build !nolingua

package langid

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/pemistahl/lingua-go"
)

// Models says whether the program has lingua's models; `-tags nolingua` leaves them out.
const Models = true

// linguas are lingua's languages by our codes.
var linguas = func() map[string]lingua.Language {
	m := map[string]lingua.Language{}
	for _, l := range lingua.AllLanguages() {
		m[codeOf(l)] = l
	}
	return m
}()

func codeOf(l lingua.Language) string { return strings.ToLower(l.IsoCode639_1().String()) }

// comparison is lingua's detector of some languages. Lingua loads a language's models
// when the first text needs them, and keeps them.
type comparison struct {
	languages []lingua.Language
	trigrams  bool // of letters alone; else all of one to five for short texts
	detector  lingua.LanguageDetector
}

// compare makes a comparison of two languages or more.
func compare(codes []string, trigrams bool) *comparison {
	c := &comparison{trigrams: trigrams}
	for _, code := range codes {
		c.languages = append(c.languages, linguas[code])
	}
	builder := lingua.NewLanguageDetectorBuilder().FromLanguages(c.languages...)
	if trigrams {
		builder = builder.WithLowAccuracyMode()
	}
	c.detector = builder.Build()
	return c
}

// models names a set of n-gram models of a language, which lingua loads together.
type models struct {
	language lingua.Language
	all      bool
}

var (
	loading sync.Mutex
	loaded  = map[models]bool{}
)

// onTrigrams: lingua judges texts of so many letters by trigrams alone.
const onTrigrams = 120

// confidences yields lingua's, in each language.
func (c *comparison) confidences(text string, yield func(code string, confidence float64)) {
	for _, v := range c.values(text) {
		yield(codeOf(v.Language()), v.Value())
	}
}

// values are lingua's confidences. The first texts are judged one by one: lingua would load a
// model in each goroutine that does not find it.
func (c *comparison) values(text string) []lingua.ConfidenceValue {
	letters := utf8.RuneCountInString(strings.ReplaceAll(text, " ", ""))
	all := !c.trigrams && letters < onTrigrams
	loading.Lock()
	for _, l := range c.languages {
		if !loaded[models{l, all}] {
			defer loading.Unlock()
			values := c.detector.ComputeLanguageConfidenceValues(text)
			for _, l := range c.languages {
				loaded[models{l, all}] = true
			}
			return values
		}
	}
	loading.Unlock()
	return c.detector.ComputeLanguageConfidenceValues(text)
}
