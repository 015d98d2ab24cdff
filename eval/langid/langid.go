// Package langid says which of the study's eleven languages a text is in.
//
// Invariants: what is judged is prose (see Clean); the same text always gets the
// same verdict; reward and metric ask the same detector.
package langid

import (
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/pemistahl/lingua-go"
)

// Languages are the languages of the study, in the paper's order.
var Languages = []string{"en", "es", "ru", "de", "fr", "bn", "th", "sw", "zh", "ja", "te"}

// None is the verdict on a text without letters.
const None = "none"

// codeOf maps lingua's languages to our codes.
var codeOf = map[lingua.Language]string{
	lingua.English: "en", lingua.Spanish: "es", lingua.Russian: "ru", lingua.German: "de", lingua.French: "fr",
	lingua.Bengali: "bn", lingua.Thai: "th", lingua.Swahili: "sw", lingua.Chinese: "zh", lingua.Japanese: "ja", lingua.Telugu: "te",
}

// latinLanguages and hanLanguages share a script.
var (
	latinLanguages = []string{"en", "es", "de", "fr", "sw"}
	hanLanguages   = []string{"zh", "ja"}
)

// A verdict among the languages of the Latin script is sure from longLatin letters
// on, or with a confidence of sureLatin. On the first 20 and 50 characters of MGSM,
// AIME and GPQA questions, 8 % of verdicts on fewer than 20 letters are wrong, and
// 1 in 1,000 of those with this confidence; from 30 letters on it is 1 %.
// A Japanese text of longHan letters has kana in it.
const (
	longLatin = 50
	sureLatin = 0.8
	longHan   = 12
)

// A Latin text is judged in windows of windowWords words, or of more, so that there
// are no more than maxWindows. Of 1,000 English questions of MGSM behind "I will think
// in …" in another language, 6 are taken for that language, and 209 by lingua alone;
// windows of 6 or 12 words do worse.
const (
	windowWords = 8
	maxWindows  = 32
	// fewWords are the words of a window where the text has less than two of those, and
	// three of these. Of 483 such texts of 10 to 15 words with words of two languages,
	// cut from MGSM, the language with more words is found for 432, and for 402 without.
	fewWords = 3
)

