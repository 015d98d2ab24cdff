package grade

import (
	"slices"
	"strings"
)

// latexParser reads LaTeX as SymPy's parse_latex does. The grammar parses a
// prefix: whatever does not continue an expression ends it, silently, so that
// "3+" is 3 and "204_5" is 204. Every letter is a symbol of its own, π, e and i
// are symbols without a value, and a letter before a parenthesis is a function.
//
// Each method leaves the position where it found it when it fails.
type latexParser struct {
	lexer    lexer
	tokens   []token
	at       int
	depth    int
	inAbs    int  // open absolute value bars
	invalid  bool // an invalid token was looked at
	extended bool // the grammar of latex2sympy instead
	// whole makes a letter before parentheses a factor, unless it is one that
	// is mostly a function's, because n(n+1) is a product.
	whole bool
	// scriptDigits limits the digits that a script without braces may take; 0 is no
	// limit.
	scriptDigits int
	budget       *budget
}

// parseLatex parses the longest prefix of s that is a relation or expression.
func parseLatex(s string, b *budget) (*expr, bool) {
	p := &latexParser{lexer: lexer{source: strip(s)}, budget: b}
	e, ok := p.relation()
	p.peek(0) // the reference looks at the token that ends the prefix
	if !ok || p.invalid {
		return nil, false
	}
	return e, true
}

// peek returns the token n places ahead.
func (p *latexParser) peek(n int) token {
	for len(p.tokens) <= p.at+n {
		if !p.budget.spend(1) || p.invalid || len(p.tokens) == maxTokens {
			p.invalid = true
			return token{kind: tokenInvalid}
		}
		t := p.lexer.next()
		p.invalid = t.kind == tokenInvalid
		p.tokens = append(p.tokens, t)
	}
	return p.tokens[p.at+n]
}

// accept consumes the next token if it is the punctuation or command s.
func (p *latexParser) accept(s string) bool {
	if !p.peek(0).is(s) {
		return false
	}
	p.at++
	return true
}

// enter bounds depth and work; each successful call needs a leave.
func (p *latexParser) enter() bool {
	if p.depth >= maxDepth || p.invalid || !p.budget.spend(1) {
		p.invalid = true
		return false
	}
	p.depth++
	return true
}

func (p *latexParser) leave() { p.depth-- }

// relation = expression { operator expression }. Unlike other operators, a
// relation sign without a right side is an error.
func (p *latexParser) relation() (*expr, bool) {
	left, ok := p.expression()
	for ok && p.peek(0).kind == tokenRelation {
		operator := p.peek(0).text
		p.at++
		var right *expr
		if right, ok = p.expression(); ok {
			left, ok = relate(operator, left, right, p.budget)
		}
	}
	return left, ok
}

// expression = term { ("+" | "-") term }.
func (p *latexParser) expression() (*expr, bool) {
	if !p.enter() {
		return nil, false
	}
	defer p.leave()
	left, ok := p.term()
	for ok {
		start := p.at
		minus := p.peek(0).is("-")
		if !minus && !p.peek(0).is("+") {
			break
		}
		p.at++
		right, ok := p.term()
		if !ok {
			p.at = start
			break
		}
		if minus {
			right = minusMatrix(right)
		}
		if left, ok = addTerms(left, right); !ok {
			p.invalid = true
			return nil, false
		}
	}
	return left, ok
}

// isTimes and isDivide recognise the operators of a term.
func isTimes(t token) bool { return t.is("*") || t.is(`\times`) || t.is(`\cdot`) }

func isDivide(t token) bool { return t.is("/") || t.is(`\div`) || t.is(":") }

// term = unary { operator unary }.
func (p *latexParser) term() (*expr, bool) { return p.termOf(p.unary) }

func (p *latexParser) termOf(unary func() (*expr, bool)) (*expr, bool) {
	left, ok := unary()
	for ok {
		start := p.at
		divide := isDivide(p.peek(0))
		if !divide && !isTimes(p.peek(0)) && !(p.whole && p.peek(0).is(`\mod`)) {
			break
		}
		p.at++
		modulo := p.tokens[start].is(`\mod`)
		right, ok := unary()
		if !ok {
			p.at = start
			break
		}
		if modulo {
			left = function("mod", left, right)
			continue
		}
		if divide {
			right = inverse(right)
		}
		if left, ok = multiplyTerms(left, right, p.budget); !ok {
			p.invalid = true
			return nil, false
		}
	}
	return left, ok
}

