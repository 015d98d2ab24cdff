package grade

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// answer is a final answer as the strict grader understands it.
type answer struct {
	text string // in the notation of writeAlike
	name string // what stands before "=": x, f(x), \angle A
	unit string // what stands after a number
	open string // brackets of a list: "(", "[", "{" or "" for a bare one
	shut string
	// leadUnit stands before the number.
	leadUnit  string
	unitKnown bool      // all words of the unit are in a lexicon
	items     []*answer // of a list; nil for a single value
	// values are the readings of a single value: 1.250 may be 5/4 or 1250.
	values []*expr
	// product reads a mixed number such as 2 5/8 as a product.
	product *expr
	// multiple reads 18k with a variable k.
	multiple  *expr
	decimals  int // digits after the point of a literal decimal, or -1
	percent   bool
	prose     bool
	column    bool // a list marked as a column by a transposition
	bracketed bool // an item in square brackets
	// alternative is the list that it is where its commas separate items.
	alternative *answer
}

var (
	namePattern = regexp.MustCompile(`^(?:\\angle ?)?(\\?[A-Za-z]+(?:_(?:\{[^{}]*\}|\w))?'?(?:` +
		` ?\([a-zA-Z, ]*\))?|\\(?:math(?:bb|cal|bf|frak|scr)|vec|overrightarrow|hat) ?\{? ?[a-zA-Z]{1,2}` +
		` ?\}?|\([a-zA-Z], ?[a-zA-Z](?:, ?[a-zA-Z])?\)) ?(?:=|\\in\b ?|:=|\\approx\b ?)([^=].*)$`)
	approximate  = regexp.MustCompile(`^\\(?:approx|sim|simeq|cong)(?:$|[^a-zA-Z]) *`)
	restated     = regexp.MustCompile(`^(.*\S) \(([^()]*[\pL\pM.][^()]*)\)$`)
	zeroPattern  = regexp.MustCompile(`^(.*?) ?- ?\((.*)\) ?= ?0$`)
	reversedName = regexp.MustCompile(`^(.*[^=<> ]) ?= ?(\\?[A-Za-z]+(?:_(?:\{[^{}]*\}|\w)` +
		`|\^\{-1\})?(?:\([a-z]\))?)$`)
	basePattern  = regexp.MustCompile(`^\(?([0-9A-Za-z]+)\)?_(?:\{(\d{1,2})\}|(\d))$`)
	pythonCall   = regexp.MustCompile(`(?:sqrt|log|exp|a?sin|a?cos|a?tan)\(`)
	mixedPattern = regexp.MustCompile(`^(-?)(\d+) ?\\frac ?\{ ?(\d+) ?\} ?\{ ?(\d+) ?\}$`)
	mixedSlash   = regexp.MustCompile(`^(-?)(\d+) (\d+) ?/ ?(\d+)$`)
	dozen        = regexp.MustCompile(`(?i)^(?:an?|one)? ?dozen$`)
	transposed   = regexp.MustCompile(`^(\(.*\)|\[.*\]) ?\^ ?(?:\{ ?(?:T|t|\\top|\\intercal|\\prime) ?\}` +
		`|T|t|\\top|\\intercal)$`)
	// notExpression holds marks that a parser would take for variables.
	notExpression = regexp.MustCompile(`\\(?:lor|land|unit|cup|cap|setminus|backslash|emptyset)(?:$` +
		`|[^a-zA-Z])|[0-9.,]\\(?:bar|dot|overline)`)
	proseRun    = regexp.MustCompile(`(?:^|[^\\a-zA-Z])[a-zA-Z]{3,}`)
	commaInside = regexp.MustCompile(`^([^,;]*\d),(\d[^,;]*)$`)
	suffixed    = regexp.MustCompile(`^-?[\d.,]+[kKMB]$`)
	angle       = regexp.MustCompile(`(\\(?:sin|cos|tan|cot|sec|csc)(?: ?\^ ?(?:\{\d\}|\d))?) ?(?:\(` +
		` ?(\d+(?:\.\d+)?) ?\\degree ?\)|\{ ?(\d+(?:\.\d+)?) ?\\degree ?\}|(\d+(?:\.\d+)?) ?\\degree)`)
)

