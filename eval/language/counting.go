package language

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Counting is the words with which a language writes numbers and what they count. Words may be
// written together, as 삼십오 and duecento are.
type Counting struct {
	// Numerals are words for numbers, which add up: twenty, three.
	Numerals map[string]int64 `yaml:"numerals" json:"numerals,omitempty"`
	// Magnitudes multiply the number before them: 만 is 10000.
	Magnitudes map[string]int64 `yaml:"magnitudes" json:"magnitudes,omitempty"`
	// Joined stand between numerals and change nothing: and.
	Joined []string `yaml:"joined" json:"joined,omitempty"`
	Minus  []string `yaml:"minus" json:"minus,omitempty"`
	// Units are the graders' names of units and currencies by the language's: 킬로미터 is km, 퍼센트 is
	// %. Words that only count, as 명 does, have the empty name and are left out.
	Units map[string]string `yaml:"units" json:"units,omitempty"`
}

// with returns the words with those of another entry, which come before.
func (c *Counting) with(own *Counting) *Counting {
	if c == nil {
		return own
	}
	all := &Counting{Numerals: maps.Clone(c.Numerals), Magnitudes: maps.Clone(c.Magnitudes),
		Joined: append(slices.Clone(c.Joined), own.Joined...), Minus: append(slices.Clone(c.Minus), own.Minus...),
		Units: maps.Clone(c.Units)}
	all.Numerals = merged(all.Numerals, own.Numerals)
	all.Magnitudes = merged(all.Magnitudes, own.Magnitudes)
	all.Units = merged(all.Units, own.Units)
	return all
}

func merged[V any](to, from map[string]V) map[string]V {
	if to == nil {
		return from
	}
	maps.Copy(to, from)
	return to
}

var (
	wordPattern = regexp.MustCompile(`^[\pL\pM][\pL\pM'’.² -]*$`)
	unitPattern = regexp.MustCompile(`^(?:|%|[\pL°][\pL\pM/^0-9°·-]*)$`)
)

func (c *Counting) check() error {
	var all []string
	for word, n := range c.Numerals {
		if n < 0 {
			return fmt.Errorf("counting: the numeral %q is %d: expected 0 or more", word, n)
		}
		all = append(all, word)
	}
	for word, n := range c.Magnitudes {
		if n < 10 {
			return fmt.Errorf("counting: the magnitude %q is %d: expected 10 or more", word, n)
		}
		all = append(all, word)
	}
	for word, unit := range c.Units {
		if !unitPattern.MatchString(unit) {
			return fmt.Errorf("counting: the unit of %q is %q: expected a name such as km, m/s or %%, or nothing",
				word, unit)
		}
		all = append(all, word)
	}
	slices.Sort(all)
	for _, word := range slices.Concat(all, c.Joined, c.Minus) {
		if !wordPattern.MatchString(word) {
			return fmt.Errorf("counting: %q is no word: expected letters", word)
		}
	}
	if len(all) == 0 {
		return errors.New("counting: neither numerals, nor magnitudes, nor units are given")
	}
	return nil
}

// Figures writes the numbers of an output in the language with this code as benchmarks do: what Plain says, and
// where it is judged as mathematics what Counted says.
func (t *Table) Figures(code, output string, mathematics bool) string {
	if l := t.figured(code); l != nil && mathematics {
		if counted := t.Counted(code, output); counted != l.western(output) && counted != output {
			return counted // in figures already, with a decimal point
		}
	}
	return t.Plain(code, output)
}

// Reference writes a reference that is a number in words of the language with this code in figures, as Counted
// writes an answer, so that \boxed{35개} is right where the data say 35개; numbers in digits alone stay as the
// benchmark has them.
func (t *Table) Reference(code, reference string, mathematics bool) string {
	l := t.figured(code)
	if l == nil || l.Counting == nil || !mathematics {
		return reference
	}
	if figures, ok := l.words().read(plainText(l.western(reference)), `\text{ `, `}`); ok {
		return figures
	}
	return reference
}

// Counted writes a number that the answer of a text is in figures, where the language with this code is not
// the study's, or the user describes it: \boxed{3만 5천 원} is \boxed{35000\text{ won}}. The answer is
// the content of the last \boxed{}, if that is nothing but a number in words, or in words and digits,
// with what it counts; in a text without one it is the last number in digits with the words around
// it. Other texts stay as they are.
func (t *Table) Counted(code, text string) string {
	l := t.figured(code)
	if l == nil || l.Counting == nil {
		return text
	}
	w := l.words()
	open := strings.LastIndex(text, boxed)
	if open < 0 {
		return w.last(l.western(text))
	}
	open += len(boxed)
	end := closing(text[open:])
	if end < 0 {
		return text
	}
	figures, ok := w.read(plainText(l.western(text[open:open+end])), `\text{ `, `}`)
	if !ok {
		return text
	}
	return text[:open] + figures + text[open+end:]
}

