package langid

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// sieves are comparisons of all languages of Latin script on trigrams alone, but for
// those that a text cannot be in; by their codes.
var sieves sync.Map

func (k *knowledge) sieve(text string, words []string) *comparison {
	possible := slices.DeleteFunc(slices.Clone(k.latin),
		func(code string) bool { return !k.possible(code, text, words) })
	key := strings.Join(possible, " ")
	if c, ok := sieves.Load(key); ok {
		return c.(*comparison)
	}
	c, _ := sieves.LoadOrStore(key, compare(possible, true))
	return c.(*comparison)
}

// A verdict among the languages of the Latin script is sure from longLatin letters on, or
// with a confidence of sureLatin. If it is not sure, a text of fewer than shortLatin letters
// may be in any language of the script, a longer one in those whose confidence is at least
// maybe of the best one's. A text of longLatin letters that is in no language with a
// confidence of unlikely is in none that lingua knows.
const (
	longLatin  = 50
	shortLatin = 20
	sureLatin  = 0.8
	maybe      = 0.2
	unlikely   = 0.25
)

// A Latin text is judged in windows of windowWords words, or of more, so that there are no
// more than maxWindows: a prefix in one language then does not outweigh what follows it.
const (
	windowWords = 8
	maxWindows  = 32
	// fewWords are the words of a window where the text has less than two of those, and
	// three of these: of texts of two languages that share some words, the language with
	// more words is found more often so.
	fewWords = 3
)

// The sieve alone decides on a text of several windows where it is that sure of a
// preferred language, or of another: nothing but its trigrams is loaded for those.
const (
	surePreferred = 0.9
	sureForeign   = 0.7
)

// A text is compared with nearestOnes languages beyond the preferred ones, unless the sieve
// finds a preferred one and hardly any of it in another. It is in one of them where lingua is
// clearly as sure of that, and of its relatives, as of the best preferred one: names of
// chemistry look like a far language a little.
const (
	nearestOnes = 4
	hardly      = 0.2
	clearly     = 1.5
	// clearlyShort is clearly for fewer than shortLatin letters.
	clearlyShort = 3
	// One in latinCommon words of a Latin text at least is among its commonest.
	latinCommon = 12
	// One in swahiliCommon words of a Swahili text at least is among its commonest.
	swahiliCommon = 25
)

// latinAmong tells languages of the Latin script apart, the preferred ones and, with others,
// all. The nearest of the others take part only where the sieve, which knows them all, finds
// some of the text in one of them.
func (k *knowledge) latinAmong(text string, preferred []string, others bool) identified {
	words := strings.Fields(text)
	windows := min(max(1, len(words)/windowWords), maxWindows)
	var foreign []string
	if others {
		of := k.sieve(text, words).byWindows(words, windows)
		v := best(k.latin, of)
		sure := surePreferred
		if !slices.Contains(preferred, v.lang) {
			sure = sureForeign
		}
		if windows > 1 && v.withRelatives() >= sure {
			v.tellRelatives(words, k)
			v.tellNeighbours(words, k)
			return v
		}
		foreign = k.nearest(of, preferred)
	}
	if len(preferred)+len(foreign) == 1 {
		of := k.sieve(text, words).byWindows(words, windows)
		return identified{lang: preferred[0],
			of: map[string]float64{preferred[0]: max(of[preferred[0]], grain)}}
	}
	candidates := slices.Concat(preferred, foreign)
	compared := compare(candidates, false)
	v := best(candidates, compared.byWindows(words, windows))
	switch {
	case foreign != nil:
		margin := float64(clearly)
		if countLetters(text) < shortLatin {
			margin = clearlyShort
		}
		if h := best(preferred, v.of); h.lang != Undetermined && v.withRelatives() < margin*v.of[h.lang] {
			v.lang = h.lang
		}
		v.tellRelatives(words, k)
	case len(words) < 2*windowWords && len(words) >= 3*fewWords:
		// One window alone, where two languages may share a sentence: a few words at a
		// time say which has more, and nothing of how sure it is where both agree.
		if few := best(candidates, compared.byWindows(words, len(words)/fewWords)); few.lang != v.lang {
			v = few
		}
	}
	if others {
		v.tellNeighbours(words, k)
	}
	return v
}

// nearest returns the languages beyond the preferred ones that a text is nearest to; none where
// the sieve finds it in a preferred language and hardly any of it in another.
func (k *knowledge) nearest(of map[string]float64, preferred []string) []string {
	order := slices.Clone(k.latin)
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(of[b], of[a]) })
	isPreferred := slices.Contains(preferred, order[0])
	order = slices.DeleteFunc(order, func(code string) bool {
		_, there := of[code]
		return slices.Contains(preferred, code) || !there
	})
	if isPreferred && of[order[0]] < hardly {
		return nil
	}
	return order[:nearestOnes]
}

