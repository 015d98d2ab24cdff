package jinja

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep expressions and blocks nest.
const maxDepth = 200

// parser builds the tree of a template from its tokens, by Jinja's grammar.
type parser struct {
	source string
	tokens []token
	pos    int
	tag    int // where the tag being read begins
	depth  int
	loops  int  // loops that break and continue may leave
	soft   bool // inside a condition, where unknown filters fail only when reached
	macros []*macroDef
	blocks map[string]*blockStmt
	open   []string // tags that wait for their end, with their lines
}

// Parse reads a template; an error is *Error.
func Parse(source string) (t *Template, err error) {
	defer func() {
		if e, ok := recover().(*Error); ok {
			t, err = nil, e
		} else if e != nil {
			panic(e)
		}
	}()
	return parse(source), nil
}

func parse(source string) *Template {
	source = newline(source)
	if !utf8.ValidString(source) {
		panic(&Error{Line: 1, Message: "the template is not UTF-8"})
	}
	p := &parser{source: source, tokens: lex(source), blocks: map[string]*blockStmt{}}
	body := p.statements(nil)
	return &Template{source: source, body: body, blocks: p.blocks}
}

func (p *parser) current() token { return p.tokens[p.pos] }

func (p *parser) next() token {
	t := p.tokens[p.pos]
	if t.kind != endOfFile {
		p.pos++
	}
	return t
}

func (p *parser) look() token {
	return p.tokens[min(p.pos+1, len(p.tokens)-1)]
}

func (p *parser) isOp(op string) bool {
	t := p.current()
	return t.kind == operator && t.value == op
}

func (p *parser) isName(word string) bool {
	t := p.current()
	return t.kind == name && t.value == word
}

func (p *parser) skipOp(op string) bool {
	if p.isOp(op) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) skipName(word string) bool {
	if p.isName(word) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) fail(format string, args ...any) {
	panic(fault(p.source, p.current().at, format, args...))
}

func (p *parser) unexpected(want string) {
	t := p.current()
	what := strconv.Quote(t.value)
	switch t.kind {
	case endOfFile:
		what = "end of the template"
	case variableEnd, blockEnd:
		what = "end of the tag"
	}
	if want != "" {
		want = ", expected " + want
	}
	p.fail("unexpected %s%s", what, want)
}

func (p *parser) expectOp(op string) {
	if !p.skipOp(op) {
		p.unexpected(strconv.Quote(op))
	}
}

func (p *parser) expectWord() string {
	t := p.current()
	if t.kind != name {
		p.unexpected("a name")
	}
	p.pos++
	return t.value
}

func (p *parser) expectKind(k kind, what string) {
	if p.current().kind != k {
		p.unexpected(what)
	}
	p.pos++
}

func (p *parser) enter() {
	if p.depth++; p.depth > maxDepth {
		p.fail("nested deeper than %d", maxDepth)
	}
}

func (p *parser) leave() { p.depth-- }

// statements reads up to one of the end tags, whose name it leaves as the current
// token; without ends it reads the whole template.
func (p *parser) statements(ends []string) []stmt {
	p.enter()
	defer p.leave()
	var body []stmt
	for {
		t := p.current()
		p.tag = t.at
		switch t.kind {
		case endOfFile:
			if len(p.open) > 0 {
				open := p.open[len(p.open)-1]
				p.fail("the template ends within %s: %s is missing", open, strings.Join(ends, " or "))
			}
			return body
		case data:
			p.next()
			body = append(body, &textStmt{t.value})
		case variableBegin:
			p.next()
			x := p.tuple(true, nil, false)
			p.expectKind(variableEnd, `"}}"`)
			body = append(body, &outputStmt{position(t.at), []expr{x}})
		case blockBegin:
			p.next()
			if p.current().kind == name && slices.Contains(ends, p.current().value) {
				return body
			}
			if s := p.statement(t.at); s != nil {
				body = append(body, s)
			}
			p.expectKind(blockEnd, `"%}"`)
		default:
			p.unexpected("")
		}
	}
}

