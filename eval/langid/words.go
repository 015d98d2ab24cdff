package langid

import (
	"maps"
	"slices"
	"strings"
)

// Run is consecutive words of a text that are in one language.
type Run struct {
	Lang  string  // a code, or Undetermined
	Words float64 // in scripts without spaces some letters are a word (see lettersAWord)
}

// sentenceEnds and clauseEnds are the signs that end a sentence, and a part of one, in the scripts
// of the known languages.
const (
	sentenceEnds = ".!?…\u3002\uff01\uff1f\u0964\u0965\u061f\u06d4\u104b\u17d4\u1362"
	clauseEnds   = ";:,()[]{}\"«»“”„‹›—–\uff1b\uff1a\uff0c\u3001\u300c\u300d\u300e\u300f\uff08\uff09" +
		"\u061b\u060c"
)

// A window is what one verdict is about: words of one script, of a clause or more.
type window struct {
	tokens []int // of the text, ascending
	lang   string
	among  []string // languages that it may be in as well; nil where it is sure
}

// Words returns the languages of a text's words, in their order. Words are those that Clean
// leaves. The words of a clause that are in one script are judged together: long clauses in pieces
// of eight to fifteen words, so that a piece that mixes two languages of one script counts as the
// language of most of it; short ones (see aloneFrom) with the clause before in their sentence or
// the next. A piece that is still too short to tell takes the language of the last sure piece
// before it that it could be in, else of the first such after it, else want if it could be in that.
func (d *Detector) Words(text, want string) []Run {
	tokens := proseTokens(compose(strip(text)))
	if len(tokens) == 0 {
		return nil
	}
	sizes := make([]float64, len(tokens))
	windows := d.windows(tokens, sizes)
	code := d.table.Code(want)
	settle(windows, code)
	langs := make([]string, len(tokens))
	for _, w := range windows {
		for _, i := range w.tokens {
			if langs[i] = w.lang; w.lang == code {
				langs[i] = want
			}
		}
	}
	var runs []Run
	for i, lang := range langs {
		runs = append(runs, Run{lang, sizes[i]})
	}
	return joined(runs)
}

// OutputWords is Words of the reasoning of an output (see Split) and of all of it.
func (d *Detector) OutputWords(output, want string) (reasoning, all []Run) {
	thought, _ := Split(output)
	reasoning = d.Words(thought, want)
	if len(thought) == len(output) {
		return reasoning, reasoning
	}
	return reasoning, joined(slices.Concat(reasoning, d.Words(output[len(thought):], want)))
}

// windows judges the words of a text piece by piece, and says for how many each counts.
func (d *Detector) windows(tokens []token, sizes []float64) []window {
	var windows []window
	judge := func(clause []int) {
		pieces := max(1, len(clause)/windowWords)
		for k := range pieces {
			w := window{tokens: clause[k*len(clause)/pieces : (k+1)*len(clause)/pieces]}
			var words []string
			for _, i := range w.tokens {
				words = append(words, tokens[i].text)
			}
			v := d.identifyProse(strings.Join(words, " "))
			w.lang, w.among = v.lang, v.among
			windows = append(windows, w)
		}
	}
	sentence := map[int][][]int{}  // clauses by script, as tokens
	number, in := 0, map[int]int{} // of the clause, and of the last with a word of a script
	for i, t := range tokens {
		var script int
		script, sizes[i] = d.wordOf(t.text)
		clauses := sentence[script]
		// A clause too short to be judged alone goes with the one before it in its sentence, or else
		// with the next.
		last := len(clauses) - 1
		if last < 0 || in[script] != number && lettersOf(tokens, clauses[last]) >= aloneFrom(script) {
			clauses = append(clauses, nil)
			last++
		}
		clauses[last] = append(clauses[last], i)
		sentence[script], in[script] = clauses, number
		end := i+1 == len(tokens)
		if end || t.ends(tokens[i+1], clauseEnds) {
			number++
		}
		if !end && !t.ends(tokens[i+1], sentenceEnds) {
			continue
		}
		for _, script := range slices.Sorted(maps.Keys(sentence)) {
			clauses := sentence[script]
			if last := len(clauses) - 1; lettersOf(tokens, clauses[last]) < aloneFrom(script) {
				switch {
				case last > 0:
					clauses[last-1] = append(clauses[last-1], clauses[last]...)
					clauses = clauses[:last]
				case !end:
					continue
				}
			}
			for _, clause := range clauses {
				judge(clause)
			}
			delete(sentence, script)
		}
	}
	slices.SortStableFunc(windows, func(a, b window) int { return a.tokens[0] - b.tokens[0] })
	return windows
}

