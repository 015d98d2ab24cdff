package langid

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// compose writes letters in the form that lingua's models have: accents joined to
// their letters, and letters of another make (𝑥, ｘ, ﬁ, Arabic presentation forms) plain.
func compose(text string) string {
	if strings.IndexFunc(text, madeOtherwise) >= 0 {
		var out strings.Builder
		for _, r := range text {
			if madeOtherwise(r) {
				out.WriteString(norm.NFKC.String(string(r)))
			} else {
				out.WriteRune(r)
			}
		}
		text = out.String()
	}
	return norm.NFC.String(text)
}

func madeOtherwise(r rune) bool {
	return r >= 0x1D400 && r <= 0x1D7FF || r >= 0xFB00 && r <= 0xFDFF || r >= 0xFE70 && r <= 0xFFEF
}

// A token is a run of letters, with what stands before and after it.
type token struct {
	text        string
	left, right rune // the signs next to it, spaces apart; 0 at the ends of lines
	near        bool // left stands without a space
	nearRight   bool // and so does right
}

// operators join the names of a formula.
const operators = "=+*/^_<>|≤≥≦≧≠≈≡≅∼±∓×÷·∙⋅∘−√∑∏∫∂∈∉⊂⊆∪∩→⇒⇔↔↦∠∡△▲⊥∥∣°′″"

// prose returns the words of a text; none where only names are left, as in "y = 3x + 2".
func prose(text string) []string {
	var words []string
	for _, t := range proseTokens(text) {
		words = append(words, t.text)
	}
	return words
}

// proseTokens is prose with what stands beside the words.
func proseTokens(text string) []token {
	tokens := tokens(text)
	kept := tokens[:0]
	for i, t := range tokens {
		if !t.isSymbol(i > 0 && isLetter(tokens[i-1].text), i+1 < len(tokens) && isLetter(tokens[i+1].text)) {
			kept = append(kept, t)
		}
	}
	// A letter alone is a word only beside a word.
	var out []token
	anyWord := false
	for i, t := range kept {
		if isLetter(t.text) && (i == 0 || isLetter(kept[i-1].text)) &&
			(i+1 == len(kept) || isLetter(kept[i+1].text)) {
			continue
		}
		anyWord = anyWord || !t.mayBeName()
		out = append(out, t)
	}
	if !anyWord {
		return nil
	}
	return out
}

func tokens(text string) []token {
	var out []token
	runes := []rune(text)
	inside := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) }
	apart := func(r rune) bool { return r == ' ' || r == '\t' || r == 0xA0 }
	at := func(i int) rune {
		if i < 0 || i >= len(runes) || runes[i] == '\n' || runes[i] == '\r' {
			return 0
		}
		return runes[i]
	}
	for i := 0; i < len(runes); {
		if !inside(runes[i]) {
			i++
			continue
		}
		begin := i
		for i < len(runes) && (inside(runes[i]) || (runes[i] == '\'' || runes[i] == '’' || runes[i] == '-') &&
			inside(at(i+1))) {
			i++
		}
		l, r := begin-1, i
		for apart(at(l)) {
			l--
		}
		for apart(at(r)) {
			r++
		}
		out = append(out, token{string(runes[begin:i]), at(l), at(r), l == begin-1, r == i})
	}
	return out
}

// alphabetic are scripts whose letters stand for numbers in formulas, as 令 does not.
var alphabetic = []*unicode.RangeTable{
	unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Arabic, unicode.Hebrew, unicode.Armenian,
	unicode.Georgian,
}

// isLetter reports whether s is one letter of an alphabet.
func isLetter(s string) bool {
	for i, r := range s {
		if i == 0 && !unicode.In(r, alphabetic...) || i > 0 && !unicode.IsMark(r) {
			return false
		}
	}
	return s != ""
}

