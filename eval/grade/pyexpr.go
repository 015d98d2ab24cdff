package grade

import (
	"math/big"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pythonParser reads the Python expressions that SymPy's parse_expr makes sense
// of: arithmetic, calls, tuples, lists, sets and strings. The whole text must
// be one expression. Nothing is looked up or run: a name is a symbol, unless
// it is one of the few that SymPy's namespace defines and answers use.
type pythonParser struct {
	source string
	at     int
	depth  int
	budget *budget
}

// parsePython parses s as a Python expression.
func parsePython(s string, b *budget) (*expr, bool) {
	if len(s) > maxAnswer {
		return nil, false
	}
	first, _, _ := strings.Cut(s, ")or(") // (1,2)or(3,4) is (1,2)
	if first != s {
		if _, ok := parsePython(s[len(first)+len(")or"):], b); !ok {
			return nil, false
		}
		s = first + ")"
	}
	p := &pythonParser{source: strip(s), budget: b}
	e, ok := p.tuple(kindTuple, 0)
	if !ok || p.at < len(p.source) {
		return nil, false
	}
	return e, true
}

// peek returns the next character that is not blank, or 0.
func (p *pythonParser) peek() byte {
	for p.at < len(p.source) && isBlank(p.source[p.at]) {
		p.at++
	}
	if p.at == len(p.source) {
		return 0
	}
	return p.source[p.at]
}

// accept consumes the operator s.
func (p *pythonParser) accept(s string) bool {
	p.peek()
	if !strings.HasPrefix(p.source[p.at:], s) {
		return false
	}
	p.at += len(s)
	return true
}

// tuple reads expressions between commas up to the bracket shut, or the end of
// the text where shut is 0. Without a comma the single expression is returned
// if k is kindTuple, which is what parentheses mean.
func (p *pythonParser) tuple(k kind, shut byte) (*expr, bool) {
	if p.depth++; p.depth > maxDepth || !p.budget.spend(1) {
		return nil, false
	}
	defer func() { p.depth-- }()
	var items []*expr
	commas := 0
	for p.peek() != shut {
		if len(items) > commas {
			return nil, false
		}
		item, ok := p.sum()
		if !ok {
			return nil, false
		}
		items = append(items, item)
		if p.accept(",") {
			commas++
		}
	}
	if shut != 0 {
		p.at++
	}
	if k != kindTuple {
		return collection(k, items), true
	}
	switch {
	case len(items) == 1 && commas == 0:
		return items[0], true
	case len(items) == 0 && shut == 0:
		return nil, false
	}
	return collection(k, items), true
}

// sum = product { ("+" | "-") product }.
func (p *pythonParser) sum() (*expr, bool) {
	left, ok := p.product()
	for ok {
		minus := p.peek() == '-'
		if !minus && p.peek() != '+' {
			break
		}
		p.at++
		right, okRight := p.product()
		if !okRight || !left.isScalar() || !right.isScalar() {
			return nil, false
		}
		if minus {
			right = negative(right)
		}
		left = sum(left, right)
	}
	return left, ok
}

// product = signed { ("*" | "/") signed }.
func (p *pythonParser) product() (*expr, bool) {
	left, ok := p.signed()
	for ok {
		divide := p.peek() == '/'
		if !divide && p.peek() != '*' {
			break
		}
		p.at++
		right, okRight := p.signed()
		if !okRight || !left.isScalar() || !right.isScalar() {
			return nil, false
		}
		if divide {
			right = inverse(right)
		}
		left = product(left, right)
	}
	return left, ok
}

// signed = ("+" | "-" | "~") signed | power.
func (p *pythonParser) signed() (*expr, bool) {
	if p.depth++; p.depth > maxDepth || !p.budget.spend(1) {
		return nil, false
	}
	defer func() { p.depth-- }()
	switch p.peek() {
	case '+', '-':
		minus := p.peek() == '-'
		p.at++
		e, ok := p.signed()
		if !ok || !e.isScalar() {
			return nil, false
		}
		if minus {
			e = negative(e)
		}
		return e, true
	case '~': // all bits turned over: ~n is -n-1, and nothing else has bits
		p.at++
		e, ok := p.signed()
		if !ok || e.kind != kindNumber || !e.number.IsInt() {
			return nil, false
		}
		return negative(sum(e, integer(1))), true
	}
	base, ok := p.primary()
	for ok && base.isScalar() && p.peek() == '!' {
		p.at++
		base = function("factorial", base)
	}
	if !ok || !p.accept("**") {
		return base, ok
	}
	exponent, ok := p.signed()
	if !ok || !base.isScalar() || !exponent.isScalar() {
		return nil, false
	}
	return power(base, exponent), true
}

// primary is a number, a name, a call, a string or a bracketed list.
func (p *pythonParser) primary() (*expr, bool) {
	switch c := p.peek(); {
	case c == '(':
		p.at++
		return p.tuple(kindTuple, ')')
	case c == '[':
		p.at++
		return p.tuple(kindList, ']')
	case c == '{':
		p.at++
		return p.tuple(kindSet, '}')
	case c == '"' || c == '\'':
		body, _, found := strings.Cut(p.source[p.at+1:], string(c))
		if !found || body == "" || strings.ContainsAny(body, "\\\n") {
			return nil, false
		}
		p.at += len(body) + 2
		return text(body), true
	case isDigit(c) || c == '.':
		return p.number()
	}
	return p.name()
}

// number = integer or decimal, with an exponent.
func (p *pythonParser) number() (*expr, bool) {
	start := p.at
	digits := func() (n int) {
		for p.at < len(p.source) && isDigit(p.source[p.at]) {
			p.at++
			n++
		}
		return n
	}
	whole, decimals := digits(), 0
	isInteger := true
	if p.at < len(p.source) && p.source[p.at] == '.' {
		p.at++
		isInteger = false
		decimals = digits()
	}
	if whole+decimals == 0 {
		return nil, false
	}
	if p.at < len(p.source) && p.source[p.at]|0x20 == 'e' {
		p.at++
		isInteger = false
		if p.at < len(p.source) && (p.source[p.at] == '+' || p.source[p.at] == '-') {
			p.at++
		}
		if digits() == 0 {
			return nil, false
		}
	}
	spelling := p.source[start:p.at]
	next, _ := utf8.DecodeRuneInString(p.source[p.at:])
	if p.at < len(p.source) && isWord(next) {
		return nil, false
	}
	if isInteger && whole > 1 && spelling[0] == '0' && strings.Trim(spelling, "0") != "" {
		return nil, false // Python has no leading zeros
	}
	r, ok := parseRational(spelling, p.budget)
	if !ok {
		return nil, false
	}
	return rational(r), true
}

// pythonFunctions are the functions of SymPy's namespace that answers use.
var pythonFunctions = map[string]string{
	"sqrt": "sqrt", "exp": "exp", "log": "log", "ln": "log", "sin": "sin", "cos": "cos",
	"tan": "tan", "cot": "cot", "sec": "sec", "csc": "csc", "asin": "asin", "acos": "acos",
	"atan": "atan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "Abs": "abs", "abs": "abs",
	"factorial": "factorial", "binomial": "binomial", "floor": "floor", "ceiling": "ceiling",
	"gamma": "gamma",
}

// pythonArity gives the functions that do not take one argument.
var pythonArity = map[string]int{"binomial": 2}

// pythonNames are the names that denote something else than a symbol.
var pythonNames = map[string]*expr{
	"pi": constant("pi"), "E": constant("e"), "I": constant("i"), "oo": infinity,
	"True": truth(true), "False": truth(false),
}

// pythonReserved are keywords, and objects that are no expressions.
var pythonReserved = map[string]bool{
	"and": true, "or": true, "not": true, "in": true, "is": true, "if": true, "else": true,
	"for": true, "lambda": true, "None": true, "as": true, "from": true, "N": true, "O": true,
	"S": true, "Q": true, "beta": true, "zeta": true, "def": true, "del": true, "while": true,
	"with": true, "yield": true, "return": true, "import": true, "pass": true, "class": true,
}

// name reads an identifier of any script, and the arguments of a call.
func (p *pythonParser) name() (*expr, bool) {
	p.peek()
	start := p.at
	for i, r := range p.source[start:] {
		if !isWord(r) && (i == 0 || !unicode.Is(unicode.M, r)) {
			break
		}
		p.at = start + i + utf8.RuneLen(r)
	}
	name := p.source[start:p.at]
	if name == "" || pythonReserved[name] || unicode.IsNumber(firstRune(name)) {
		return nil, false
	}
	if p.peek() != '(' {
		if e, ok := pythonNames[name]; ok {
			return e, true
		}
		return symbol(name), pythonFunctions[name] == ""
	}
	p.at++
	list, ok := p.tuple(kindList, ')')
	if !ok || len(list.args) == 0 || pythonNames[name] != nil {
		return nil, false
	}
	for _, arg := range list.args {
		if !arg.isScalar() {
			return nil, false
		}
	}
	known := pythonFunctions[name]
	if known == "" {
		return function("apply "+name, list.args...), true
	}
	if len(list.args) != max(1, pythonArity[known]) {
		return nil, false
	}
	if known == "sqrt" {
		return power(list.args[0], rational(big.NewRat(1, 2))), true
	}
	return function(known, list.args...), true
}
