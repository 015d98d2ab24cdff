package grade

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A measure is a value with a unit: 15 m/s, 2\sqrt{3}\text{ cm}, 3 часа, shilingi 300.
// Units are not converted; those of the same name in any language are the same.

// unitCommand marks what the text said in upright letters and is a unit for certain:
// \text{ m} is metres where m alone is a variable.
const unitCommand = `\unit`

var (
	unitMark   = regexp.MustCompile(`\\unit ?\{([^{}]*)\}`)
	unitTimes  = regexp.MustCompile(` ?(?:\\cdot|\\times|\*|·) ?`)
	unitSlash  = regexp.MustCompile(` ?/ ?`)
	unitFactor = regexp.MustCompile(`^\(?((?:[\pL\pM°Ω\\$€£¥₹৳₽฿][\pL\pM.'\-]*|/=))\)?(?: ?\^? ?\{?` +
		` ?(-?[1-9]) ?\}?)?\)?$`)
)

// glue joins the words of a unit: 5 millones de pesos, a third of the total.
var glue = func() map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq("of the de del la las los el le les des du von der den dem das " +
		"die ya za wa cha vya 的") {
		set[word] = true
	}
	return set
}()

// afterNouns are short words that may follow what is counted: ways to choose, $5 a day.
var afterNouns = map[string]bool{
	"to": true, "at": true, "for": true, "with": true, "from": true, "by": true, "on": true, "is": true,
	"are": true,
	"in":  true, "as": true, "it": true, "a": true, "an": true, "be": true, "do": true, "en": true,
	"al": true, "im": true,
}

// markUnit marks upright text that is a unit: content of a font command after which the
// value stands. It returns what stands for the command.
func markUnit(before, content string) (string, bool) {
	before = strings.TrimRight(before, " ")
	if before == "" || strings.ContainsAny(before[len(before)-1:], `^_+-=<>({[,;&`) {
		return "", false
	}
	unit, known := readUnit(content)
	if !known || unit == "" {
		return "", false
	}
	content = strings.NewReplacer("{", "", "}", "").Replace(content) // s^{-2}
	return " " + unitCommand + "{" + strip(content) + "} ", true
}

// readUnit reads a unit: factors with powers, multiplied, divided or side by side. known
// reports whether all its words are units in a lexicon. It returns "" for what is no
// unit.
func readUnit(s string) (unit string, known bool) {
	const longest = 200
	if len(s) > longest {
		return "", false
	}
	s = unitMark.ReplaceAllString(s, " $1 ")
	s = strip(manyBlanks.ReplaceAllString(s, " "))
	if s == "" {
		return "", false
	}
	if name := words.unit(s); name != "" {
		return name, true
	}
	s = strings.ReplaceAll(strings.ReplaceAll(s, "{ ", "{"), " }", "}")
	known = true
	var parts []string
	for _, over := range unitSlash.Split(s, -1) {
		var factors []string
		for _, group := range unitTimes.Split(over, -1) {
			read, all := readFactors(strip(group))
			if len(read) == 0 {
				return "", false
			}
			factors, known = append(factors, read...), known && all
		}
		slices.Sort(factors)
		parts = append(parts, strings.Join(factors, " "))
	}
	return strings.Join(parts, "/"), known
}

