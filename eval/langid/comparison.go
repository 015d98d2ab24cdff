package langid

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/pemistahl/lingua-go"
)

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

// confidences returns lingua's, in each language. The first texts are judged one by one:
// lingua would load a model in each goroutine that does not find it.
func (c *comparison) confidences(text string) []lingua.ConfidenceValue {
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

// byWindows returns the mean confidence in each language over a text's windows. Lingua on
// its own multiplies the probabilities of letter sequences, so that a few words whose
// sequences are rare elsewhere ("werde ich anfangen") would outweigh a long text in
// another language.
func (c *comparison) byWindows(words []string, windows int) map[string]float64 {
	of := map[string]float64{}
	for i := range windows {
		from, to := i*len(words)/windows, (i+1)*len(words)/windows
		for _, v := range c.confidences(strings.Join(words[from:to], " ")) {
			of[codeOf(v.Language())] += v.Value() * float64(to-from) / float64(len(words))
		}
	}
	for code := range of {
		of[code] = RoundConfidence(of[code])
	}
	return of
}