// shared is lingua's detector, built once: its models take a second to load.
var shared = sync.OnceValue(func() lingua.LanguageDetector {
	languages := slices.Sorted(maps.Keys(codeOf))
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
	v := identify(text)
	return v.lang, v.of[v.lang]
}

// Judge is Detect for a text that ought to be in the language want. A text that is
// too short to tell the languages of its script apart, such as "ok", is taken for
// want if want is written in that script.
func (d *Detector) Judge(text, want string) (lang string, confidence float64) {
	v := identify(text)
	if slices.Contains(v.among, want) {
		return want, v.of[want]
	}
	return v.lang, v.of[v.lang]
}

// OffTarget reports whether the reasoning of an output (see Split) is in another
// language than the one wanted, and in which. A reasoning without letters, such as
// a bare number, is off target: it does not speak the language.
func (d *Detector) OffTarget(output, want string) (off bool, lang string) {
	reasoning, _ := Split(output)
	lang, _ = d.Judge(reasoning, want)
	return lang != want, lang
}

// identified is what a text is known to be.
type identified struct {
	lang  string
	of    map[string]float64 // confidences
	among []string           // languages it may be as well; nil when the verdict is sure
}

func identify(text string) identified {
	clean := Clean(text)
	if clean == "" {
		return identified{lang: None}
	}
	w := countWords(clean)
	script, share := w.most()
	if script != "" {
		v := identified{lang: script, of: map[string]float64{script: round(share)}}
		if script == "zh" && countLetters(clean) < longHan {
			v.of["ja"], v.among = v.of["zh"], hanLanguages
		}
		return v
	}
	v := latin(w.latin)
	if second, share := w.mostForeign(); share >= 0.25 && v.of[v.lang] < 0.5 {
		// Latin words of no language, beside words of another script: names and
		// formulas, as in chemistry.
		return identified{lang: second, of: map[string]float64{second: round(share)}}
	}
	if v.of[v.lang] < sureLatin && countLetters(w.latin) < longLatin {
		v.among = latinLanguages
	}
	return v
}

// latin tells the languages of the Latin script apart, window by window of the text;
// the language that most words are in has the largest mean confidence. Lingua on its
// own multiplies the probabilities of letter sequences, so that a few words whose
// sequences are rare elsewhere ("werde ich anfangen") would outweigh a long text in
// another language.
func latin(text string) identified {
	words := strings.Fields(text)
	v := byWindows(words, min(max(1, len(words)/windowWords), maxWindows))
	if len(words) < 2*windowWords && len(words) >= 3*fewWords {
		// One window alone, where two languages may share a sentence: a few words at a
		// time say which has more, and nothing of how sure it is where both agree.
		if few := byWindows(words, len(words)/fewWords); few.lang != v.lang {
			return few
		}
	}
	return v
}

// byWindows is the language with the largest mean confidence over a text's windows.
func byWindows(words []string, windows int) identified {
	of := map[string]float64{}
	for i := range windows {
		from, to := i*len(words)/windows, (i+1)*len(words)/windows
		for _, c := range shared().ComputeLanguageConfidenceValues(strings.Join(words[from:to], " ")) {
			of[codeOf[c.Language()]] += c.Value() * float64(to-from) / float64(len(words))
		}
	}
	v := identified{lang: "en", of: of}
	for code := range of {
		of[code] = round(of[code])
	}
	for _, code := range Languages {
		// Ties go to the first in the order of Languages; lingua's last digits differ
		// from call to call.
		if of[code] > of[v.lang] {
			v.lang = code
		}
	}
	return v
}

func round(x float64) float64 { return math.Round(x*1e4) / 1e4 }

func countLetters(text string) int {
	n := 0
	for _, r := range text {
		if unicode.IsLetter(r) {
			n++
		}
	}
	return n
}

// scripts are those that tell one of the languages apart.
var scripts = []struct {
	lang  string
	table *unicode.RangeTable
}{
	{"bn", unicode.Bengali}, {"th", unicode.Thai}, {"te", unicode.Telugu}, {"ru", unicode.Cyrillic},
	{"ja", unicode.Hiragana}, {"ja", unicode.Katakana}, {"zh", unicode.Han},
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

// words counts the words of a text by script.
type words struct {
	by    map[string]float64 // by the language that alone has the script; "" is Latin
	latin string             // the words that have letters of no such script
}

// countWords counts words by script. Han, kana and Thai are written without
// spaces: two, two and four letters count as a word. Kana makes the Han letters
// beside it Japanese.
func countWords(text string) words {
	by := map[string]float64{}
	var latin strings.Builder
	for _, word := range strings.Fields(text) {
		letters := map[string]float64{}
		n := 0.0
		for _, r := range word {
			letters[scriptOf(r)]++
			n++
		}
		for script, k := range letters {
			switch script {
			case "zh", "ja":
				by[script] += k / 2
			case "th":
				by[script] += k / 4
			default:
				by[script] += k / n
			}
		}
		if letters[""] > 0 {
			latin.WriteString(word)
			latin.WriteByte(' ')
		}
	}
	if kana := by["ja"]; kana > 0 && kana*8 >= by["zh"] {
		by["ja"] += by["zh"]
		by["zh"] = 0
	}
	return words{by, latin.String()}
}

// most returns the script that most words are written in and its share of them.
func (w words) most() (script string, share float64) {
	foreign, share := w.mostForeign()
	if latin := w.by[""] / w.all(); foreign == "" || latin >= share {
		return "", latin
	}
	return foreign, share
}

// mostForeign is most without Latin.
func (w words) mostForeign() (script string, share float64) {
	for _, code := range Languages {
		if w.by[code] > w.by[script] || script == "" && w.by[code] > 0 {
			script = code
		}
	}
	if script == "" {
		return "", 0
	}
	return script, w.by[script] / w.all()
}

func (w words) all() float64 {
	all := w.by[""]
	for _, code := range Languages {
		all += w.by[code]
	}
	return all
}
