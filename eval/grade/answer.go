package grade

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// answer is a final answer as the strict grader understands it.
type answer struct {
	text  string // in the notation of writeAlike
	name  string // what stands before "=": x, f(x), \angle A
	unit  string // what stands after a number
	open  string // brackets of a list: "(", "[", "{" or "" for a bare one
	shut  string
	items []*answer // of a list; nil for a single value
	// values are the readings of a single value: 1.250 may be 5/4 or 1250.
	values []*expr
	// product is what a mixed number such as 2 5/8 would be as a product.
	product  *expr
	decimals int // digits after the point of a literal decimal, or -1
	percent  bool
	prose    bool
}

var (
	namePattern    = regexp.MustCompile(`^(?:\\angle ?)?(\\?[A-Za-z]+(?:_(?:\{[^{}]*\}|\w))?'?(?: ?\([a-zA-Z, ]*\))?|\([a-zA-Z], ?[a-zA-Z](?:, ?[a-zA-Z])?\)) ?(?:=|\\in\b ?|:=)([^=].*)$`)
	zeroPattern    = regexp.MustCompile(`^(.*?) ?- ?\((.*)\) ?= ?0$`)
	reversedName   = regexp.MustCompile(`^(.*[^=<> ]) ?= ?(\\?[A-Za-z]+(?:_(?:\{[^{}]*\}|\w)|\^\{-1\})?(?:\([a-z]\))?)$`)
	basePattern    = regexp.MustCompile(`^([0-9A-Za-z]+)_(?:\{(\d{1,2})\}|(\d))$`)
	pythonCall     = regexp.MustCompile(`(?:sqrt|log|exp|a?sin|a?cos|a?tan)\(`)
	thousands      = regexp.MustCompile(`^-?[1-9]\d{0,2}(?:(?:,\d{3})+|(?: \d{3})+|(?:\.\d{3})+|(?:'\d{3})+)$`)
	thousandsTail  = regexp.MustCompile(`^-?[1-9]\d{0,2}(?:,\d{3})+\.\d+$`)
	indianNumber   = regexp.MustCompile(`^-?[1-9]\d?(?:,\d{2})+,\d{3}$`)
	commaDecimal   = regexp.MustCompile(`^-?\d+,\d+$`)
	decimalPattern = regexp.MustCompile(`^-?\d*\.(\d+)(?:e[+-]?\d+)?$`)
	sciencePattern = regexp.MustCompile(`^-?\d+(?:\.\d+)?[eE][+-]?\d+$`)
	mixedPattern   = regexp.MustCompile(`^(-?)(\d+) ?\\frac ?\{ ?(\d+) ?\} ?\{ ?(\d+) ?\}$`)
	mixedSlash     = regexp.MustCompile(`^(-?)(\d+) (\d+) ?/ ?(\d+)$`)
	repeating      = regexp.MustCompile(`^(-?)(\d*)\.(\d*?)(?:\\overline ?\{(\d+)\}|\((\d+)\))$`)
	unitPattern    = regexp.MustCompile(`^(-?(?:[\d.,]*\d(?: \d{3})*|\\frac\{\d+\}\{\d+\}|\d+/\d+)) ?((?:\pL|\pM|\\degree|\\[Cc]irc)[\pL\pM .\^{}23/\\-]*)$`)
	dozen          = regexp.MustCompile(`(?i)^(?:an?|one)? ?dozen$`)
	angle          = regexp.MustCompile(`(\\(?:sin|cos|tan|cot|sec|csc)(?: ?\^ ?(?:\{\d\}|\d))?) ?(?:\( ?(\d+(?:\.\d+)?) ?\\degree ?\)|\{ ?(\d+(?:\.\d+)?) ?\\degree ?\}|(\d+(?:\.\d+)?) ?\\degree)`)
	listWords      = regexp.MustCompile(` *(?:;| and | or |, *and |, *or ) *`)
)

