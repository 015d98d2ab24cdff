package langid

import (
	"slices"
	"strings"
	"unicode"

	"github.com/stele-lm/stele/eval/language"
)

// script is a writing system and the languages that are written in it.
type script struct {
	name  string // Unicode's
	table *unicode.RangeTable
	// letters are as many as make a word where words are not set apart by spaces;
	// 0 where they are.
	letters   float64
	languages []string // those that most texts are in first
}

// Indices of knowledge.scripts.
const (
	latin = iota
	hiragana
	katakana
	han
)

// scriptOrder are the scripts in the order in which the first wins a tie; others that a
// language has come after them.
var scriptOrder = []string{
	"Latin", "Hiragana", "Katakana", "Han", "Bopomofo", "Cyrillic", "Bengali", "Thai", "Telugu",
	"Hangul", "Arabic", "Devanagari", "Greek", "Hebrew", "Tamil", "Gujarati", "Gurmukhi", "Kannada",
	"Malayalam", "Oriya", "Sinhala", "Myanmar", "Khmer", "Lao", "Tibetan", "Georgian", "Armenian",
	"Ethiopic", "Thaana", "Mongolian", "Syriac", "Tifinagh", "Nko", "Cherokee", "Canadian_Aboriginal",
	"Ol_Chiki", "Meetei_Mayek", "Chakma", "Javanese", "Balinese", "Sundanese", "Buginese", "Cham",
	"Tai_Tham", "Yi", "Vai", "Adlam", "Coptic", "Gothic",
}

// lettersAWord counts the letters of a word in scripts that set none apart by spaces.
var lettersAWord = map[string]float64{
	"Hiragana": 2, "Katakana": 2, "Han": 2, "Bopomofo": 2, "Yi": 2,
	"Thai": 4, "Myanmar": 4, "Khmer": 4, "Lao": 4, "Tibetan": 4, "Javanese": 4, "Balinese": 4, "Tai_Tham": 4,
	"Vai": 4,
}

// scriptsOf lists the scripts with the languages of each; the last is for any other.
func scriptsOf(languages []*language.Language) []script {
	all := slices.Clone(scriptOrder)
	of := map[string][]string{}
	for _, l := range languages {
		for _, name := range l.Scripts {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
			of[name] = append(of[name], l.Code)
		}
	}
	var scripts []script
	for _, name := range all {
		scripts = append(scripts, script{name, unicode.Scripts[name], lettersAWord[name], of[name]})
	}
	return append(scripts, script{languages: []string{Undetermined}})
}

// scriptOf returns the index of a letter's script, or -1 for a mark, which goes with the
// letter before it.
func (k *knowledge) scriptOf(r rune) int {
	if r < 0x250 {
		return latin
	}
	for i, s := range k.scripts[:len(k.scripts)-1] {
		if unicode.Is(s.table, r) {
			return i
		}
	}
	if unicode.Is(unicode.M, r) {
		return -1
	}
	return len(k.scripts) - 1
}

// words counts the words of a text by script.
type words struct {
	by   []float64
	text []strings.Builder // the letters of a script, by words
	all  float64
}

// countWords counts words by script. A word in letters of two scripts counts for both
// by its letters, and to each goes what is in its letters: on mixed scripts lingua's
// verdict differs from call to call. Kana makes the Han letters beside it Japanese.
func (k *knowledge) countWords(text string) *words {
	n := len(k.scripts)
	w := &words{by: make([]float64, n), text: make([]strings.Builder, n)}
	letters := make([]float64, n)
	for word := range strings.FieldsSeq(text) {
		clear(letters)
		n, last := 0.0, latin
		for _, r := range word {
			s := k.scriptOf(r)
			if s < 0 {
				s = last
			}
			letters[s]++
			w.text[s].WriteRune(r)
			n++
			last = s
		}
		for s, m := range letters {
			if m == 0 {
				continue
			}
			if per := k.scripts[s].letters; per > 0 {
				w.by[s] += m / per
			} else {
				w.by[s] += m / n
			}
			w.text[s].WriteByte(' ')
		}
	}
	if kana := w.by[hiragana] + w.by[katakana]; kana > 0 {
		w.by[hiragana], w.by[katakana] = kana, 0
		if kana*8 >= w.by[han] {
			w.by[hiragana] += w.by[han]
			w.by[han] = 0
		}
	}
	for _, n := range w.by {
		w.all += n
	}
	return w
}

// most returns the index of the script that most words are written in, and its share of
// them; scripts before from do not count.
func (w *words) most(from int) (script int, share float64) {
	script = from
	for s := from; s < len(w.by); s++ {
		if w.by[s] > w.by[script] {
			script = s
		}
	}
	return script, w.by[script] / w.all
}