// readAnswer parses an answer in the notation of writeAlike.
func readAnswer(s string, b *budget, depth int) *answer {
	a := &answer{text: strip(approximate.ReplaceAllString(strings.TrimLeft(s, "=:≈ "), "")), decimals: -1}
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
	if sides := strings.Split(a.text, "="); len(sides) > 1 && (a.name != "" || len(sides) > 2) &&
		markConjunctions(a.text) == a.text && !notExpression.MatchString(a.text) && allExpressions(sides, b) {
		a.text = strip(sides[len(sides)-1]) // t = 4/8 = 1/2
	}
	if m := restated.FindStringSubmatch(a.text); m != nil && a.isRestated(m[1], m[2], b, depth) {
		a.text = strip(m[1])
	}
	if m := transposed.FindStringSubmatch(a.text); m != nil && strings.ContainsAny(m[1], ",;") {
		list := readAnswer(m[1], b, depth+1)
		if list.items != nil && list.open != "" {
			list.name, list.column = a.name, true
			return list
		}
	}
	if a.readSeveral() {
		if list := (&answer{text: a.text, decimals: -1}); markConjunctions(a.text) != a.text &&
			list.readList(b, depth) {
			a.alternative = list // 3 m and 5 cm may be two answers
		}
		return a
	}
	if a.cutLead(); a.text != "" {
		a.cutPercent()
	}
	if a.leadUnit != "" {
		a.unit, a.unitKnown = a.leadUnit, words.unit(a.leadUnit) == a.leadUnit
	}
	if a.readNumeral(b) {
		return a
	}
	if a.readNumberWord() || a.readHalf(b) || a.readNumberWords(b, depth) {
		return a
	}
	if isProse(a.text) {
		if value, ok := parseChinese(a.text); ok {
			a.values = []*expr{rational(value)}
			return a
		}
		a.prose = true
		english := dozen.ReplaceAllString(convertNumberWords(a.text), "12")
		if isCanonicalInteger(english) && !strings.ContainsRune(a.text, ',') {
			a.prose = false
			a.text = english
		} else {
			return a
		}
	}
	if a.readNumber(false) || a.readMeasure(b) || a.readBase() {
		return a
	}
	if a.readList(b, depth) {
		// a decimal comma, perhaps
		if m := commaInside.FindStringSubmatch(a.text); m != nil && a.open == "" && a.values == nil {
			if e, ok := parseWhole(m[1]+"."+m[2], b); ok {
				a.values = []*expr{e}
			}
		}
		return a
	}
	a.readValue(b)
	return a
}

// readNumberWord recognises a number below a thousand in words, perhaps with a unit.
func (a *answer) readNumberWord() bool {
	if words.half[strings.ToLower(a.text)] {
		a.values = []*expr{rational(big.NewRat(1, 2))}
		return true
	}
	s, minus := strings.CutPrefix(a.text, "-")
	n, width := numberAt(s)
	if n == nil || width == len(literal.FindString(s)) {
		return false
	}
	if minus {
		n.Neg(n)
	}
	rest := strip(s[width:])
	isFraction := func(word string) bool { return words.fractions[word] > 0 }
	if part := longestWord(strings.TrimLeft(rest, "-"), isFraction); part != "" {
		if strings.TrimLeft(rest, "-") != part {
			return false
		}
		a.values = []*expr{rational(n.Quo(n, big.NewRat(words.fractions[strings.ToLower(part)], 1)))}
		return true // three quarters
	}
	if rest != "" {
		unit, known := readUnit(rest)
		if unit == "" || !known {
			return false
		}
		a.unit, a.unitKnown = canonicalUnit(unit), true
	}
	a.values = []*expr{rational(n)}
	return true
}