// block reads the statements of a tag that is being read, up to one of its ends.
func (p *parser) block(tag string, at int, ends ...string) []stmt {
	p.skipOp(":")
	p.expectKind(blockEnd, `"%}"`)
	p.open = append(p.open, "{% "+tag+" %} of line "+strconv.Itoa(1+strings.Count(p.source[:at], "\n")))
	body := p.statements(ends)
	p.open = p.open[:len(p.open)-1]
	return body
}

// closed is block for a tag with one end.
func (p *parser) closed(tag string, at int) []stmt {
	body := p.block(tag, at, "end"+tag)
	p.next()
	return body
}

// statement reads the tag at; its end is left to the caller.
func (p *parser) statement(at int) stmt {
	t := p.current()
	if t.kind != name {
		p.unexpected("a tag's name")
	}
	p.next()
	where := position(at)
	switch t.value {
	case "if":
		return p.ifTag(at)
	case "for":
		return p.forTag(at)
	case "set":
		return p.setTag(at)
	case "macro":
		return p.macroTag(at)
	case "call":
		return p.callTag(at)
	case "generation":
		def := &macroDef{}
		def.body = p.inMacro(def, func() []stmt { return p.closed("generation", at) })
		return &callStmt{at: where, body: def}
	case "filter":
		f := p.filters(inputExpr{}, true)
		return &filterStmt{where, f, p.closed("filter", at)}
	case "with":
		return p.withTag(at)
	case "block":
		return p.blockTag(at)
	case "print":
		s := &outputStmt{at: where}
		for p.current().kind != blockEnd {
			if len(s.items) > 0 {
				p.expectOp(",")
			}
			s.items = append(s.items, p.expression())
		}
		return s
	case "autoescape":
		on := p.expression()
		return &autoescapeStmt{where, on, p.closed("autoescape", at)}
	case "break", "continue":
		if p.loops == 0 {
			p.fail("%s outside a loop", t.value)
		}
		return &loopStmt{map[string]signal{"break": broke, "continue": continued}[t.value]}
	case "include", "import", "from", "extends":
		for p.current().kind != blockEnd {
			if p.next().kind == endOfFile {
				p.unexpected("")
			}
		}
		return &loaderStmt{where, t.value}
	}
	p.pos--
	if len(p.open) > 0 {
		p.fail("unknown tag %q within %s", t.value, p.open[len(p.open)-1])
	}
	p.fail("unknown tag %q", t.value)
	return nil
}

// softly reads with unknown filters and tests left to the rendering.
func softly[T any](p *parser, soft bool, read func() T) T {
	was := p.soft
	p.soft = soft
	v := read()
	p.soft = was
	return v
}

func (p *parser) ifTag(at int) stmt {
	s := &ifStmt{at: position(at)}
	s.test = softly(p, true, func() expr { return p.tuple(false, nil, false) })
	s.yes = softly(p, true, func() []stmt { return p.block("if", at, "elif", "else", "endif") })
	switch p.next().value {
	case "elif":
		s.no = softly(p, true, func() []stmt { return []stmt{p.ifTag(p.tag)} })
	case "else":
		s.no = softly(p, true, func() []stmt { return p.closed("if", at) })
	}
	return s
}

func (p *parser) forTag(at int) stmt {
	s := &forStmt{at: position(at)}
	s.target = p.target([]string{"in"}, false)
	if !p.skipName("in") {
		p.unexpected(`"in"`)
	}
	s.iter = p.tuple(false, []string{"recursive"}, false)
	if p.skipName("if") {
		s.test = p.expression()
	}
	s.recursive = p.skipName("recursive")
	p.loops++
	s.body = softly(p, false, func() []stmt { return p.block("for", at, "else", "endfor") })
	p.loops--
	if p.next().value == "else" {
		s.otherwise = softly(p, false, func() []stmt { return p.closed("for", at) })
	}
	return s
}

func (p *parser) setTag(at int) stmt {
	target := p.target(nil, true)
	if p.skipOp("=") {
		return &setStmt{position(at), target, p.tuple(true, nil, false)}
	}
	s := &setBlockStmt{at: position(at), target: target}
	if f := p.filters(inputExpr{}, false); f != (inputExpr{}) {
		s.filter = f
	}
	s.body = softly(p, false, func() []stmt { return p.closed("set", at) })
	return s
}