// signs reads leading signs and reports whether they make a negative.
func (p *latexParser) signs() (minus bool) {
	for {
		switch t := p.peek(0); {
		case t.is("-"):
			minus = !minus
		case !t.is("+"):
			return minus
		}
		p.at++
	}
}

// unary = { sign } postfix { postfix }: factors side by side are multiplied.
func (p *latexParser) unary() (*expr, bool) { return p.factors(true) }

// unaryInFunction is unary for the argument of a function without
// parentheses, where only the first factor may be another function: sin x
// cos x is a product.
func (p *latexParser) unaryInFunction() (*expr, bool) { return p.factors(false) }

func (p *latexParser) factors(functions bool) (*expr, bool) {
	start := p.at
	if !p.enter() {
		return nil, false
	}
	defer p.leave()
	minus := p.signs()
	first, ok := p.postfix(true)
	if !ok {
		p.at = start
		return nil, false
	}
	list := []*expr{first}
	for !(p.inAbs > 0 && p.peek(0).is("|")) {
		factor, ok := p.postfix(functions)
		if !ok {
			break
		}
		list = append(list, factor)
	}
	e, ok := multiply(list, p.budget)
	if !ok || minus && e.kind == kindMatrix { // latex2sympy cannot negate one
		p.at = start
		return nil, false
	}
	if minus {
		e = negative(e)
	}
	return e, true
}

// multiply forms the product of adjacent factors. An x between factors without
// variables is a multiplication sign, and d/dx differentiates what follows.
func multiply(list []*expr, b *budget) (*expr, bool) {
	var kept []*expr
	for i, factor := range list {
		if factor.kind == kindFunction && factor.name == "d/d" {
			if i+1 == len(list) {
				return nil, false
			}
			rest, ok := multiply(list[i+1:], b)
			if !ok {
				return nil, false
			}
			kept = append(kept, function(operatorDerivative, rest, factor.args[0]))
			break
		}
		times := factor.kind == kindSymbol && factor.name == "x" && i > 0 && i+1 < len(list) &&
			len(list[i-1].symbols(nil)) == 0 && len(list[i+1].symbols(nil)) == 0
		if !times {
			kept = append(kept, factor)
		}
	}
	if len(kept) == 1 {
		return kept[0], true
	}
	if !slices.ContainsFunc(kept, isMatrix) {
		return product(kept...), true
	}
	left, ok := kept[0], true
	for _, factor := range kept[1:] {
		if left, ok = multiplyTerms(left, factor, b); !ok {
			return nil, false
		}
	}
	return left, true
}

// postfix = power { "!" }.
func (p *latexParser) postfix(functions bool) (*expr, bool) {
	e, ok := p.power(functions)
	for length := 0; ok && length < maxDepth; length++ {
		switch {
		case p.accept("!"):
			e = function("factorial", e)
		case p.extended && e.kind == kindMatrix && p.accept("'"):
			e = transpose(e)
		case p.extended && len(e.symbols(nil)) == 0 && p.accept("'"): // the number itself
		default:
			return e, true
		}
	}
	return nil, false
}

// power = primary { "^" (atom | group) }, grouped from the left.
func (p *latexParser) power(functions bool) (*expr, bool) {
	base, ok := p.primary(functions)
	for length := 0; ok && p.peek(0).is("^"); length++ {
		if length == maxDepth {
			p.invalid = true
			return nil, false
		}
		start := p.at
		exponent, ok := p.script("^")
		if !ok {
			p.at = start
			break
		}
		p.script("_") // the grammar allows a subscript here and drops it
		if p.extended && base.kind == kindMatrix && exponent.kind == kindSymbol &&
			(exponent.name == "T" || exponent.name == "top") {
			base = transpose(base)
		} else {
			base = power(base, exponent)
		}
	}
	return base, ok
}

// script reads mark and an atom or a group in braces.
func (p *latexParser) script(mark string) (*expr, bool) {
	start := p.at
	if !p.accept(mark) {
		return nil, false
	}
	limit := p.scriptDigits
	p.scriptDigits = 0 // not for what is nested in it
	e, ok := p.braces()
	switch {
	case ok || p.peek(0).is("{"):
	case limit > 0 && !p.extended && p.peek(0).kind == tokenDigit:
		e, ok = p.digits(limit)
	default:
		e, ok = p.atom()
	}
	if p.scriptDigits = limit; !ok {
		p.at = start
	}
	return e, ok
}

