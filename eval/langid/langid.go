// Package langid says which of the study's eleven languages a text is in.
//
// Invariants: what is judged is prose (see Clean); the same text always gets the
// same verdict; reward and metric ask the same detector.
package langid

import (
	"math"
	"strings"
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
// 1, to four decimals. The script that most words are written in decides first: of
// the languages only the Latin ones share theirs, and lingua tells those apart. (On
// mixed scripts lingua itself is not deterministic.) None means that no letters are
// left.
func (d *Detector) Detect(text string) (lang string, confidence float64) {
	clean := Clean(text)
	if clean == "" {
		return None, 0
	}
	lang, latin, share := dominant(clean)
	if lang != "" {
		return lang, round(share)
	}
	of := map[lingua.Language]float64{}
	for _, v := range shared().ComputeLanguageConfidenceValues(latin) {
		of[v.Language()] = round(v.Value())
	}
	best := "en"
	for _, code := range Languages {
		// Ties go to the first in the order of Languages; lingua's last digits differ
		// from call to call.
		if c := of[byCode[code]]; c > confidence {
			best, confidence = code, c
		}
	}
	return best, confidence
}

func round(x float64) float64 { return math.Round(x*1e4) / 1e4 }

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

// dominant returns the language whose script most words are written in, and its
// share of the words; it is "" when that script is Latin, and latin are then the
// words to tell the language by. Han, kana and Thai are written without spaces:
// two, two and four letters count as a word. Kana makes the Han letters beside it
// Japanese.
func dominant(text string) (lang, latin string, share float64) {
	words := map[string]float64{}
	var b strings.Builder
	for _, word := range strings.Fields(text) {
		letters := map[string]float64{}
		for _, r := range word {
			letters[scriptOf(r)]++
		}
		for script, n := range letters {
			switch script {
			case "zh", "ja":
				words[script] += n / 2
			case "th":
				words[script] += n / 4
			default:
				words[script] += n / float64(len([]rune(word)))
			}
		}
		if letters[""] > 0 {
			b.WriteString(word)
			b.WriteByte(' ')
		}
	}
	if kana := words["ja"]; kana > 0 && kana*8 >= words["zh"] {
		words["ja"] += words["zh"]
		words["zh"] = 0
	}
	most, all := words[""], words[""]
	for _, code := range Languages {
		all += words[code]
		if words[code] > most {
			lang, most = code, words[code]
		}
	}
	return lang, b.String(), most / all
}

// scriptOf is the language that alone is written in a letter's script, or "".
func scriptOf(r rune) string {
	for _, s := range scripts {
		if unicode.Is(s.table, r) {
			return s.lang
		}
	}
	return ""
}
