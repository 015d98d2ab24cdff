package jinja

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// tuple reads one expression, or several with commas as a tuple; conditions says
// whether "a if b else c" is allowed without brackets.
func (p *parser) tuple(conditions bool, ends []string, brackets bool) expr {
	var items []expr
	several := false
	for {
		if len(items) > 0 {
			p.expectOp(",")
		}
		if p.tupleEnds(ends) {
			break
		}
		if conditions {
			items = append(items, p.expression())
		} else {
			items = append(items, p.or())
		}
		if !p.isOp(",") {
			break
		}
		several = true
	}
	if !several {
		if len(items) == 1 {
			return items[0]
		}
		if !brackets {
			p.unexpected("an expression")
		}
	}
	return &tupleExpr{items}
}

func (p *parser) expression() expr {
	p.enter()
	defer p.leave()
	// Filters of the branches may be unknown, but those of a sole value may not:
	// whether a condition follows is seen only behind it.
	start := p.pos
	x := softly(p, true, p.or)
	if !p.isName("if") {
		if !p.soft {
			p.known(start)
		}
		return x
	}
	for p.skipName("if") {
		test := p.or()
		c := &condExpr{test: test, yes: x}
		if p.skipName("else") {
			c.no = softly(p, true, p.expression)
		}
		x = c
	}
	return x
}

// known refuses unknown filters and tests in the tokens from start to here.
func (p *parser) known(start int) {
	for i := start; i < p.pos; i++ {
		t := p.tokens[i]
		following := p.tokens[min(i+1, len(p.tokens)-1)]
		switch {
		case t.kind == operator && t.value == "|" && following.kind == name &&
			filters[following.value] == nil:
			panic(fault(p.source, following.at, "no filter named %q", following.value))
		case t.kind == name && t.value == "is":
			if following.kind == name && following.value == "not" {
				following = p.tokens[min(i+2, len(p.tokens)-1)]
			}
			if following.kind == name && tests[following.value] == nil &&
				!(i > start && p.tokens[i-1].value == ".") {
				panic(fault(p.source, following.at, "no test named %q", following.value))
			}
		}
	}
}

func (p *parser) or() expr {
	x := p.and()
	for p.skipName("or") {
		x = &orExpr{x, p.and()}
	}
	return x
}

func (p *parser) and() expr {
	x := p.not()
	for p.skipName("and") {
		x = &andExpr{x, p.not()}
	}
	return x
}

func (p *parser) not() expr {
	if p.skipName("not") {
		p.enter()
		defer p.leave()
		return &notExpr{p.not()}
	}
	return p.compare()
}

func (p *parser) compare() expr {
	c := &compareExpr{first: p.sum()}
	for {
		t := p.current()
		op := ""
		switch {
		case t.kind == operator && slices.Contains([]string{"==", "!=", "<", "<=", ">", ">="}, t.value):
			op = t.value
			p.next()
		case p.skipName("in"):
			op = "in"
		case p.isName("not") && p.look().kind == name && p.look().value == "in":
			p.pos += 2
			op = "not in"
		}
		if op == "" {
			break
		}
		c.ops = append(c.ops, op)
		c.rest = append(c.rest, p.sum())
	}
	if len(c.ops) == 0 {
		return c.first
	}
	return c
}

func (p *parser) binary(operand func() expr, ops ...string) expr {
	x := operand()
	for p.current().kind == operator && slices.Contains(ops, p.current().value) {
		x = &binExpr{p.next().value, x, operand()}
	}
	return x
}

func (p *parser) sum() expr { return p.binary(p.concat, "+", "-") }

func (p *parser) concat() expr {
	items := []expr{p.product()}
	for p.skipOp("~") {
		items = append(items, p.product())
	}
	if len(items) == 1 {
		return items[0]
	}
	return &concatExpr{items}
}

func (p *parser) product() expr { return p.binary(p.power, "*", "/", "//", "%") }

func (p *parser) power() expr {
	return p.binary(func() expr { return p.unary(true) }, "**")
}

func (p *parser) unary(withFilters bool) expr {
	p.enter()
	defer p.leave()
	var x expr
	switch {
	case p.skipOp("-"):
		x = &negExpr{p.unary(false)}
	case p.skipOp("+"):
		x = &posExpr{p.unary(false)}
	default:
		x = p.primary()
	}
	x = p.postfix(x)
	if withFilters {
		x = p.filtered(x)
	}
	return x
}

func (p *parser) primary() expr {
	t := p.current()
	switch t.kind {
	case name:
		p.next()
		if v, ok := constants[t.value]; ok {
			return &constExpr{v}
		}
		for _, m := range p.macros {
			m.varargs = m.varargs || t.value == "varargs"
			m.kwargs = m.kwargs || t.value == "kwargs"
			m.caller = m.caller || t.value == "caller"
		}
		return &nameExpr{t.value}
	case text:
		var b strings.Builder
		for p.current().kind == text {
			b.WriteString(p.next().value)
		}
		return &constExpr{b.String()}
	case integer:
		p.next()
		return &constExpr{p.integer(t)}
	case float:
		p.next()
		f, _ := strconv.ParseFloat(t.value, 64) // beyond the range it is inf, as in Python
		return &constExpr{f}
	}
	switch {
	case p.skipOp("("):
		p.enter()
		defer p.leave()
		x := p.tuple(true, nil, true)
		p.expectOp(")")
		return x
	case p.skipOp("["):
		return &listExpr{p.items("]")}
	case p.skipOp("{"):
		return p.dict()
	}
	p.unexpected("an expression")
	return nil
}

