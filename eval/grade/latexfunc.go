package grade

import (
	"slices"
	"strings"
)

// namedFunctions maps the function commands of the grammar to names.
var namedFunctions = map[string]string{
	`\exp`: "exp", `\log`: "log", `\lg`: "lg", `\ln`: "log",
	`\sin`: "sin", `\cos`: "cos", `\tan`: "tan", `\csc`: "csc", `\sec`: "sec", `\cot`: "cot",
	`\arcsin`: "asin", `\arccos`: "acos", `\arctan`: "atan",
	`\arccsc`: "acsc", `\arcsec`: "asec", `\arccot`: "acot",
	`\sinh`: "sinh", `\cosh`: "cosh", `\tanh`: "tanh",
	`\arsinh`: "asinh", `\arcosh`: "acosh", `\artanh`: "atanh",
}

// invertible functions take the exponent -1 to mean their inverse.
var invertible = map[string]bool{
	"sin": true, "cos": true, "tan": true, "csc": true, "sec": true, "cot": true,
	"sinh": true, "cosh": true, "tanh": true,
}

// function reads what the grammar calls a function: a named function, a root,
// a sum, product, integral or limit, or a letter applied to arguments.
func (p *latexParser) function() (*expr, bool) {
	start := p.at
	t := p.peek(0)
	var e *expr
	ok := false
	switch {
	case p.extended && (t.text == "e" || t.text == "I" || t.is(`\pi`) || t.is(`\infty`) ||
		slices.Contains(accents, t.text)):
	case t.kind == tokenCommand && namedFunctions[t.text] != "":
		e, ok = p.namedFunction(t.text)
	case t.is(`\sqrt`):
		e, ok = p.root()
	case p.whole && slices.Contains(multipleFunctions, t.text):
		e, ok = p.multipleFunction(t.text)
	case t.is(`\overline`):
		p.at++
		e, ok = p.braces()
		e = function("conjugate", e)
	case t.is(`\sum`), t.is(`\prod`):
		e, ok = p.series(t.text)
	case t.is(`\int`):
		e, ok = p.integral()
	case t.is(`\lim`):
		e, ok = p.limit()
	case t.kind == tokenLetter || t.kind == tokenCommand && !grammarCommands[t.text]:
		e, ok = p.application()
	}
	if !ok {
		p.at = start
	}
	return e, ok
}

// application = name "(" expression { "," expression } ")".
func (p *latexParser) application() (*expr, bool) {
	name, ok := p.name()
	if !ok || !p.peek(0).is("(") || p.whole && !strings.Contains("fghFGH", name[:1]) {
		return nil, false
	}
	args, ok := p.arguments()
	return function("apply "+name, args...), ok
}

// arguments reads a list in parentheses.
func (p *latexParser) arguments() ([]*expr, bool) {
	p.at++
	inAbs := p.inAbs
	p.inAbs = 0
	defer func() { p.inAbs = inAbs }()
	var args []*expr
	for {
		arg, ok := p.expression()
		if !ok {
			return nil, false
		}
		args = append(args, arg)
		if p.accept(")") {
			return args, true
		}
		if !p.accept(",") {
			return nil, false
		}
	}
}

// multipleFunctions take several arguments; SymPy's grammar has none of them.
var multipleFunctions = []string{`\max`, `\min`, `\gcd`, `\lcm`}

func (p *latexParser) multipleFunction(command string) (*expr, bool) {
	p.at++
	if !p.peek(0).is("(") {
		return nil, false
	}
	args, ok := p.arguments()
	return function(command[1:], args...), ok
}

// namedFunction reads a function. Digits of a script without braces belong to
// it as long as the argument is left some: \log_3 81 is the logarithm of 1 to
// the base 38. With p.whole it is what the author meant.
func (p *latexParser) namedFunction(command string) (*expr, bool) {
	start := p.at
	defer func() { p.scriptDigits = 0 }()
	const most = 12
	digits := 0
	if p.peek(1).is("_") || p.peek(1).is("^") {
		for digits < most && p.peek(2+digits).kind == tokenDigit {
			digits++
		}
	}
	if p.whole {
		digits = min(digits, 1)
	}
	for ; digits >= 0; digits-- {
		p.scriptDigits = digits
		if e, ok := p.namedFunctionOf(command); ok {
			return e, true
		}
		if p.at = start; p.invalid || digits == 1 {
			break
		}
	}
	return nil, false
}