// closing returns where the brace ends that is open before a text, or -1.
func closing(text string) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			if depth--; depth < 0 {
				return i
			}
		}
	}
	return -1
}

var (
	upright = regexp.MustCompile(`\\(?:text|textbf|mathrm|mathbf|mbox)\s*\{([^{}]*)\}`)
	blanks  = strings.NewReplacer(`\,`, " ", `\;`, " ", `\:`, " ", `\!`, "", `\ `, " ", "~", " ", "$", " ", `\%`, "%",
		"\u00a0", " ", "\u202f", " ")
)

// plainText takes the commands of fonts and spaces out of an answer.
func plainText(s string) string { return blanks.Replace(upright.ReplaceAllString(s, " $1 ")) }

// kind is what a part of a numeral is.
type kind int

const (
	literal kind = iota // a number in digits
	numeral
	magnitude
	joined
	minus
	unit
)

// part is a word or a number in digits.
type part struct {
	kind  kind
	value *big.Rat // of a literal, numeral or magnitude
	unit  string
	word  bool // of the language's own, rather than digits or a symbol
}

// countingWords are a language's words by their first characters.
type countingWords struct {
	of      *Language
	byFirst map[rune][]countingWord // the longest first
	number  *regexp.Regexp
}

type countingWord struct {
	text string
	part part
}

// symbols are units that all languages write so.
var symbols = []string{"%", "km", "cm", "mm", "m", "kg", "mg", "g", "ml", "l", "h", "min", "s", "km/h", "m/s"}

func (l *Language) words() *countingWords {
	w := &countingWords{of: l, byFirst: map[rune][]countingWord{}, number: regexp.MustCompile(`^` +
		strings.TrimPrefix(l.number().String(), `[-+−]?`))}
	add := func(text string, p part) {
		text = strings.ToLower(norm.NFC.String(text))
		first, _ := utf8.DecodeRuneInString(text)
		w.byFirst[first] = append(w.byFirst[first], countingWord{text, p})
	}
	c := l.Counting
	for word, n := range c.Numerals {
		add(word, part{kind: numeral, value: big.NewRat(n, 1), word: true})
	}
	for word, n := range c.Magnitudes {
		add(word, part{kind: magnitude, value: big.NewRat(n, 1), word: true})
	}
	for word, name := range c.Units {
		add(word, part{kind: unit, unit: name, word: true})
	}
	for _, word := range c.Joined {
		add(word, part{kind: joined, word: true})
	}
	for _, word := range c.Minus {
		add(word, part{kind: minus, word: true})
	}
	for _, symbol := range symbols {
		if !slices.ContainsFunc(w.byFirst[rune(symbol[0])], func(w countingWord) bool { return w.text == symbol }) {
			add(symbol, part{kind: unit, unit: symbol})
		}
	}
	for _, list := range w.byFirst {
		slices.SortFunc(list, func(a, b countingWord) int {
			return cmp.Or(len(b.text)-len(a.text), strings.Compare(a.text, b.text), int(a.part.kind)-int(b.part.kind))
		})
	}
	return w
}

// longestNumeral bounds what is read as a number, in bytes.
const longestNumeral = 240

// read reads a text that is a number with at least one word of the language, and writes it in figures,
// with its unit between before and after.
func (w *countingWords) read(s, before, after string) (figures string, ok bool) {
	s = strings.TrimSpace(strings.ToLower(norm.NFC.String(s)))
	s = strings.TrimSpace(strings.TrimSuffix(s, "."))
	if s == "" || len(s) > longestNumeral || strings.ContainsAny(s, `\{}^_=`) {
		return "", false
	}
	sign := part{}
	for _, signed := range []string{"-", "−", "+"} {
		if rest, ok := strings.CutPrefix(s, signed); ok {
			if s = strings.TrimSpace(rest); signed != "+" {
				sign.kind = minus
			}
			break
		}
	}
	parts := w.split(s, map[int]bool{})
	if sign.kind == minus && len(parts) > 0 {
		if parts[0].kind == minus {
			return "", false
		}
		parts = append([]part{sign}, parts...)
	}
	if !slices.ContainsFunc(parts, func(p part) bool { return p.word }) {
		return "", false
	}
	value, name, ok := evaluate(parts)
	if !ok {
		return "", false
	}
	figures = value.RatString()
	if !value.IsInt() {
		figures = strings.TrimRight(value.FloatString(20), "0")
		if read, _ := new(big.Rat).SetString(figures); read == nil || read.Cmp(value) != 0 {
			return "", false
		}
	}
	switch name {
	case "":
	case "%":
		figures += `\%`
	default:
		figures += before + name + after
	}
	return figures, true
}