// readAnswer parses an answer in the notation of writeAlike.
func readAnswer(s string, b *budget, depth int) *answer {
	a := &answer{text: strip(strings.TrimLeft(s, "=:≈ ")), decimals: -1}
	if depth > 8 || !b.spend(100+10*len(s)) { // a dozen patterns are tried
		return a
	}
	if m := zeroPattern.FindStringSubmatch(a.text); m != nil && balanced(m[2]) {
		if named := namePattern.FindStringSubmatch(m[1] + "=0"); named != nil {
			a.name, a.text = named[1], strip(m[2])
		}
	} else if m := namePattern.FindStringSubmatch(a.text); m != nil {
		a.name, a.text = strip(m[1]), strip(m[2])
	} else if m := reversedName.FindStringSubmatch(a.text); m != nil && !strings.Contains(m[1], "=") {
		a.name, a.text = m[2], strip(m[1])
	}
	if sides := strings.Split(a.text, "="); len(sides) > 1 && (a.name != "" || len(sides) > 2) && allExpressions(sides, b) {
		a.text = strip(sides[len(sides)-1]) // t = 4/8 = 1/2
	}
	if isProse(a.text) {
		if value, ok := parseChinese(a.text); ok {
			a.values = []*expr{rational(value)}
			return a
		}
		a.prose = true
		if english := dozen.ReplaceAllString(convertNumberWords(a.text), "12"); isCanonicalInteger(english) && !strings.ContainsRune(a.text, ',') {
			a.prose = false
			a.text = english
		} else {
			return a
		}
	}
	if a.readNumber() || a.readUnit(b) || a.readBase() {
		return a
	}
	if a.readList(b, depth) {
		if commaDecimal.MatchString(a.text) { // a decimal comma, perhaps
			if value, ok := parseRational(strings.ReplaceAll(a.text, ",", "."), b); ok {
				a.values = []*expr{rational(value)}
			}
		}
		return a
	}
	a.readValue(b)
	return a
}

// allExpressions reports whether all texts are expressions.
func allExpressions(texts []string, b *budget) bool {
	for _, s := range texts {
		if e, ok := parseWhole(s, b); !ok || !e.isScalar() {
			return false
		}
	}
	return true
}