// digits reads an integer of at most limit digits.
func (p *latexParser) digits(limit int) (*expr, bool) {
	start := p.at
	var digits strings.Builder
	for p.peek(0).kind == tokenDigit && p.at-start < limit {
		digits.WriteString(p.peek(0).text)
		p.at++
	}
	return p.numberOf(digits.String(), start)
}

// braces = "{" expression "}".
func (p *latexParser) braces() (*expr, bool) { return p.enclosed("{", "}") }

// enclosed reads an expression between two marks.
func (p *latexParser) enclosed(open, shut string) (*expr, bool) {
	start := p.at
	if !p.accept(open) {
		return nil, false
	}
	inAbs := p.inAbs
	p.inAbs = 0
	e, ok := p.expression()
	p.inAbs = inAbs
	if !ok || !p.accept(shut) {
		p.at = start
		return nil, false
	}
	return e, true
}

var groups = map[string]string{"(": ")", "[": "]", "{": "}", `\{`: `\}`}

// primary is a group, an absolute value, a function or an atom.
func (p *latexParser) primary(functions bool) (*expr, bool) {
	t := p.peek(0)
	if t.kind == tokenPunctuation {
		if shut, ok := groups[t.text]; ok {
			return p.enclosed(t.text, shut)
		}
		if t.text == "|" {
			return p.absolute()
		}
		if p.extended {
			return p.atom()
		}
		return nil, false
	}
	switch t.text {
	case `\lfloor`:
		e, ok := p.enclosed(t.text, `\rfloor`)
		return function("floor", e), ok
	case `\lceil`:
		e, ok := p.enclosed(t.text, `\rceil`)
		return function("ceiling", e), ok
	}
	if functions {
		if e, ok := p.function(); ok {
			return e, true
		}
	}
	return p.atom()
}

// absolute = "|" expression "|".
func (p *latexParser) absolute() (*expr, bool) {
	start := p.at
	p.at++
	p.inAbs++
	e, ok := p.expression()
	p.inAbs--
	if !ok || !p.accept("|") {
		p.at = start
		return nil, false
	}
	return function("abs", e), true
}

// grammarCommands are commands with a place of their own in the grammar: they
// are no symbols.
var grammarCommands = func() map[string]bool {
	list := strings.Fields(`\times \cdot \div \frac \dfrac \tfrac \binom \dbinom \tbinom \mathit
		\langle \rangle \lfloor \rfloor \lceil \rceil \lim \to \rightarrow \Rightarrow
		\longrightarrow \Longrightarrow \int \sum \prod \sqrt \overline`)
	commands := map[string]bool{}
	for _, command := range list {
		commands[command] = true
	}
	for command := range namedFunctions {
		commands[command] = true
	}
	return commands
}()

// atom is a symbol, a number, a fraction or a binomial coefficient.
func (p *latexParser) atom() (*expr, bool) {
	t := p.peek(0)
	if p.extended && !t.is(`\frac`) && !t.is(`\binom`) && !t.is(`\mathit`) && t.kind != tokenDifferential {
		return p.extendedAtom()
	}
	switch t.kind {
	case tokenDigit:
		return p.number()
	case tokenDifferential:
		p.at++
		return symbol("d" + t.text), true
	case tokenLetter, tokenCommand:
	default:
		return nil, false
	}
	switch t.text {
	case `\frac`, `\dfrac`, `\tfrac`:
		return p.fraction()
	case `\binom`, `\dbinom`, `\tbinom`:
		return p.binomial()
	case `\mathit`:
		return p.italic()
	}
	if grammarCommands[t.text] || p.whole && t.text == `\mod` {
		return nil, false
	}
	name, ok := p.name()
	if !ok {
		return nil, false
	}
	if t.text == `\infty` {
		return infinity, true
	}
	return symbol(name), true
}