// relatives are languages that lingua takes for each other more than now and then;
// their commonest words, and those of arithmetic, tell them apart.
var relatives = [][]string{{"id", "ms"}, {"nb", "nn", "da"}, {"hr", "bs", "sr"}}

// possible reports whether a text has what a language cannot do without: letters of its
// own, and Latin its common words.
func (k *knowledge) possible(code, text string, words []string) bool {
	return k.missing(code, text, countLetters(text)) <= 1 && (code != "la" || k.hasCommon(words, code))
}

// hasCommon reports whether one in latinCommon words is among a language's commonest:
// names of chemistry look like Latin, but have no such words.
func (k *knowledge) hasCommon(words []string, code string) bool {
	n := 0
	for _, word := range words {
		if k.words[code][strings.ToLower(word)] {
			n++
		}
	}
	return n*latinCommon >= len(words)
}

// withRelatives returns the confidence in a verdict's language and its relatives.
func (v *identified) withRelatives() float64 {
	for _, group := range relatives {
		if slices.Contains(group, v.lang) {
			sum := 0.0
			for _, code := range group {
				sum += v.of[code]
			}
			return sum
		}
	}
	return v.of[v.lang]
}

// tellRelatives corrects a verdict on one of several relatives by its commonest words.
func (v *identified) tellRelatives(words []string, k *knowledge) {
	for _, group := range relatives {
		if !slices.Contains(group, v.lang) {
			continue
		}
		count := map[string]int{}
		for _, word := range words {
			for _, code := range group {
				if k.words[code][strings.ToLower(word)] {
					count[code]++
				}
			}
		}
		was := v.lang
		for _, code := range group {
			if count[code] > count[v.lang] {
				v.lang = code
			}
		}
		v.of[v.lang] = max(v.of[v.lang], v.of[was])
	}
}

// neighbours are languages that a text in one that lingua does not know is given to
// Spanish for: Galician is nearer to Portuguese, Occitan to Catalan.
var neighbours = []string{"pt", "ca"}

// tellNeighbours corrects a verdict on a language of the study that has common words, of
// which the text has hardly any: Swahili, which lingua gives for Malagasy and Kinyarwanda,
// is no known language then, Spanish the neighbour that has more of them.
func (v *identified) tellNeighbours(words []string, k *knowledge) {
	count := func(code string) (n int) {
		for _, word := range words {
			if k.words[code][strings.ToLower(word)] {
				n++
			}
		}
		return n
	}
	switch v.lang {
	case "sw":
		if len(words) >= windowWords && count("sw")*swahiliCommon < len(words) {
			delete(v.of, "sw")
			v.lang = Undetermined
		}
	case "es":
		for _, code := range neighbours {
			if count(code) > max(count("es"), count(v.lang)) {
				v.of[code] = max(v.of[code], v.of["es"])
				v.lang = code
			}
		}
	}
}

// A text is in a language that lingua does not know where so many of its words are among the
// language's commonest: enoughWords where lingua is unsure of it, manyWords where it is not.
const (
	enoughWords = 1.0 / latinCommon
	manyWords   = 0.2
	unsure      = 0.5
)

// tellByWords corrects a verdict on a text in a language of Latin script that lingua does
// not know: the one of candidates with most of the text's words among its commonest, more
// than the language of the verdict has.
func (k *knowledge) tellByWords(v *identified, text string, candidates []string) bool {
	if len(k.byWords) == 0 {
		return false
	}
	words := strings.Fields(text)
	share := func(code string) float64 {
		n := 0
		for _, word := range words {
			if k.words[code][strings.ToLower(word)] {
				n++
			}
		}
		if n < 2 {
			return 0
		}
		return float64(n) / float64(len(words))
	}
	least, most, lang := enoughWords, share(v.lang), ""
	if v.of[v.lang] >= unsure {
		least = manyWords
	}
	for _, code := range k.byWords {
		if s := share(code); slices.Contains(candidates, code) && s >= least && s > most {
			most, lang = s, code
		}
	}
	if lang == "" {
		return false
	}
	*v = identified{lang: lang, of: map[string]float64{lang: RoundConfidence(most)}}
	return true
}

// best returns the language with the largest confidence. Ties go to the first candidate;
// lingua's last digits differ from call to call.
func best(candidates []string, of map[string]float64) identified {
	v := identified{lang: Undetermined, of: of}
	for _, code := range candidates {
		if of[code] > of[v.lang] {
			v.lang = code
		}
	}
	return v
}