// aloneFrom returns the number of letters from which a clause is judged by itself. Kana makes even
// a short Japanese one sure.
func aloneFrom(script int) int {
	switch script {
	case latin:
		return shortLatin
	case han:
		return 0
	}
	return fewLetters
}

func lettersOf(tokens []token, some []int) (n int) {
	for _, i := range some {
		n += countLetters(tokens[i].text)
	}
	return n
}

// ends reports whether one of some signs, or an end of a line, is between a word and the next.
func (t token) ends(next token, signs string) bool {
	is := func(r rune) bool { return r == 0 || strings.ContainsRune(signs, r) }
	return is(t.right) || is(next.left)
}

// wordOf returns the script that most letters of a word are in, and how many words it counts for.
// Kana and Han are one script here: Japanese has both in a word.
func (k *knowledge) wordOf(word string) (script int, size float64) {
	letters := map[int]int{}
	n, last := 0.0, latin
	for _, r := range word {
		s := k.scriptOf(r)
		switch s {
		case -1:
			s = last
		case hiragana, katakana:
			s = han
		}
		letters[s]++
		n++
		last = s
	}
	script = -1
	for s, m := range letters {
		if script < 0 || m > letters[script] || m == letters[script] && s < script {
			script = s
		}
	}
	if per := k.scripts[script].letters; per > 0 {
		return script, n / per
	}
	return script, 1
}

// settle gives the windows that are not sure a language, by those that are.
func settle(windows []window, want string) {
	sure := make([]bool, len(windows))
	for i, w := range windows {
		sure[i] = w.among == nil && w.lang != Undetermined
	}
	for i := range windows {
		w := &windows[i]
		if w.among == nil {
			continue
		}
		may := func(k int) bool {
			return sure[k] && (windows[k].lang == w.lang || slices.Contains(w.among, windows[k].lang))
		}
		k := i - 1
		for k >= 0 && !may(k) {
			k--
		}
		if k < 0 {
			k = i + 1
			for k < len(windows) && !may(k) {
				k++
			}
		}
		switch {
		case k < len(windows):
			w.lang = windows[k].lang
		case slices.Contains(w.among, want):
			w.lang = want
		}
	}
}

// Share returns the share of words that are in a language, and how many words there are; 0
// of none.
func Share(runs []Run, lang string) (share, words float64) {
	in := 0.0
	for _, r := range runs {
		words += r.Words
		if r.Lang == lang {
			in += r.Words
		}
	}
	if words == 0 {
		return 0, 0
	}
	return in / words, words
}

// Parts returns the share of words in a language in each of n equal parts of a text, by words; a
// word on the border counts for both by its parts. It is nil where there are no words.
func Parts(runs []Run, lang string, n int) []float64 {
	_, all := Share(runs, lang)
	if all == 0 {
		return nil
	}
	shares := make([]float64, n)
	part, at := all/float64(n), 0.0
	for _, r := range runs {
		if r.Lang == lang {
			for k := range shares {
				overlap := min(at+r.Words, float64(k+1)*part) - max(at, float64(k)*part)
				shares[k] += max(0, overlap) / part
			}
		}
		at += r.Words
	}
	for k := range shares {
		shares[k] = min(1, shares[k])
	}
	return shares
}

// ShortRun is the number of words from which on words in another language are a switch to it:
// fewer are a name, a term or a quotation.
const ShortRun = 5

// Switches counts how often a text goes over from one language to another: what is left of its
// runs when those of no known language and, the shortest first, those of fewer than ShortRun words
// are taken out and what they stood between is joined.
func Switches(runs []Run) int {
	kept := slices.DeleteFunc(slices.Clone(runs), func(r Run) bool { return r.Lang == Undetermined })
	kept = joined(kept)
	for len(kept) > 1 {
		shortest := 0
		for i, r := range kept {
			if r.Words < kept[shortest].Words {
				shortest = i
			}
		}
		if kept[shortest].Words >= ShortRun {
			break
		}
		kept = joined(slices.Delete(kept, shortest, shortest+1))
	}
	return max(0, len(kept)-1)
}

// joined makes one of neighbouring runs in one language.
func joined(runs []Run) []Run {
	var out []Run
	for _, r := range runs {
		if last := len(out) - 1; last >= 0 && out[last].Lang == r.Lang {
			out[last].Words += r.Words
		} else {
			out = append(out, r)
		}
	}
	return out
}