// name reads a letter or command with a subscript and primes.
func (p *latexParser) name() (string, bool) {
	start := p.at
	name := strings.TrimPrefix(p.peek(0).text, `\`)
	p.at++
	quotes := p.quotes()
	if p.peek(0).is("_") {
		subscript, ok := p.script("_")
		if !ok {
			p.at = start
			return "", false
		}
		name += "_{" + subscript.String() + "}"
	}
	return name + quotes + p.quotes(), true
}

func (p *latexParser) quotes() string {
	if t := p.peek(0); t.kind == tokenQuotes {
		p.at++
		return t.text
	}
	return ""
}

// number puts digits together: groups of three after commas, then decimals.
// Blanks between digits do not count.
func (p *latexParser) number() (*expr, bool) {
	start := p.at
	var digits strings.Builder
	take := func() {
		for p.peek(0).kind == tokenDigit {
			digits.WriteString(p.peek(0).text)
			p.at++
		}
	}
	take()
	first := p.at
	for p.peek(0).is(",") && p.peek(1).kind == tokenDigit && p.peek(2).kind == tokenDigit &&
		p.peek(3).kind == tokenDigit {
		for n := 1; n <= 3; n++ {
			digits.WriteString(p.peek(n).text)
		}
		p.at += 4
	}
	if p.peek(0).is(".") {
		if p.peek(1).kind != tokenDigit {
			return p.beforePoint(digits.String(), start, first)
		}
		digits.WriteByte('.')
		p.at++
		take()
		if p.peek(0).is(".") && p.tokens[p.at-2].kind == tokenDigit {
			// In 1.23.4 the reference lets the 3 begin another number.
			p.at--
			return p.numberOf(digits.String()[:digits.Len()-1], start)
		}
	} else if whole := digits.String(); len(whole) > 1 && whole[0] == '0' && strings.Trim(whole, "0") != "" {
		p.invalid = true // SymPy reads it as Python, which has no leading zeros
		return nil, false
	}
	return p.numberOf(digits.String(), start)
}

// beforePoint reads what the reference makes of a number before a point that no digit
// follows, at p.at; its first run of digits ends at first. "3." is no number, not even
// the 3 of it; of 12,345. the last group is left, and 123. is 1 times 2, since every
// digit is a number until one is no number.
func (p *latexParser) beforePoint(digits string, start, first int) (*expr, bool) {
	switch {
	case p.at > first:
		p.at -= 4
		return p.numberOf(digits[:len(digits)-3], start)
	case first > start+1:
		p.at = start + 1
		return p.numberOf(digits[:1], start)
	}
	p.at = start
	if last := p.tokens[max(start-1, 0)]; start > 0 &&
		(last.kind == tokenRelation || strings.Contains(`+-*/:^\cdot\times\div`, last.text)) {
		p.invalid = true // an operand is missing, and "3+1." no prefix
	}
	return nil, false
}

// numberOf converts the spelling of a number that began at start.
func (p *latexParser) numberOf(digits string, start int) (*expr, bool) {
	value, ok := parseRational(digits, p.budget)
	if !ok {
		p.at = start
		return nil, false
	}
	return rational(value), true
}

// digitOrBraces is an argument of \frac.
func (p *latexParser) digitOrBraces() (*expr, bool) {
	if t := p.peek(0); t.kind == tokenDigit {
		p.at++
		return integer(int64(t.text[0] - '0')), true
	}
	return p.braces()
}

// fraction reads \frac; d/dx becomes a marker that multiply resolves, and
// dy/dx a derivative.
func (p *latexParser) fraction() (*expr, bool) {
	start := p.at
	p.at++
	top, ok := p.digitOrBraces()
	if ok {
		var bottom *expr
		open := p.at
		if bottom, ok = p.digitOrBraces(); ok {
			if p.at == open+3 && p.tokens[open+1].kind == tokenDifferential && top.kind == kindSymbol {
				variable := symbol(p.tokens[open+1].text)
				if top.name == "d" {
					return function("d/d", variable), true
				}
				if strings.HasPrefix(top.name, "d") {
					return function(operatorDerivative, symbol(top.name[1:]), variable), true
				}
			}
			if top.isNumber(1) {
				return inverse(bottom), true
			}
			if e, ok := multiplyTerms(top, inverse(bottom), p.budget); ok {
				return e, true
			}
		}
	}
	p.at = start
	return nil, false
}

// binomial = \binom group group.
func (p *latexParser) binomial() (*expr, bool) {
	start := p.at
	p.at++
	if n, ok := p.braces(); ok {
		if k, ok := p.braces(); ok {
			return function("binomial", n, k), true
		}
	}
	p.at = start
	return nil, false
}

// italic = \mathit "{" letters "}", one symbol.
func (p *latexParser) italic() (*expr, bool) {
	start := p.at
	p.at++
	if p.accept("{") {
		name := ""
		for p.peek(0).kind == tokenLetter {
			name += p.peek(0).text
			p.at++
		}
		if name != "" && p.accept("}") {
			return symbol(name), true
		}
	}
	p.at = start
	return nil, false
}
