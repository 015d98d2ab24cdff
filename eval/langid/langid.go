// Package langid says which language a text is in.
//
// Invariants: what is judged is prose (see Clean); the same text always gets the
// same verdict; reward and metric ask the same detector.
package langid

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/stele-lm/stele/eval/language"
)

// A Japanese text of longHan letters has kana in it.
const longHan = 12

// grain is the smallest confidence in a language that is named.
const grain = 1e-4

// Detector detects languages. It is safe for concurrent use.
type Detector struct {
	*knowledge
	among []string // candidates; nil for all
}

// New makes a detector of all languages that are built in; models are loaded when the
// first text needs them.
func New() *Detector { return &Detector{knowledge: builtin()} }

// Among makes a detector that chooses among some languages where a script is shared:
// with en, es and de a Portuguese text counts as one of those, most likely Spanish. A
// text in a script that none of them has is named all the same. No codes, or "all",
// are all languages of t, "study" is the study's. It fails on a code that t does not know.
func Among(codes []string, t *language.Table) (*Detector, error) {
	d := &Detector{knowledge: knowledgeOf(t)}
	for _, code := range codes {
		switch {
		case code == "all" && len(codes) == 1:
			return d, nil
		case code == "study":
			d.among = append(d.among, language.Study()...)
		case t.Lookup(code) == nil:
			return nil, fmt.Errorf("language %q is not known: expected all, study, or codes among %s",
				code, strings.Join(Codes(t), ", "))
		default:
			d.among = append(d.among, t.Code(code))
		}
	}
	return d, nil
}

// Languages returns the table of the languages that are told apart.
func (d *Detector) Languages() *language.Table { return d.table }

// of returns the languages of a script that may be named, and whether these are all.
func (d *Detector) of(s script) (languages []string, all bool) {
	for _, code := range s.languages {
		if slices.Contains(d.among, code) {
			languages = append(languages, code)
		}
	}
	if languages == nil {
		return s.languages, true
	}
	return languages, false
}

// Detect returns the language of a text and the confidence in it, from 0 to 1, to
// four decimals: the share of words in its script, or, where lingua tells languages
// apart, lingua's. The script that most words are written in decides first. (On mixed
// scripts lingua itself is not deterministic.) The confidence is 0 where no language
// is named: None means that no words are left, Undetermined that they are of no known
// language.
func (d *Detector) Detect(text string) (lang string, confidence float64) {
	v := d.identify(text)
	return v.lang, v.of[v.lang]
}

// Judge does as Detect for a text that ought to be in the language want. A text that is
// too short to tell the languages of its script apart, such as "ok", is taken for
// want if want is written in that script.
func (d *Detector) Judge(text, want string) (lang string, confidence float64) {
	v := d.identify(text)
	if code := d.table.Code(want); v.lang == code || slices.Contains(v.among, code) {
		return want, max(v.of[code], grain)
	}
	return v.lang, v.of[v.lang]
}

// OffTarget reports whether the reasoning of an output (see Split) is in another
// language than the one wanted, and in which. A reasoning without words, such as
// a bare number, is off target, and so is one of no known language: it does not speak
// the language.
func (d *Detector) OffTarget(output, want string) (off bool, lang string) {
	reasoning, _ := Split(output)
	lang, _ = d.Judge(reasoning, want)
	return lang != want, lang
}

// identified is a verdict with the confidences that it rests on.
type identified struct {
	lang  string
	of    map[string]float64 // confidences
	among []string           // languages it may be as well; nil when the verdict is sure
}

func (d *Detector) identify(text string) identified { return d.identifyProse(Clean(text)) }

// identifyProse is identify for a text that Clean has nothing to take out of.
func (d *Detector) identifyProse(clean string) identified {
	if clean == "" {
		return identified{lang: None}
	}
	w := d.countWords(clean)
	script, share := w.most(latin)
	if script != latin {
		return d.byScript(w, script, share)
	}
	named, all := d.of(d.scripts[latin])
	preferred := d.preferred
	if !all {
		preferred = slices.DeleteFunc(slices.Clone(named),
			func(code string) bool { return slices.Contains(d.byWords, code) })
	}
	letters := countLetters(w.text[latin].String())
	v := identified{lang: named[0], of: map[string]float64{named[0]: grain}} // lingua knows no candidate
	if len(preferred) > 0 {
		v = d.latinAmong(w.text[latin].String(), preferred, all)
	}
	if d.tellByWords(&v, w.text[latin].String(), named) {
		return v
	}
	if second, share := w.most(latin + 1); share >= 0.25 &&
		(v.of[v.lang] < 0.5 || !slices.Contains(preferred, v.lang)) {
		// Latin words of no language, or of a far one, beside words of another script:
		// names and formulas, as in chemistry.
		return d.byScript(w, second, share)
	}
	if all && letters >= longLatin && v.of[v.lang] < unlikely {
		return identified{lang: Undetermined}
	}
	if v.of[v.lang] < sureLatin && letters < longLatin {
		v.among = slices.DeleteFunc(slices.Concat(d.latin, d.byWords), func(code string) bool {
			return letters >= shortLatin && v.of[code] < maybe*v.of[v.lang]
		})
	}
	return v
}

// byScript returns the language of a text most of which is in a script other than Latin.
func (d *Detector) byScript(w *words, script int, share float64) identified {
	text := w.text[script].String()
	of, _ := d.of(d.scripts[script])
	v := identified{}
	v.lang, v.among = d.byLetters(text, of)
	if v.lang == Undetermined {
		return v
	}
	if v.among != nil {
		share /= 2
	}
	v.of = map[string]float64{v.lang: max(RoundConfidence(share), grain)}
	if script == han && countLetters(text) < longHan {
		v.of["ja"], v.among = v.of["zh"], []string{"zh", "ja"}
	}
	return v
}

// RoundConfidence drops the digits in which a detector that sums in no fixed order, as lingua
// does, differs from itself.
func RoundConfidence(x float64) float64 { return math.Round(x*1e4) / 1e4 }

func countLetters(text string) int {
	n := 0
	for _, r := range text {
		if unicode.IsLetter(r) {
			n++
		}
	}
	return n
}
