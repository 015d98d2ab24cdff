// Package langid says which of the study's eleven languages a text is in.
//
// Invariants: what is judged is prose (see Clean); the same text always gets the
// same verdict; reward and metric ask the same detector.
package langid

import (
	"sync"
	"unicode"

	"github.com/pemistahl/lingua-go"
)

// Languages are the languages of the study, in the paper's order.
var Languages = []string{"en", "es", "ru", "de", "fr", "bn", "th", "sw", "zh", "ja", "te"}

// None is the verdict on a text without letters.
const None = "none"

// byCode maps our codes to lingua's languages.
var byCode = map[string]lingua.Language{
	"en": lingua.English, "es": lingua.Spanish, "ru": lingua.Russian, "de": lingua.German, "fr": lingua.French,
	"bn": lingua.Bengali, "th": lingua.Thai, "sw": lingua.Swahili, "zh": lingua.Chinese, "ja": lingua.Japanese, "te": lingua.Telugu,
}

// shared is lingua's detector, built once: its models take a second to load.
var shared = sync.OnceValue(func() lingua.LanguageDetector {
	var languages []lingua.Language
	for _, code := range Languages {
		languages = append(languages, byCode[code])
	}
	return lingua.NewLanguageDetectorBuilder().FromLanguages(languages...).WithPreloadedLanguageModels().Build()
})

// Detector detects languages. It is safe for concurrent use.
type Detector struct{}

// New makes a detector; the models are loaded when the first text needs them.
func New() *Detector { return &Detector{} }

// Detect returns the language of a text and lingua's confidence in it, from 0 to
// 1. A script that only one of the languages is written in decides alone; so it
// does for texts too short for statistics. None means that no letters are left.
func (d *Detector) Detect(text string) (lang string, confidence float64) {
	clean := Clean(text)
	if clean == "" {
		return None, 0
	}
	if lang := byScript(clean); lang != "" {
		return lang, 1
	}
	best, second := None, 0.0
	for i, v := range shared().ComputeLanguageConfidenceValues(clean) {
		if i == 0 {
			confidence = v.Value()
			for code, language := range byCode {
				if language == v.Language() {
					best = code
				}
			}
		} else if i == 1 {
			second = v.Value()
		}
	}
	if best == None || confidence == 0 || confidence == second {
		return dominant(clean), 0
	}
	return best, confidence
}

// OffTarget reports whether a text is in another language than the one wanted,
// and in which. A text without letters, such as a bare number, is off target: it
// does not speak the language.
func (d *Detector) OffTarget(text, want string) (off bool, lang string) {
	lang, _ = d.Detect(text)
	return lang != want, lang
}

// scripts are those that tell one of the languages apart.
var scripts = []struct {
	lang  string
	table *unicode.RangeTable
}{
	{"bn", unicode.Bengali}, {"th", unicode.Thai}, {"te", unicode.Telugu}, {"ru", unicode.Cyrillic},
	{"ja", unicode.Hiragana}, {"ja", unicode.Katakana}, {"zh", unicode.Han},
}

// shares counts a text's letters by language of script; "" are the Latin ones.
// Kana makes the Han letters beside it Japanese.
func shares(text string) (count map[string]int, letters int) {
	count = map[string]int{}
	for _, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) {
			continue
		}
		letters++
		lang := ""
		for _, s := range scripts {
			if unicode.Is(s.table, r) {
				lang = s.lang
				break
			}
		}
		count[lang]++
	}
	if kana := count["ja"]; kana*8 >= count["zh"] && kana > 0 {
		count["ja"] += count["zh"]
		count["zh"] = 0
	}
	return count, letters
}

// byScript returns the language that nearly all letters' script belongs to.
func byScript(text string) string {
	count, letters := shares(text)
	for lang, n := range count {
		if lang != "" && n*10 >= letters*9 {
			return lang
		}
	}
	return ""
}

// dominant returns the language of the most frequent script, English for Latin.
func dominant(text string) string {
	count, _ := shares(text)
	best := "en"
	most := count[""]
	for _, lang := range Languages {
		if count[lang] > most {
			best, most = lang, count[lang]
		}
	}
	return best
}