// readFactors reads the factors of a unit that stand side by side. "square", before or
// after, is a power; "per" divides, and what it divides by is written "word^-1".
func readFactors(s string) (factors []string, known bool) {
	known = true
	pending, inverse := 0, false
	fields := strings.Fields(s)
	for i := 0; i < len(fields); i++ {
		field := fields[i]
		for strings.HasSuffix(field, "^") && i+1 < len(fields) { // m ^ 2
			i++
			field += fields[i]
		}
		if strings.HasPrefix(field, "^") && len(factors) > 0 {
			field = strings.TrimSuffix(factors[len(factors)-1], "^1") + field
			factors = factors[:len(factors)-1]
		}
		lower := strings.ToLower(field)
		if len(factors) > 0 && afterNouns[lower] {
			continue
		}
		if words.unit(field) == "" && (words.joins(lower) || words.changesNumber(lower) ||
			startsWithMagnitude(field)) {
			return nil, false
		}
		if glue[lower] {
			continue
		}
		if words.per[lower] && len(factors) > 0 && i+1 < len(fields) {
			inverse = true
			continue
		}
		if power := words.powers[lower]; power > 0 {
			if i+1 == len(fields) && len(factors) > 0 && raiseLast(factors, power) {
				continue
			}
			pending = power
			continue
		}
		m := unitFactor.FindStringSubmatch(field)
		if m == nil || strings.HasPrefix(m[1], `\`) && words.unit(m[1]) == "" {
			return nil, false
		}
		name, exponent := words.unit(m[1]), m[2]
		if exponent != "" && !strings.Contains(field, "^") &&
			(name == "" || exponent != "2" && exponent != "3") {
			return nil, false // 和5
		}
		if name == "" {
			name, known = strings.ToLower(strings.Trim(m[1], ".'-")), false
			if utf8.RuneCountInString(name) < 3 && firstRune(name) < 0x80 ||
				unicode.Is(unicode.Greek, firstRune(name)) {
				return nil, false // a product of variables
			}
		}
		if pending > 0 {
			exponent, pending = string(rune('0'+pending)), 0
		}
		if inverse {
			exponent, inverse = "-"+cmp.Or(exponent, "1"), false
		}
		if exponent != "" && exponent != "1" {
			name += "^" + exponent
		}
		factors = append(factors, name)
	}
	if pending > 0 && len(factors) == 0 {
		return nil, false
	}
	return factors, known
}

// raiseLast makes the last factor, which may be an inverse, a power: second squared.
func raiseLast(factors []string, power int) bool {
	last := len(factors) - 1
	base, exponent, _ := strings.Cut(factors[last], "^")
	if exponent != "" && exponent != "-1" {
		return false
	}
	factors[last] = base + "^" + strings.TrimSuffix(exponent, "1") + string(rune('0'+power))
	return true
}

// changesNumber reports whether a word says something else of a number than what it
// counts. In scripts without blanks it may be the beginning of a longer text.
func (v *vocabulary) changesNumber(word string) bool {
	if v.changes[word] {
		return true
	}
	first := firstRune(word)
	return isUnspaced(first) && longestWord(word, func(word string) bool { return v.changes[word] }) != "" &&
		v.unit(word) == ""
}

// joins reports whether a word is a conjunction.
func (v *vocabulary) joins(word string) bool { return v.and[word] || v.or[word] }

// unit returns what a word is the name of, units and money alike, or "". Letter case
// counts in symbols.
func (v *vocabulary) unit(word string) string {
	for _, spelling := range []string{word, strings.TrimRight(word, "."), strings.ToLower(word),
		strings.TrimRight(strings.ToLower(word), ".")} {
		if len(spelling) == 1 && spelling != word && spelling != strings.TrimRight(word, ".") {
			continue // N is no n
		}
		if name := v.units[spelling]; name != "" {
			return name
		}
		if name := v.currencies[spelling]; name != "" {
			return name
		}
	}
	return ""
}

// canonicalUnit brings a unit to one form: m/s is m s^-1.
func canonicalUnit(unit string) string {
	parts := strings.Split(unit, "/")
	factors := strings.Fields(parts[0])
	for _, part := range parts[1:] {
		for _, factor := range strings.Fields(part) {
			base, exponent, ok := strings.Cut(factor, "^")
			switch {
			case !ok:
				exponent = "-1"
			case strings.HasPrefix(exponent, "-"):
				exponent = exponent[1:]
			default:
				exponent = "-" + exponent
			}
			factors = append(factors, base+"^"+exponent)
		}
	}
	slices.Sort(factors)
	return strings.Join(factors, " ")
}

// splitUnit splits an answer into an expression and the unit after it, the longest that
// leaves an expression; upright is whether it was marked as a unit.
func splitUnit(s string) (head, unit string, known bool) {
	if at := strings.Index(s, unitCommand); at > 0 {
		head := strings.TrimRight(s[:at], " ")
		for _, times := range []string{`\cdot`, `\times`, "*"} {
			head = strings.TrimSuffix(head, times)
		}
		// What stands before the mark may belong to it: 3 square \unit{cm}.
		for _, from := range wordStarts(head) {
			if unit, known := readUnit(head[from:] + " " + s[at:]); unit != "" && known {
				return strip(head[:from]), canonicalUnit(unit), true
			}
		}
		if unit, known := readUnit(s[at:]); unit != "" {
			return strip(head), canonicalUnit(unit), known
		}
		return "", "", false
	}
	for _, from := range wordStarts(s) {
		head := strip(s[:from])
		blank := from > 0 && s[from-1] == ' '
		if head == "" || strings.HasSuffix(head, "+") || strings.HasSuffix(head, "-") ||
			strings.HasSuffix(head, "=") {
			continue
		}
		unit, known := readUnit(s[from:])
		if unit == "" {
			continue
		}
		// One letter after an expression is a variable; so are letters at a variable.
		plain := literal.FindString(strings.TrimPrefix(head, "-")) == strings.TrimPrefix(head, "-")
		if utf8.RuneCountInString(strings.TrimRight(s[from:], "^{}23 ")) == 1 && s[from] < 0x80 &&
			!(plain && strings.Contains(unitLetters, s[from:from+1])) {
			continue
		}
		if !blank && firstRune(s[from:]) < 0x80 && !(plain && known) {
			continue // 5xyz
		}
		return head, canonicalUnit(unit), known
	}
	return "", "", false
}

// wordStarts lists where words begin outside braces and after the first character.
func wordStarts(s string) []int {
	var starts []int
	depth, before := 0, rune(0)
	for i, r := range s {
		switch r {
		case '{', '(', '[':
			depth++
		case '}', ')', ']':
			depth--
		}
		letter := unicode.IsLetter(r) || strings.ContainsRune(`°Ω\`, r)
		inWord := unicode.IsLetter(before) || unicode.IsMark(before) || before == '\\' || before == '^' ||
			before == '_'
		if letter && !inWord && depth == 0 && len(starts) < 24 {
			starts = append(starts, i)
		}
		before = r
	}
	return starts
}

// scriptOf names the script of words, by Unicode, so that those that cannot be compared with each
// other are told apart: Latin where there is any of it, else the first that is not Han. Kana and
// Bopomofo count as Han, which Japanese and Chinese write with them. "" is none.
func scriptOf(s string) string {
	found := ""
	for _, r := range s {
		switch script := runeScript(r); script {
		case "Latin":
			return script
		case "Common", "Inherited", "":
		case "Han", "Hiragana", "Katakana", "Bopomofo":
			found = cmp.Or(found, "Han")
		default:
			if found == "" || found == "Han" {
				found = script
			}
		}
	}
	return found
}

// runeScript returns Unicode's name of a character's script; each has one at most.
func runeScript(r rune) string {
	for name, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return name
		}
	}
	return ""
}

// differentUnits reports whether both answers have units, and not the same. A word that
// no lexicon has may be a translation of one in another script.
func differentUnits(a, b *answer) bool {
	switch {
	case a.unit == "" || b.unit == "" || a.unit == b.unit:
		return false
	case a.unitKnown && b.unitKnown:
		return !countsAny(a.unit) && !countsAny(b.unit)
	}
	x, y := wordsOf(a.unit), wordsOf(b.unit)
	return scriptOf(x) == scriptOf(y) && !strings.HasPrefix(x, y) && !strings.HasPrefix(y, x)
}

// countsAny reports whether a unit says nothing of what is counted: 5 units, 5个.
func countsAny(unit string) bool { return unit == "piece" || unit == "unit" }