// isSymbol reports whether a token is part of a formula: a letter that stands for a
// number, or a short name beside an operator or a digit. before and after say whether
// the tokens beside it are single letters.
func (t token) isSymbol(before, after bool) bool {
	isOperator := func(r rune) bool { return r != 0 && strings.ContainsRune(operators, r) }
	operator := isOperator(t.left) || isOperator(t.right)
	number := t.near && unicode.IsNumber(t.left) || t.nearRight && unicode.IsNumber(t.right)
	bracket := t.near && strings.ContainsRune("([{", t.left) || t.nearRight &&
		strings.ContainsRune(")]}([{", t.right)
	hyphen := t.left == '-' && !t.near || t.right == '-' && !t.nearRight || t.near && t.left == '-' &&
		t.nearRight && t.right == '-'
	known := builtin() // scripts are the same whatever languages the user adds
	isGreek := func(script int) bool { return script >= 0 && known.scripts[script].table == unicode.Greek }
	script, letters := -2, 0
	mixed := false
	for _, r := range t.text {
		if !unicode.IsLetter(r) {
			continue
		}
		s := known.scriptOf(r)
		mixed = mixed || script >= 0 && s != script && (isGreek(s) || isGreek(script))
		script = s
		letters++
	}
	if mixed { // Δx, sinθ, kΩ
		return true
	}
	isLatin := script == latin
	greek := isGreek(script)
	if letters == 1 && isLetter(t.text) {
		switch {
		case greek:
			return true
		case isLatin && !strings.ContainsRune("aAIàÀyYeEoOóÓ", []rune(t.text)[0]):
			return true
		}
		return operator || number || bracket || hyphen
	}
	if !isLatin && !greek {
		return letters == 0
	}
	if oneLetterParts(t.text) { // f', x-y
		return true
	}
	switch {
	case letters <= 3 && (operator || number):
		return true
	case functions[strings.ToLower(t.text)]:
		return operator || number || bracket || before || after
	case capitals(t.text):
		return operator || number
	}
	return letters <= 4 && unicode.IsNumber(t.left) && units[t.text]
}

// mayBeName reports whether a token can be a name or a unit, as well as a word.
func (t token) mayBeName() bool {
	return isLetter(t.text) || consonants(t.text) || functions[strings.ToLower(t.text)] || capitals(t.text) ||
		units[t.text]
}

// oneLetterParts reports whether a token is Latin or Greek letters joined by hyphens or
// strokes; l' and d' before a word are not.
func oneLetterParts(s string) bool {
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == '\'' || r == '’' || r == '-' })
	return !slices.ContainsFunc(parts, func(part string) bool { return !isLetter(part) })
}

// capitals reports whether s is a name of points or quantities: up to four capitals.
func capitals(s string) bool {
	n := 0
	for _, r := range s {
		if !unicode.IsUpper(r) {
			return false
		}
		n++
	}
	return n <= 4
}

// consonants reports whether s is two or three Latin letters without a vowel, as xyz.
func consonants(s string) bool {
	return len(s) <= 3 && strings.Trim(strings.ToLower(s), "bcdfghjklmnpqrstvwxyz") == ""
}

func set(names string) map[string]bool {
	m := map[string]bool{}
	for _, name := range strings.Fields(names) {
		m[name] = true
	}
	return m
}

var (
	// functions are names of functions and operators, in the spellings of textbooks.
	functions = set(`sin cos tan cot sec csc cosec tg ctg cotg sen
		arcsin arccos arctan arctg asin acos atan sinh cosh tanh log ln lg exp max min sup inf lim
		mod gcd lcm hcf det dim ker deg arg rank sgn sqrt cbrt abs floor ceil
		pgcd ppcm mcd mcm ggt kgv ebob ekok fpb kpk nwd nww rad grad div rot curl`)
	// units follow a number.
	units = set(`nm mm cm dm m km ft yd mi mg g kg lb lbs oz ml mL cl dl L kL hl s ms min h hr
		Hz kHz MHz GHz N kN J kJ MJ cal kcal W kW MW GW kWh V kV mV A mA K C F Pa kPa MPa bar atm
		mol mmol eV keV MeV GeV Bq T ha kB MB GB mph kmh kph rpm ppm USD EUR GBP`)
)