// readNumber recognises numbers whose separators can be read in several ways.
func (a *answer) readNumber() bool {
	s := a.text
	if body := strings.TrimSuffix(strings.TrimSuffix(s, "%"), `\`); body != s {
		a.percent = true
		s = strip(body)
	}
	s = strings.TrimSuffix(s, `\degree`)
	s = strip(s)
	var readings []string
	switch {
	case thousands.MatchString(s):
		readings = []string{strings.NewReplacer(",", "", " ", "", ".", "", "'", "").Replace(s)}
		if strings.Count(s, ".") == 1 {
			readings = append(readings, s)
		}
	case thousandsTail.MatchString(s), indianNumber.MatchString(s):
		readings = []string{strings.ReplaceAll(s, ",", "")}
	case decimalPattern.MatchString(s), sciencePattern.MatchString(s), a.percent && isCanonicalInteger(s):
		readings = []string{s}
		if m := decimalPattern.FindStringSubmatch(s); m != nil {
			a.decimals = len(m[1])
		}
	default:
		if value, ok := repeatingDecimal(s); ok {
			a.values = []*expr{rational(value)}
			return true
		}
		if chinese, ok := parseChinese(s); ok {
			a.values = []*expr{rational(chinese)}
			return true
		}
		return false
	}
	for _, reading := range readings {
		value, ok := new(big.Rat), len(reading) < 500
		if ok {
			value, ok = parseRational(strings.TrimSuffix(reading, "."), &budget{left: 1000})
		}
		if ok {
			a.values = append(a.values, rational(value))
		}
	}
	return len(a.values) > 0
}

// repeatingDecimal reads 0.1\overline{6}, 0.1(6) and 0.1666...
func repeatingDecimal(s string) (*big.Rat, bool) {
	var whole, fixed, cycle string
	if m := repeating.FindStringSubmatch(s); m != nil {
		whole, fixed, cycle = m[1]+m[2], m[3], m[4]+m[5]
	} else {
		digits, ok := strings.CutSuffix(s, "...")
		decimals := digits[strings.Index(digits, ".")+1:]
		if !ok || len(decimals) < 3 || len(decimals) == len(digits) || digitsEnd(decimals, 0) != len(decimals) {
			return nil, false
		}
		whole, cycle = digits[:len(digits)-len(decimals)-1], decimals[len(decimals)-1:]
		if fixed = strings.TrimRight(decimals, cycle); len(decimals)-len(fixed) < 2 {
			return nil, false
		}
	}
	if len(fixed)+len(cycle) > 100 {
		return nil, false
	}
	// x.fc with cycle c is x.f plus c / (10^|c| - 1) / 10^|f|.
	value, ok := new(big.Rat).SetString(strings.TrimPrefix(whole, "-") + "." + fixed + "0")
	if !ok {
		if value, ok = new(big.Rat).SetString("0." + fixed + "0"); !ok {
			return nil, false
		}
	}
	nines, _ := new(big.Int).SetString(strings.Repeat("9", len(cycle))+strings.Repeat("0", len(fixed)), 10)
	digits, _ := new(big.Int).SetString(cycle, 10)
	value.Add(value, new(big.Rat).SetFrac(digits, nines))
	if strings.HasPrefix(whole, "-") {
		value.Neg(value)
	}
	return value, true
}

// readList recognises lists: in brackets with a comma at the top level, or
// bare. "1 \pm 2" is a list of two.
func (a *answer) readList(b *budget, depth int) bool {
	s := a.text
	for open, shut := range map[string]string{`\{`: `\}`, "{": "}"} {
		if body, ok := strings.CutPrefix(s, open); ok && strings.HasSuffix(body, shut) {
			if body = strings.TrimSuffix(body, shut); balanced(body) {
				parts := splitTop(body)
				if open == "{" && len(parts) == 1 && !strings.Contains(body, `\pm`) {
					*a = *readAnswer(body, b, depth+1)
					return true
				}
				a.open, a.shut = "{", "}"
				a.items = readItems(parts, b, depth)
				return true
			}
		}
	}
	for _, operator := range []string{`\cup`, `\cap`} {
		if parts := strings.Split(s, operator); len(parts) > 1 {
			a.open, a.shut = operator, operator
			a.items = readItems(parts, b, depth)
			return true
		}
	}
	if len(s) > 2 && strings.ContainsAny(s[:1], "([") && strings.ContainsAny(s[len(s)-1:], ")]") && balanced(s[1:len(s)-1]) {
		if parts := splitTop(s[1 : len(s)-1]); len(parts) > 1 {
			a.open, a.shut = s[:1], s[len(s)-1:]
			a.items = readItems(parts, b, depth)
			return true
		} else if s[0] == '(' && s[len(s)-1] == ')' || s[0] == '[' && s[len(s)-1] == ']' {
			inner := readAnswer(s[1:len(s)-1], b, depth+1)
			if inner.prose || len(inner.values) > 0 || inner.items != nil {
				name := a.name
				*a = *inner
				if a.name == "" {
					a.name = name
				}
				return true
			}
		}
	}
	if parts := splitTop(listWords.ReplaceAllString(s, ", ")); len(parts) > 1 && balanced(s) {
		a.items = readItems(parts, b, depth)
		return true
	}
	if strings.Count(s, `\pm`) == 1 {
		a.items = readItems([]string{
			strings.NewReplacer(`\pm`, "+", `\mp`, "-").Replace(s),
			strings.NewReplacer(`\pm`, "-", `\mp`, "+").Replace(s),
		}, b, depth)
		return true
	}
	return false
}

// readItems reads the items; one with ± in it becomes two.
func readItems(parts []string, b *budget, depth int) []*answer {
	items := []*answer{}
	for _, part := range parts {
		item := readAnswer(part, b, depth+1)
		if item.open == "" && item.items != nil && strings.Contains(part, `\pm`) {
			items = append(items, item.items...)
		} else {
			items = append(items, item)
		}
	}
	return items
}

// readValue recognises numbers with units, mixed numbers and expressions.
func (a *answer) readValue(b *budget) {
	// Degrees count under a trigonometric function; elsewhere they are a unit.
	s := angle.ReplaceAllString(a.text, `$1(\frac{$2$3$4\pi }{180})`)
	s = strip(strings.ReplaceAll(s, `\degree`, ""))
	for _, pattern := range []*regexp.Regexp{mixedPattern, mixedSlash} {
		if m := pattern.FindStringSubmatch(s); m != nil {
			whole, _ := new(big.Rat).SetString(m[2])
			part, ok := new(big.Rat).SetString(m[3] + "/" + m[4])
			if ok && part.Cmp(big.NewRat(1, 1)) < 0 {
				a.product = product(rational(new(big.Rat).Set(whole)), rational(part))
				whole.Add(whole, part)
				if m[1] == "-" {
					whole.Neg(whole)
				}
				a.values = append(a.values, rational(whole))
				return // not the product of the two
			}
		}
	}
	if e, ok := parseWhole(s, b); ok {
		a.values = append(a.values, e)
	}
}

// readUnit recognises a number with a unit.
func (a *answer) readUnit(b *budget) bool {
	m := unitPattern.FindStringSubmatch(strip(strings.ReplaceAll(a.text, `\degree`, "")))
	if m == nil || !isUnit(m[2]) {
		return false
	}
	number := &answer{text: m[1], decimals: -1}
	if !number.readNumber() {
		e, ok := parseWhole(number.text, b)
		if !ok {
			return false
		}
		number.values = []*expr{e}
	}
	a.unit, a.values, a.decimals = wordsOf(m[2]), number.values, number.decimals
	return true
}

// readBase recognises an integer in another base, such as 204_5.
func (a *answer) readBase() bool {
	m := basePattern.FindStringSubmatch(compact(a.text))
	if m == nil {
		return false
	}
	base, _ := strconv.Atoi(m[2] + m[3])
	if base < 2 || base > 36 || len(m[1]) > 200 {
		return false
	}
	value, ok := new(big.Int).SetString(m[1], base)
	if !ok {
		return false
	}
	a.values, a.unit = []*expr{rational(new(big.Rat).SetInt(value))}, ""
	return true
}

// unitLetters are the units of one letter that are not taken for variables.
const unitLetters = "mgshL"

// isUnit reports whether what follows a number is a unit: a word, or a letter
// that is a frequent one.
func isUnit(s string) bool {
	word := wordsOf(s)
	first, _, _ := strings.Cut(s, " ")
	switch {
	case first == "and" || first == "or":
		return false
	case strings.HasPrefix(s, `\`):
		return true
	case utf8.RuneCountInString(word) == 1:
		return firstRune(word) >= 0x80 && !unicode.Is(unicode.Greek, firstRune(word)) || strings.Contains(unitLetters, s)
	}
	// Products of variables are short and mix with exponents.
	return utf8.RuneCountInString(word) >= 3 || strings.Contains(" cm mm km kg mg ml hr ft mi lb oz in yd sq rs ", " "+strings.TrimRight(word, "23")+" ") || firstRune(word) >= 0x80
}

// parseWhole parses a text that is an expression or relation to its end.
func parseWhole(s string, b *budget) (*expr, bool) {
	if !strings.Contains(s, `\`) && pythonCall.MatchString(s) {
		if e, ok := parsePython(strings.ReplaceAll(s, "^", "**"), b); ok && e.isScalar() {
			return e, true
		}
	}
	p := &latexParser{lexer: lexer{source: strip(s)}, whole: true, budget: b}
	e, ok := p.relation()
	if ok && p.peek(0).kind == tokenEnd && !p.invalid {
		return e, true
	}
	if e, ok := parsePython(strings.ReplaceAll(s, "^", "**"), b); ok && (e.isScalar() || e.kind == kindRelation) {
		return e, true
	}
	if strings.Contains(s, "matrix") {
		s = strings.NewReplacer("pmatrix", "matrix", "bmatrix", "matrix").Replace(s)
		p := &latexParser{lexer: lexer{source: strip(s), extended: true}, extended: true, budget: b}
		if e, ok := p.chain(); ok && p.peek(0).kind == tokenEnd && !p.invalid {
			return e, true
		}
	}
	return nil, false
}

// balanced reports whether brackets of all kinds close what they open; round
// and square ones may close each other, as in intervals.
func balanced(s string) bool {
	depth, braces := 0, 0
	for _, r := range s {
		switch r {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		case '{':
			braces++
		case '}':
			braces--
		}
		if depth < 0 || braces < 0 {
			return false
		}
	}
	return depth == 0 && braces == 0
}

// splitTop splits at the commas and semicolons outside all brackets.
func splitTop(s string) []string {
	var parts []string
	depth, start := 0, 0
	for i, r := range s {
		switch r {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case ',', ';':
			if depth == 0 {
				parts = append(parts, s[start:i])
				start = i + 1
			}
		}
	}
	return append(parts, s[start:])
}
