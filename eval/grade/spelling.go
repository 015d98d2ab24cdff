package grade

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/unicode/norm"
)

// spelling describes the words in which a language writes the numbers from 11 to 999. Fields are
// separated by blanks, spellings of one number by |, and _ is a blank in a word. Hyphens are
// blanks too.
type spelling struct {
	zero string
	// from11 are the numbers from 11 on: to 19, or farther where they follow no rule.
	from11 string
	// tens are those from 20 to 90.
	tens string
	// joined are patterns of a ten T and a unit U.
	joined string
	// units are words for one to nine after a ten or hundred where they are not those of
	// lexicon.numbers; others have the latter.
	units string
	// scores are the tens whose units go on to 19: soixante-quinze.
	scores string
	// hundreds are those from 100 to 900; H in a pattern with the rest R.
	hundreds, above string
}

// spellings splits a field into its spellings.
func spellings(field string) []string {
	return strings.Split(norm.NFC.String(strings.ReplaceAll(field, "_", " ")), "|")
}

// spell passes on all spellings of the numbers from 11 to 999, and of zero.
func (l *lexicon) spell(use func(word string, n int64)) {
	var below [100][]string
	ones := strings.Fields(l.numbers)
	for i, field := range ones {
		below[i+1] = spellings(field)
	}
	for i, field := range strings.Fields(l.spelling.from11) {
		below[11+i] = spellings(field)
	}
	units := below
	for i, field := range strings.Fields(l.spelling.units) {
		units[i+1] = spellings(field)
	}
	fill := func(pattern string, mark string, first, second []string) (words []string) {
		for _, a := range first {
			for _, b := range second {
				words = append(words, strings.Replace(strings.Replace(pattern, mark[:1], a, 1), mark[1:], b,
					1))
			}
		}
		return words
	}
	joined, above := spellings(l.spelling.joined), spellings(l.spelling.above)
	for i, field := range strings.Fields(l.spelling.tens) {
		ten := 10 * (i + 2)
		tens, last := spellings(field), 9
		below[ten] = append(below[ten], tens...)
		if strings.Contains(l.spelling.scores, strings.Split(field, "|")[0]) {
			last = 19
		}
		for unit := 1; unit <= last && l.spelling.joined != ""; unit++ {
			for _, pattern := range joined {
				below[ten+unit] = append(below[ten+unit], fill(pattern, "TU", tens, units[unit])...)
			}
		}
	}
	if l.spelling.zero != "" {
		for _, word := range spellings(l.spelling.zero) {
			use(word, 0)
		}
	}
	for n := 11; n < 100; n++ {
		for _, word := range below[n] {
			use(word, int64(n))
		}
	}
	for n := range 10 {
		if n > 0 && units[n] != nil {
			below[n] = append(below[n], units[n]...)
		}
	}
	for i, field := range strings.Fields(l.spelling.hundreds) {
		for _, word := range spellings(field) {
			use(word, int64(100*(i+1))) // before the rests: mia mbili is 200
		}
	}
	for i, field := range strings.Fields(l.spelling.hundreds) {
		hundred := int64(100 * (i + 1))
		hundreds := spellings(field)
		for rest := 1; rest < 100; rest++ {
			for _, pattern := range above {
				for _, word := range fill(pattern, "HR", hundreds, below[rest]) {
					use(word, hundred+int64(rest))
				}
			}
		}
	}
}

// spelled holds the numbers of all languages that lexicon.numbers does not list.
var spelled = sync.OnceValue(func() map[string]int64 {
	table := map[string]int64{}
	for _, code := range slices.Sorted(maps.Keys(lexicons)) {
		l := lexicons[code]
		l.spell(func(word string, n int64) {
			if _, known := table[unhyphen(word)]; !known {
				table[unhyphen(word)] = n
			}
		})
	}
	return table
})

var unhyphen = strings.NewReplacer("-", " ").Replace

// number returns the value of a number word, and whether it is one.
func (v *vocabulary) number(word string) (int64, bool) {
	if n := v.numbers[word]; n > 0 {
		return n, true
	}
	n, ok := spelled()[unhyphen(word)]
	return n, ok
}

// isNumber reports whether a word is a number below a thousand.
func (v *vocabulary) isNumber(word string) bool {
	_, ok := v.number(word)
	return ok
}
