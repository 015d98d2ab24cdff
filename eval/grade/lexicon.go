package grade

import (
	"cmp"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// lexicon holds the words with which one language writes final answers. A table has one
// line for each meaning, "meaning: word, word"; words are in lower case.
type lexicon struct {
	and, or string
	// numbers are the numerals from one to ten, in this order.
	numbers string
	// spelling writes the numbers after that.
	spelling spelling
	// magnitudes are words that multiply the number before them.
	magnitudes string
	// magnitudeFirst: the number follows its magnitude.
	magnitudeFirst bool
	percent        string
	// half are words for a half before a magnitude, fractions the names of parts.
	half, fractions string
	// andHalf adds a half to the number before it; mixed are numbers with a half.
	andHalf, mixed string
	minus          string
	units          string
	currencies     string
	square, cubic  string // before or after the unit
	per            string
	// lead are words before the number that change nothing: in total, about the whole.
	lead string
	// questions are the labels of a question in a list of questions, another what may
	// stand before them.
	questions, another string
	// answers announce an answer, conclusions begin a last sentence.
	answers, conclusions string
	// changes are words that say something else of a number than what is counted.
	changes string
}

// wordList splits a list of words.
func wordList(s string) []string {
	var words []string
	for word := range strings.SplitSeq(s, ",") {
		if word = norm.NFC.String(strings.TrimSpace(word)); word != "" {
			words = append(words, word)
		}
	}
	return words
}

// meanings reads a table of a lexicon.
func meanings(table string, use func(meaning, word string)) {
	for line := range strings.SplitSeq(table, "\n") {
		meaning, words, _ := strings.Cut(strings.TrimSpace(line), ": ")
		for _, word := range wordList(words) {
			use(meaning, word)
		}
	}
}

// vocabulary is the lexicons of all languages together: the language of an answer is
// not known, and hardly a word means two things. The sets hold what each word means.
type vocabulary struct {
	and, or, percent, minus, lead, per, changes, questions, another, half, andHalf wordSet
	// billions are two things
	magnitudes map[string][]*big.Rat
	numbers    map[string]int64
	// magnitudes that precede their number
	first             wordSet
	units, currencies map[string]string
	// 4 for "quarters"
	fractions map[string]int64
	mixed     map[string]*big.Rat
	// 2 for "square"
	powers               map[string]int
	answers, conclusions []string
	// what words begin with
	firsts map[rune]bool
}

type wordSet map[string]bool

// add adds the words of a list.
func (set wordSet) add(list string) {
	for _, word := range wordList(list) {
		set[word] = true
	}
}

var words = func() *vocabulary {
	v := &vocabulary{
		and: wordSet{}, or: wordSet{}, percent: wordSet{}, minus: wordSet{}, lead: wordSet{}, per: wordSet{},
		changes: wordSet{}, questions: wordSet{}, another: wordSet{}, first: wordSet{}, half: wordSet{},
		andHalf: wordSet{}, mixed: map[string]*big.Rat{}, fractions: map[string]int64{},
		magnitudes: map[string][]*big.Rat{}, numbers: map[string]int64{}, units: map[string]string{},
		currencies: map[string]string{}, powers: map[string]int{}, firsts: map[rune]bool{},
	}
	var codes []string
	for code := range lexicons {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	for _, code := range codes {
		v.addLexicon(lexicons[code])
	}
	slices.SortFunc(v.answers, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	for _, set := range []wordSet{v.and, v.or, v.percent, v.minus, v.lead, v.per, v.changes, v.questions,
		v.another, v.first, v.half, v.andHalf} {
		addFirsts(v.firsts, set)
	}
	for _, code := range codes {
		s := lexicons[code].spelling
		for _, field := range strings.FieldsFunc(s.zero+" "+s.from11+" "+s.tens+" "+s.hundreds,
			func(r rune) bool { return r == ' ' || r == '|' }) {
			v.firsts[firstRune(field)] = true
		}
	}
	addFirsts(v.firsts, v.magnitudes)
	addFirsts(v.firsts, v.numbers)
	addFirsts(v.firsts, v.units)
	addFirsts(v.firsts, v.currencies)
	addFirsts(v.firsts, v.powers)
	addFirsts(v.firsts, v.fractions)
	addFirsts(v.firsts, v.mixed)
	return v
}()

// addLexicon adds the words of one language.
func (v *vocabulary) addLexicon(l lexicon) {
	v.and.add(l.and)
	v.or.add(l.or)
	v.percent.add(l.percent)
	v.minus.add(l.minus)
	v.lead.add(l.lead)
	v.per.add(l.per)
	v.changes.add(l.changes)
	v.questions.add(l.questions)
	v.another.add(l.another)
	v.half.add(l.half)
	v.andHalf.add(l.andHalf)
	meanings(l.mixed, func(meaning, word string) { v.mixed[word], _ = new(big.Rat).SetString(meaning) })
	meanings(l.fractions, func(meaning, word string) {
		v.fractions[word], _ = strconv.ParseInt(meaning, 10, 64)
	})
	for i, field := range strings.Fields(l.numbers) {
		for _, word := range spellings(field) {
			v.numbers[word] = int64(i + 1)
		}
	}
	meanings(l.magnitudes, func(meaning, word string) {
		size, _ := new(big.Rat).SetString(meaning)
		same := func(known *big.Rat) bool { return known.Cmp(size) == 0 }
		if !slices.ContainsFunc(v.magnitudes[word], same) {
			v.magnitudes[word] = append(v.magnitudes[word], size)
		}
		if l.magnitudeFirst {
			v.first[word] = true
		}
	})
	meanings(l.units, func(meaning, word string) { v.units[word] = meaning })
	meanings(l.currencies, func(meaning, word string) { v.currencies[word] = meaning })
	for _, word := range wordList(l.square) {
		v.powers[word] = 2
	}
	for _, word := range wordList(l.cubic) {
		v.powers[word] = 3
	}
	v.answers = append(v.answers, wordList(l.answers)...)
	v.conclusions = append(v.conclusions, wordList(l.conclusions)...)
}

// addFirsts adds the first characters of the words of a table.
func addFirsts[V any](firsts map[rune]bool, table map[string]V) {
	for word := range table {
		firsts[unicode.ToLower(firstRune(word))] = true
	}
}