func (p *parser) integer(t token) Value {
	if len(t.value) > maxDigits {
		panic(fault(p.source, t.at, "an integer of more than %d digits", maxDigits))
	}
	i, ok := new(big.Int).SetString(strings.ToLower(t.value), 0)
	if strings.Trim(t.value, "0") == "" {
		i, ok = new(big.Int), true
	}
	if !ok {
		panic(fault(p.source, t.at, "%q is no integer", t.value))
	}
	return small(i)
}

// items reads expressions with commas up to an end.
func (p *parser) items(end string) []expr {
	var items []expr
	for !p.isOp(end) {
		if len(items) > 0 {
			p.expectOp(",")
			if p.isOp(end) {
				break
			}
		}
		items = append(items, p.expression())
	}
	p.expectOp(end)
	return items
}

func (p *parser) dict() expr {
	d := &dictExpr{}
	for !p.isOp("}") {
		if len(d.keys) > 0 {
			p.expectOp(",")
			if p.isOp("}") {
				break
			}
		}
		d.keys = append(d.keys, p.expression())
		p.expectOp(":")
		d.values = append(d.values, p.expression())
	}
	p.expectOp("}")
	return d
}

// postfix reads subscripts and calls.
func (p *parser) postfix(x expr) expr {
	for {
		switch {
		case p.isOp(".") || p.isOp("["):
			x = p.subscript(x)
		case p.isOp("("):
			x = &callExpr{x, p.callArgs()}
		default:
			return x
		}
	}
}

// filtered reads filters, tests, and calls of what they give.
func (p *parser) filtered(x expr) expr {
	for {
		switch {
		case p.isOp("|"):
			x = p.filters(x, false)
		case p.isName("is"):
			p.next()
			x = p.test(x)
		case p.isOp("("):
			x = &callExpr{x, p.callArgs()}
		default:
			return x
		}
	}
}

func (p *parser) subscript(x expr) expr {
	if p.next().value == "." {
		t := p.current()
		switch t.kind {
		case name:
			p.next()
			return &attrExpr{x, t.value}
		case integer:
			p.next()
			return &itemExpr{x, &constExpr{p.integer(t)}}
		}
		p.unexpected("a name or number")
	}
	var items []expr
	for !p.isOp("]") {
		if len(items) > 0 {
			p.expectOp(",")
		}
		items = append(items, p.subscribed())
	}
	p.expectOp("]")
	if len(items) == 1 {
		return &itemExpr{x, items[0]}
	}
	return &itemExpr{x, &tupleExpr{items}}
}

func (p *parser) subscribed() expr {
	s := &sliceExpr{}
	if !p.isOp(":") {
		x := p.expression()
		if !p.isOp(":") {
			return x
		}
		s.start = x
	}
	p.expectOp(":")
	ends := func() bool { return p.isOp("]") || p.isOp(",") }
	if !p.isOp(":") && !ends() {
		s.stop = p.expression()
	}
	if p.skipOp(":") && !ends() {
		s.step = p.expression()
	}
	return s
}

func (p *parser) callArgs() callArgs {
	p.enter()
	defer p.leave()
	p.expectOp("(")
	a := callArgs{}
	comma := false
	for !p.isOp(")") {
		if comma {
			p.expectOp(",")
			if p.isOp(")") {
				break
			}
		}
		switch {
		case p.isOp("*") && a.list == nil && a.dict == nil:
			p.next()
			a.list = p.expression()
		case p.isOp("**") && a.dict == nil:
			p.next()
			a.dict = p.expression()
		case p.current().kind == name && p.look().kind == operator && p.look().value == "=" && a.dict == nil:
			word := p.next().value
			p.next()
			if slices.Contains(a.names, word) {
				p.fail("keyword %q is given twice", word)
			}
			a.names = append(a.names, word)
			a.values = append(a.values, p.expression())
		case a.list == nil && a.dict == nil && len(a.names) == 0:
			a.args = append(a.args, p.expression())
		default:
			p.fail("a positional argument follows keywords")
		}
		comma = true
	}
	p.expectOp(")")
	return a
}

// dotted reads a name that may have dots.
func (p *parser) dotted() string {
	word := p.expectWord()
	for p.skipOp(".") {
		word += "." + p.expectWord()
	}
	return word
}

// filters reads filters that are applied to x; bare says that the first has no
// "|" before it.
func (p *parser) filters(x expr, bare bool) expr {
	for bare || p.isOp("|") {
		if !bare {
			p.next()
		}
		bare = false
		f := &filterExpr{x: x, name: p.dotted()}
		f.f = filters[f.name]
		if f.f == nil && !p.soft {
			p.pos--
			p.fail("no filter named %q", f.name)
		}
		if p.isOp("(") {
			f.args = p.callArgs()
		}
		x = f
	}
	return x
}

func (p *parser) test(x expr) expr {
	negated := p.skipName("not")
	t := &testExpr{x: x, name: p.dotted()}
	t.f = tests[t.name]
	if t.f == nil && !p.soft {
		p.pos--
		p.fail("no test named %q", t.name)
	}
	next := p.current()
	argument := next.kind == name && !slices.Contains([]string{"else", "or", "and"}, next.value) ||
		next.kind == text || next.kind == integer || next.kind == float || p.isOp("[") || p.isOp("{")
	switch {
	case p.isOp("("):
		t.args = p.callArgs()
	case argument && next.value == "is" && next.kind == name:
		p.fail(`tests cannot be chained with "is"`)
	case argument:
		t.args = callArgs{args: []expr{p.postfix(p.primary())}}
	}
	if negated {
		return &notExpr{t}
	}
	return t
}
