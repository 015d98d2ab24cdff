package langid

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// missing returns how many of the letters that a language cannot do without a text of so
// many letters ought to have, where it has none.
func (k *knowledge) missing(code, text string, letters int) float64 {
	own := k.table.Lookup(code).OwnLetters
	if own.Letters == "" || strings.ContainsAny(strings.ToLower(text), own.Letters) {
		return 0
	}
	return own.Share * float64(letters)
}

// lettersAVote: so many letters that lingua has no doubt about weigh as much as a common word.
const lettersAVote = 10

// fewLetters are too few for the letters that a language has of its own to show.
const fewLetters = 40

// byLetters tells apart the languages that share a script other than Latin: the one
// that lacks the fewest of a text's letters and has the most of its words among its
// commonest; of equals the first. among are those it may be as well; nil when it is sure.
func (k *knowledge) byLetters(text string, of []string) (lang string, among []string) {
	if len(of) == 1 {
		return of[0], nil
	}
	count := map[rune]float64{}
	letters := 0
	for _, r := range text {
		r = unicode.ToLower(r)
		if unicode.IsLetter(r) {
			letters++
		}
		if k.told[r] {
			count[r]++
		}
	}
	score, most := map[string]float64{}, 0.0
	for i, code := range of {
		if alphabet := k.table.Lookup(code).Letters; alphabet != "" {
			for r, n := range count {
				if !strings.ContainsRune(alphabet, r) {
					score[code] -= n
				}
			}
		}
		if i == 0 || score[code] > most {
			most = score[code]
		}
	}
	var close []string // those whose letters are the text's, that lingua knows
	for _, code := range of {
		if modelled[code] && score[code] >= most-0.01*float64(letters) {
			close = append(close, code)
		}
	}
	for word := range strings.FieldsSeq(text) {
		word = strings.ToLower(word)
		for _, code := range of {
			if k.words[code][word] {
				score[code]++
			}
			for _, ending := range k.table.Lookup(code).Endings {
				if stem, ok := strings.CutSuffix(word, ending); ok && utf8.RuneCountInString(stem) > 1 {
					score[code] += 3
				}
			}
		}
	}
	for _, code := range of {
		score[code] -= k.missing(code, text, letters)
	}
	if len(close) > 1 {
		for code, c := range compare(close, true).byWindows(strings.Fields(text), 1) {
			score[code] += c * float64(letters) / lettersAVote
		}
	}
	score[of[0]]++ // as much as a common word, where nothing else speaks
	lang = of[0]
	for _, code := range of[1:] {
		if score[code] > score[lang] {
			lang = code
		}
	}
	if letters < fewLetters {
		for _, code := range of {
			if score[code] >= score[lang]-1 {
				among = append(among, code)
			}
		}
	}
	if len(among) == 1 {
		among = nil
	}
	return lang, among
}
