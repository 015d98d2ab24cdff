package langid

import (
	"strings"
	"unicode"
)

// script is a writing system and the languages that are written in it.
type script struct {
	table *unicode.RangeTable
	// letters are as many as make a word where words are not set apart by spaces;
	// 0 where they are.
	letters   float64
	languages []string // those that most texts are in first
}

// latin, han and kana are places in scripts.
const (
	latin = iota
	hiragana
	katakana
	han
)

// scripts in the order in which the first wins a tie.
var scripts = []script{
	latin:    {unicode.Latin, 0, latinLanguages},
	hiragana: {unicode.Hiragana, 2, []string{"ja"}},
	katakana: {unicode.Katakana, 2, []string{"ja"}},
	han:      {unicode.Han, 2, []string{"zh"}},
	{unicode.Bopomofo, 2, []string{"zh"}},
	{unicode.Cyrillic, 0, []string{"ru", "uk", "be", "bg", "sr", "mk", "mn", "ky", "tt", "ba", "kk", "tg", "uz"}},
	{unicode.Bengali, 0, []string{"bn", "as"}},
	{unicode.Thai, 4, []string{"th"}},
	{unicode.Telugu, 0, []string{"te"}},
	{unicode.Hangul, 0, []string{"ko"}},
	{unicode.Arabic, 0, []string{"ar", "fa", "ur", "ps", "ckb", "ug", "sd"}},
	{unicode.Devanagari, 0, []string{"hi", "mr", "ne"}},
	{unicode.Greek, 0, []string{"el"}},
	{unicode.Hebrew, 0, []string{"he", "yi"}},
	{unicode.Tamil, 0, []string{"ta"}},
	{unicode.Gujarati, 0, []string{"gu"}},
	{unicode.Gurmukhi, 0, []string{"pa"}},
	{unicode.Kannada, 0, []string{"kn"}},
	{unicode.Malayalam, 0, []string{"ml"}},
	{unicode.Oriya, 0, []string{"or"}},
	{unicode.Sinhala, 0, []string{"si"}},
	{unicode.Myanmar, 4, []string{"my"}},
	{unicode.Khmer, 4, []string{"km"}},
	{unicode.Lao, 4, []string{"lo"}},
	{unicode.Tibetan, 4, []string{"bo"}},
	{unicode.Georgian, 0, []string{"ka"}},
	{unicode.Armenian, 0, []string{"hy"}},
	{unicode.Ethiopic, 0, []string{"am", "ti"}},
	{unicode.Thaana, 0, []string{"dv"}},
	{unicode.Mongolian, 0, []string{"mn"}},
	{unicode.Syriac, 0, []string{"syr"}},
	{unicode.Tifinagh, 0, []string{"zgh"}},
	{unicode.Nko, 0, []string{"nqo"}},
	{unicode.Cherokee, 0, []string{"chr"}},
	{unicode.Canadian_Aboriginal, 0, []string{"iu"}},
	{unicode.Ol_Chiki, 0, []string{"sat"}},
	{unicode.Meetei_Mayek, 0, []string{"mni"}},
	{unicode.Chakma, 0, []string{"ccp"}},
	{unicode.Javanese, 4, []string{"jv"}},
	{unicode.Balinese, 4, []string{"ban"}},
	{unicode.Sundanese, 0, []string{"su"}},
	{unicode.Buginese, 0, []string{"bug"}},
	{unicode.Cham, 0, []string{"cjm"}},
	{unicode.Tai_Tham, 4, []string{"nod"}},
	{unicode.Yi, 2, []string{"ii"}},
	{unicode.Vai, 4, []string{"vai"}},
	{unicode.Adlam, 0, []string{"ff"}},
	{unicode.Coptic, 0, []string{"cop"}},
	{unicode.Gothic, 0, []string{"got"}},
	{nil, 0, []string{Undetermined}}, // any other
}

// scriptOf is the place in scripts of a letter, or -1 of a mark that goes with the
// letter before it.
func scriptOf(r rune) int {
	if r < 0x250 {
		return latin
	}
	for i, s := range scripts[:len(scripts)-1] {
		if unicode.Is(s.table, r) {
			return i
		}
	}
	if unicode.Is(unicode.M, r) {
		return -1
	}
	return len(scripts) - 1
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
func countWords(text string) *words {
	w := &words{by: make([]float64, len(scripts)), text: make([]strings.Builder, len(scripts))}
	letters := make([]float64, len(scripts))
	for word := range strings.FieldsSeq(text) {
		clear(letters)
		n, last := 0.0, latin
		for _, r := range word {
			s := scriptOf(r)
			if s < 0 {
				s = last
			}
			letters[s]++
			w.text[s].WriteRune(r)
			n++
			last = s
		}
		for s, k := range letters {
			if k == 0 {
				continue
			}
			if per := scripts[s].letters; per > 0 {
				w.by[s] += k / per
			} else {
				w.by[s] += k / n
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

// most is the script that most words are written in, and its share of them; among
// scripts from one place on.
func (w *words) most(from int) (script int, share float64) {
	script = from
	for s := from; s < len(w.by); s++ {
		if w.by[s] > w.by[script] {
			script = s
		}
	}
	return script, w.by[script] / w.all
}