// namedFunctionOf reads the function's scripts and argument.
func (p *latexParser) namedFunctionOf(command string) (*expr, bool) {
	name := namedFunctions[command]
	p.at++
	var base, exponent *expr
	for range 2 {
		switch {
		case base == nil && p.peek(0).is("_"):
			e, ok := p.script("_")
			if !ok {
				return nil, false
			}
			base = e
		case exponent == nil && p.peek(0).is("^"):
			e, ok := p.script("^")
			if !ok {
				return nil, false
			}
			exponent = e
		}
	}
	p.scriptDigits = 0
	arg, ok := p.argument()
	if !ok {
		return nil, false
	}
	e := function(name, arg)
	switch {
	case base == nil && (name == "lg" || p.extended && command == `\log`):
		base = integer(10)
		fallthrough
	case (name == "log" || name == "lg") && base != nil:
		e = product(function("log", arg), inverse(function("log", base)))
	}
	switch {
	case exponent == nil:
		return e, true
	case exponent.isNumber(-1) && invertible[name]:
		return function("a"+name, arg), true
	}
	return power(e, exponent), true
}

// argument is a list in parentheses, of which the first counts, or else a term.
func (p *latexParser) argument() (*expr, bool) {
	start := p.at
	if p.peek(0).is("(") {
		if args, ok := p.arguments(); ok {
			return args[0], true
		}
		p.at = start
	}
	return p.termOf(p.unaryInFunction)
}

// root = \sqrt [ "[" expression "]" ] group.
func (p *latexParser) root() (*expr, bool) {
	p.at++
	degree := integer(2)
	if p.peek(0).is("[") {
		e, ok := p.enclosed("[", "]")
		if !ok {
			return nil, false
		}
		degree = e
	}
	base, ok := p.braces()
	if !ok {
		return nil, false
	}
	return power(base, inverse(degree)), true
}

// series reads a sum or product with bounds.
func (p *latexParser) series(command string) (*expr, bool) {
	p.at++
	var index, from, to *expr
	for range 2 {
		var ok bool
		switch {
		case to == nil && p.peek(0).is("^"):
			to, ok = p.script("^")
		case index == nil && p.accept("_") && p.accept("{"):
			if index, ok = p.expression(); ok && p.peek(0).kind == tokenRelation && p.peek(0).text == "=" {
				p.at++
				from, ok = p.expression()
				ok = ok && p.accept("}")
			} else {
				ok = false
			}
		}
		if !ok {
			return nil, false
		}
	}
	body, ok := p.term()
	operator := operatorSum
	if command == `\prod` {
		operator = operatorProduct
	}
	return function(operator, body, index, from, to), ok
}

// integral = \int [ bounds ] integrand. The variable is the last differential
// among the factors, or x.
func (p *latexParser) integral() (*expr, bool) {
	p.at++
	var bounds []*expr
	if p.peek(0).is("_") || p.peek(0).is("^") {
		first := p.peek(0).text
		second := "^"
		if first == "^" {
			second = "_"
		}
		a, okA := p.script(first)
		b, okB := p.script(second)
		if !okA || !okB {
			return nil, false
		}
		if first == "^" {
			a, b = b, a
		}
		bounds = []*expr{a, b}
	}
	integrand, ok := p.expression()
	if !ok {
		return nil, false
	}
	variable := "x"
	for _, name := range integrand.symbols(nil) {
		if len(name) > 1 && name[0] == 'd' {
			variable = name[1:]
			integrand = integrand.replace(name, one)
		}
	}
	return function(operatorIntegral, append([]*expr{integrand, symbol(variable)}, bounds...)...), true
}

// limit = \lim "_" "{" name \to expression [ "^" sign ] "}" term.
func (p *latexParser) limit() (*expr, bool) {
	p.at++
	if !p.accept("_") || !p.accept("{") {
		return nil, false
	}
	variable := p.peek(0)
	if variable.kind != tokenLetter && variable.kind != tokenCommand {
		return nil, false
	}
	p.at++
	switch p.peek(0).text {
	case `\to`, `\rightarrow`, `\Rightarrow`, `\longrightarrow`, `\Longrightarrow`:
		p.at++
	default:
		return nil, false
	}
	target, ok := p.expression()
	if !ok {
		return nil, false
	}
	operator := operatorLimit
	if p.accept("^") {
		braces := p.accept("{")
		operator += p.peek(0).text
		if !p.accept("+") && !p.accept("-") || braces && !p.accept("}") {
			return nil, false
		}
	}
	if !p.accept("}") {
		return nil, false
	}
	body, ok := p.term()
	return function(operator, body, symbol(variable.text), target), ok
}