// split takes a text apart into words and numbers, the longest first; nil where it is not made of these.
// dead are the places from which it could not be.
func (w *countingWords) split(s string, dead map[int]bool) []part {
	s = strings.TrimLeft(s, " ")
	if s == "" {
		return []part{}
	}
	if dead[len(s)] {
		return nil
	}
	if m := w.number.FindString(s); m != "" {
		if value, ok := new(big.Rat).SetString(w.of.pointed(m)); ok {
			if rest := w.split(s[len(m):], dead); rest != nil {
				return append([]part{{kind: literal, value: value}}, rest...)
			}
		}
	}
	first, _ := utf8.DecodeRuneInString(s)
	for _, word := range w.byFirst[first] {
		rest, found := strings.CutPrefix(s, word.text)
		if next, _ := utf8.DecodeRuneInString(rest); !found || unicode.IsMark(next) {
			continue
		}
		if hyphened := strings.TrimLeft(rest, "-‐"); len(hyphened) < len(rest) && joinsWord(hyphened) {
			rest = hyphened // twenty-one
		}
		if parts := w.split(rest, dead); parts != nil {
			return append([]part{word.part}, parts...)
		}
	}
	dead[len(s)] = true
	return nil
}

// joinsWord reports whether what stands behind a hyphen begins with a letter: it joins words, and is no sign.
func joinsWord(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	return unicode.IsLetter(first)
}

// term is a part of a number, and how large its magnitude is: 3 thousand.
type term struct{ value, size *big.Rat }

// evaluate reads parts as one number, with the name of what it counts, before or after it.
func evaluate(parts []part) (value *big.Rat, name string, ok bool) {
	negative := len(parts) > 0 && parts[0].kind == minus
	if negative {
		parts = parts[1:]
	}
	first, last := 0, len(parts)
	if last > 0 && parts[0].kind == unit {
		first, name = 1, parts[0].unit
	}
	if last > first && parts[last-1].kind == unit {
		last--
		if first == 1 && name != "" && parts[last].unit != "" {
			return nil, "", false
		}
		name = cmp.Or(parts[last].unit, name)
	}
	one := big.NewRat(1, 1)
	var terms []term
	var places int // of the decimal digits of the numerals that were added up
	before := magnitude
	for i := first; i < last; i++ {
		p := parts[i]
		switch p.kind {
		case joined:
			if i == first || i == last-1 && last == len(parts) {
				return nil, "", false
			}
			continue
		case literal:
			if before != magnitude {
				return nil, "", false // 3 5
			}
			terms = append(terms, term{p.value, one})
		case numeral:
			taken := placesOf(p.value)
			switch {
			case before == magnitude:
				terms, places = append(terms, term{p.value, one}), taken
			case before != numeral || places&taken != 0:
				return nil, "", false // two three
			default:
				top := &terms[len(terms)-1]
				top.value, places = new(big.Rat).Add(top.value, p.value), places|taken
			}
		case magnitude:
			group, n := new(big.Rat), len(terms)
			for ; n > 0 && terms[n-1].size.Cmp(p.value) < 0; n-- {
				group.Add(group, terms[n-1].value)
			}
			if n == len(terms) {
				group.Set(one)
			}
			terms = append(terms[:n], term{group.Mul(group, p.value), p.value})
		default:
			return nil, "", false
		}
		before = p.kind
	}
	if len(terms) == 0 {
		return nil, "", false
	}
	value = new(big.Rat)
	for i, t := range terms {
		if i > 0 && t.value.Cmp(terms[i-1].size) >= 0 {
			return nil, "", false // 3 thousand 5000
		}
		value.Add(value, t.value)
	}
	if negative {
		value.Neg(value)
	}
	return value, name, true
}

// placesOf returns a bit for each decimal digit of a whole number that is not zero; of zero all.
func placesOf(value *big.Rat) (places int) {
	digits := value.Num().String()
	for i := range digits {
		if digits[len(digits)-1-i] != '0' {
			places |= 1 << i
		}
	}
	if places == 0 {
		return ^0
	}
	return places
}

// last writes the last number of a text, with the words that belong to it, in figures.
func (w *countingWords) last(text string) string {
	all := w.of.number().FindAllStringIndex(text, -1)
	if all == nil {
		return text
	}
	end := all[len(all)-1][1]
	const starts, beyond = 6, 60
	for _, at := range all[max(0, len(all)-starts):] {
		limit := min(len(text), end+beyond, at[0]+longestNumeral)
		for to := limit; to > end; to-- {
			if to < len(text) && !utf8.RuneStart(text[to]) || !endsWord(text[:to], text[to:]) {
				continue
			}
			if figures, ok := w.read(text[at[0]:to], " ", ""); ok {
				return text[:at[0]] + figures + text[to:]
			}
		}
	}
	return text
}

// endsWord reports whether a word may end between two texts.
func endsWord(before, after string) bool {
	last, _ := utf8.DecodeLastRuneInString(before)
	next, _ := utf8.DecodeRuneInString(after)
	if !unicode.In(last, unicode.Letter, unicode.Mark, unicode.Digit) && last != '%' || unicode.IsMark(next) {
		return false
	}
	return !unicode.IsLetter(next) || unicode.In(last, unicode.Hangul, unicode.Han, unicode.Hiragana,
		unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}