// inMacro reads the body of a macro: what it names of the special arguments is
// noted, and it cannot leave the loops around it.
func (p *parser) inMacro(def *macroDef, read func() []stmt) []stmt {
	loops := p.loops
	p.loops = 0
	p.macros = append(p.macros, def)
	body := softly(p, false, read)
	p.macros = p.macros[:len(p.macros)-1]
	p.loops = loops
	return body
}

func (p *parser) macroTag(at int) stmt {
	def := &macroDef{name: p.assignable()}
	p.signature(def)
	def.body = p.inMacro(def, func() []stmt { return p.closed("macro", at) })
	return &macroStmt{position(at), def}
}

func (p *parser) callTag(at int) stmt {
	def := &macroDef{}
	if p.isOp("(") {
		p.signature(def)
	}
	call, ok := p.expression().(*callExpr)
	if !ok {
		p.fail("expected a call")
	}
	def.body = p.inMacro(def, func() []stmt { return p.closed("call", at) })
	return &callStmt{position(at), call, def}
}

func (p *parser) withTag(at int) stmt {
	s := &withStmt{at: position(at)}
	for p.current().kind != blockEnd {
		if len(s.targets) > 0 {
			p.expectOp(",")
		}
		s.targets = append(s.targets, p.target(nil, false))
		p.expectOp("=")
		s.values = append(s.values, p.expression())
	}
	s.body = softly(p, false, func() []stmt { return p.closed("with", at) })
	return s
}

func (p *parser) blockTag(at int) stmt {
	s := &blockStmt{at: position(at), name: p.expectWord()}
	if p.blocks[s.name] != nil {
		p.fail("block %q defined twice", s.name)
	}
	p.blocks[s.name] = s
	for p.skipName("scoped") || p.skipName("required") {
	}
	s.body = p.inMacro(&macroDef{}, func() []stmt { return p.closed("block", at) })
	p.skipName(s.name)
	return s
}

// signature reads the parameters of a macro.
func (p *parser) signature(def *macroDef) {
	p.expectOp("(")
	for !p.isOp(")") {
		if len(def.params) > 0 {
			p.expectOp(",")
		}
		def.params = append(def.params, p.assignable())
		if p.skipOp("=") {
			def.defaults = append(def.defaults, p.expression())
		} else if len(def.defaults) > 0 {
			p.fail("a parameter without a default follows one with a default")
		}
	}
	p.expectOp(")")
}

// constants are names that are values.
var constants = map[string]Value{
	"true": true, "True": true, "false": false, "False": false, "none": nil, "None": nil,
}

// assignable reads a name that can be given a value.
func (p *parser) assignable() string {
	word := p.expectWord()
	if _, ok := constants[word]; ok {
		p.pos--
		p.fail("cannot assign to %q", word)
	}
	return word
}

// target reads what is assigned to: a name, several, or an attribute of a
// namespace.
func (p *parser) target(ends []string, namespace bool) expr {
	if namespace && p.current().kind == name && p.look().kind == operator && p.look().value == "." {
		ns := p.assignable()
		p.next()
		return &nsTarget{ns, p.expectWord()}
	}
	var items []expr
	several := false
	for {
		if len(items) > 0 {
			p.expectOp(",")
		}
		if p.tupleEnds(ends) {
			break
		}
		if p.skipOp("(") {
			p.enter()
			items = append(items, p.target(nil, namespace))
			p.leave()
			p.expectOp(")")
		} else if namespace && p.look().kind == operator && p.look().value == "." &&
			p.current().kind == name {
			ns := p.assignable()
			p.next()
			items = append(items, &nsTarget{ns, p.expectWord()})
		} else {
			items = append(items, &nameExpr{p.assignable()})
		}
		if !p.isOp(",") {
			break
		}
		several = true
	}
	switch {
	case len(items) == 0:
		p.unexpected("a name to assign to")
	case !several:
		return items[0]
	}
	return &tupleExpr{items}
}

func (p *parser) tupleEnds(ends []string) bool {
	t := p.current()
	return t.kind == variableEnd || t.kind == blockEnd || t.kind == operator && t.value == ")" ||
		t.kind == name && slices.Contains(ends, t.value)
}