// readHalf recognises a measure with a half after its unit: deux heures et demie.
func (a *answer) readHalf(b *budget) bool {
	for half := range words.andHalf {
		before, ok := strings.CutSuffix(a.text, half)
		head := &answer{text: strip(before), decimals: -1}
		if !ok || !isUnspaced(firstRune(half)) && head.text == before || head.text == "" ||
			head.text[0] == '-' {
			continue
		}
		if (head.readNumberWord() || head.readMeasure(b)) && head.unitKnown && len(head.values) == 1 {
			a.values = []*expr{sum(head.values[0], rational(big.NewRat(1, 2)))}
			a.unit, a.unitKnown = head.unit, true
			return true
		}
	}
	return false
}

// readNumberWords recognises a list of numbers in words: two and three.
func (a *answer) readNumberWords(b *budget, depth int) bool {
	parts := splitTop(conjunction.ReplaceAllString(markConjunctions(a.text), "; "))
	if len(parts) == 1 {
		return false
	}
	for _, part := range parts {
		if s := strip(part); len(longestWord(s, words.isNumber)) != len(s) || s == "" {
			return false
		}
	}
	a.items = readItems(parts, b, depth)
	return true
}

// isRestated reports whether what stands in brackets after a value says nothing else:
// 300 (three hundred), 15 (approx.).
func (a *answer) isRestated(head, inside string, b *budget, depth int) bool {
	if words.lead[strings.ToLower(strip(inside))] {
		return true
	}
	outer, inner := readAnswer(head, b, depth+1), readAnswer(inside, b, depth+1)
	if len(outer.values) != 1 || len(inner.values) != 1 {
		return false
	}
	x, okX := exact(outer.values[0], b)
	y, okY := exact(inner.values[0], b)
	return okX && okY && x.Cmp(y) == 0
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

// readNumber recognises numbers in digits, whose separators can be read in several ways,
// repeating decimals and Chinese numerals. A comma may separate two items and is left
// alone unless alone says that there is one number.
func (a *answer) readNumber(alone bool) bool {
	s := strip(strings.TrimSuffix(a.text, `\degree`))
	if isCanonicalInteger(s) && !a.percent && !alone || commaDecimal.MatchString(s) && !alone &&
		!a.percent && !thousands.MatchString(s) {
		return false
	}
	values, decimals := readDecimal(s)
	if values == nil {
		if value, ok := repeatingDecimal(s); ok {
			values = []*big.Rat{value}
		} else if value, ok := parseChinese(s); ok {
			values = []*big.Rat{value}
		}
	}
	for _, value := range values {
		a.values = append(a.values, rational(value))
	}
	if values != nil {
		a.decimals = decimals
	}
	return values != nil
}

// readNumeral recognises a number with magnitude words, perhaps with a unit.
func (a *answer) readNumeral(b *budget) bool {
	s, minus := strings.CutPrefix(a.text, "-")
	if _, ok := parseChinese(a.text); ok {
		return false // 三分之一 too
	}
	values, rest, ok := readMagnitude(strip(s), b)
	if !ok {
		return a.readMultiple(b)
	}
	if rest = strip(rest); rest != "" {
		unit, known := readUnit(rest)
		if unit == "" {
			return false
		}
		a.unit, a.unitKnown = canonicalUnit(unit), known
	}
	for _, value := range values {
		if minus {
			value.Neg(value)
		}
		a.values = append(a.values, rational(value))
	}
	if suffixed.MatchString(a.text) {
		// Or a product with the variable k.
		if e, ok := parseWhole(a.text, b); ok {
			a.multiple = e
		}
	}
	return true
}

// readList recognises lists: in brackets with a comma at the top level, or
// bare. "1 \pm 2" is a list of two.
func (a *answer) readList(b *budget, depth int) bool {
	s := a.text
	for open, shut := range map[string]string{`\{`: `\}`, "{": "}"} {
		if body, ok := strings.CutPrefix(s, open); ok && strings.HasSuffix(body, shut) {
			if body = strings.TrimSuffix(body, shut); balanced(body) {
				parts := splitItems(body)
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
	if len(s) > 2 && strings.ContainsAny(s[:1], "([") && strings.ContainsAny(s[len(s)-1:], ")]") &&
		balanced(s[1:len(s)-1]) {
		if parts := splitItems(s[1 : len(s)-1]); len(parts) > 1 {
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
	if balanced(s) && a.readBareList(conjunction.ReplaceAllString(markConjunctions(s), "; "), b, depth) {
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

// readBareList reads items between commas or semicolons, which stand for conjunctions
// too. Between semicolons, a comma may be a decimal one.
func (a *answer) readBareList(s string, b *budget, depth int) bool {
	all, decimals := splitTop(s), splitItems(s)
	if len(all) == 1 {
		return false
	}
	a.items = readItems(decimals, b, depth)
	if len(all) > len(decimals) {
		a.alternative = &answer{text: a.text, decimals: -1, items: readItems(all, b, depth)}
	}
	return true
}

// readItems reads the items; one with ± in it becomes two.
func readItems(parts []string, b *budget, depth int) []*answer {
	items := []*answer{}
	for _, part := range parts {
		item := readAnswer(part, b, depth+1)
		item.bracketed = strings.HasPrefix(strip(part), "[")
		if item.items != nil && commaDecimal.MatchString(item.text) && len(item.values) > 0 {
			item.items, item.alternative = nil, nil // an item is one number
		}
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
	if notExpression.MatchString(s) {
		return
	}
	if e, ok := parseWhole(s, b); ok {
		a.values = append(a.values, e)
	}
}

// readMultiple recognises an expression with magnitude words: \frac{1}{2}\text{ million}.
func (a *answer) readMultiple(b *budget) bool {
	for _, from := range wordStarts(a.text) {
		head := strip(a.text[:from])
		if !startsWithMagnitude(a.text[from:]) || !strings.ContainsAny(head, `\/`) || !b.spend(len(a.text)) {
			continue
		}
		sizes, rest, ok := readMagnitude("1 "+a.text[from:], b)
		number := &answer{text: head, decimals: -1}
		if number.readValue(b); !ok || len(number.values) == 0 || !number.values[0].isScalar() {
			return false
		}
		if rest = strip(rest); rest != "" {
			unit, known := readUnit(rest)
			if unit == "" {
				return false
			}
			a.unit, a.unitKnown = canonicalUnit(unit), known
		}
		for _, size := range sizes {
			a.values = append(a.values, product(number.values[0], rational(size)))
		}
		return true
	}
	return false
}

// readMeasure recognises a number or expression with a unit.
func (a *answer) readMeasure(b *budget) bool {
	s := a.text
	if !strings.Contains(s, unitCommand) {
		s = strip(strings.ReplaceAll(s, `\degree`, ""))
	}
	if !b.spend(30 * len(s)) {
		return false
	}
	head, unit, known := splitUnit(s)
	if unit == "" || head == "" {
		return false
	}
	if proseRun.MatchString(head) || markConjunctions(head) != head {
		return false // 4 apples and 5 oranges: no product of letters
	}
	number := &answer{text: strip(strings.ReplaceAll(head, `\degree`, "")), decimals: -1}
	if number.cutPercent(); number.text == "" {
		return false
	}
	if values, _ := readDecimal(number.text); values == nil &&
		len(splitTop(markConjunctions(number.text))) > 1 {
		if !number.readList(b, 6) || number.open == "" {
			return false
		}
		a.items, a.open, a.shut = number.items, number.open, number.shut
		return true
	}
	if !number.readNumeral(b) && !number.readNumber(true) {
		number.readValue(b)
	}
	if len(number.values) == 0 || number.values[0].kind == kindRelation {
		return false
	}
	a.unit, a.unitKnown, a.percent = unit, known, a.percent || number.percent
	a.values, a.decimals, a.product = number.values, number.decimals, number.product
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
	if e, ok := parsePython(strings.ReplaceAll(s, "^", "**"), b); ok &&
		(e.isScalar() || e.kind == kindRelation) {
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
func splitTop(s string) []string { return splitMarks(s, ",;") }

// splitMarks splits at each of some ASCII marks outside all brackets.
func splitMarks(s, marks string) []string {
	var parts []string
	depth, start := 0, 0
	for i, r := range s {
		switch {
		case strings.ContainsRune("([{", r):
			depth++
		case strings.ContainsRune(")]}", r):
			depth--
		case depth == 0 && strings.ContainsRune(marks, r):
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}
