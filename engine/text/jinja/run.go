package jinja

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

// Limits of one rendering: a template from elsewhere neither hangs nor fills the
// memory. Real conversations stay far below them.
const (
	maxSteps = 10_000_000
	maxText  = 64 << 20  // bytes of one text
	maxSpent = 512 << 20 // bytes made altogether, the intermediate ones too
	maxCalls = 200       // macros and loops within each other
	itemCost = 16        // bytes of an item of a list
)

// Template is a parsed template. It is safe for concurrent use.
type Template struct {
	source string
	body   []stmt
	blocks map[string]*blockStmt
}

// run is one rendering.
type run struct {
	template *Template
	context  *Dict
	now      time.Time
	top      *scope
	out      *strings.Builder
	whole    *strings.Builder // what is not captured
	marks    []Mark
	at       position
	steps    int
	spent    int
	calls    int
}

// scope holds what a macro, loop or block of the template sets; what is not there is looked for
// in its parent.
type scope struct {
	vars   map[string]Value
	parent *scope
}

func (s *scope) child() *scope { return &scope{parent: s} }

func (s *scope) set(name string, v Value) {
	if s.vars == nil {
		s.vars = map[string]Value{}
	}
	s.vars[name] = v
}

// Render gives the template's text for a context, whose keys are its names. now is
// the time that strftime_now writes. An error is *Error.
func (t *Template) Render(context *Dict, now time.Time) (text string, err error) {
	text, _, err = t.RenderMarked(context, now)
	return text, err
}

// Mark is a part of a rendered text that a {% generation %} block has written, in bytes.
type Mark struct{ From, To int }

// RenderMarked is Render, and says which parts of the text {% generation %} blocks have written, in order.
func (t *Template) RenderMarked(context *Dict, now time.Time) (text string, marks []Mark, err error) {
	r := &run{template: t, context: context, now: now, top: &scope{}, out: &strings.Builder{}, at: -1}
	r.whole = r.out
	defer func() {
		switch e := recover().(type) {
		case nil:
		case failure:
			text, marks, err = "", nil, r.fault(e.message)
		case runtime.Error:
			text, marks, err = "", nil, r.fault(fmt.Sprintf("%s: please report this template", e.Error()))
		default:
			panic(e)
		}
	}()
	r.body(t.body, r.top)
	return r.out.String(), r.marks, nil
}

func (r *run) fault(message string) *Error {
	if r.at < 0 {
		return &Error{Line: 1, Message: message}
	}
	return fault(r.template.source, int(r.at), "%s", message)
}

func (r *run) step() {
	if r.steps++; r.steps > maxSteps {
		throw("the template takes more than %d steps", maxSteps)
	}
}

// spend counts bytes that are made.
func (r *run) spend(n int) {
	r.step()
	if n > maxText {
		throw("text of more than %d MiB", maxText>>20)
	}
	if r.spent += n; r.spent > maxSpent {
		throw("the template makes more than %d MiB of text", maxSpent>>20)
	}
}

func (r *run) write(s string) {
	r.spend(len(s))
	if r.out.Len()+len(s) > maxText {
		throw("text of more than %d MiB", maxText>>20)
	}
	r.out.WriteString(s)
}

// captured returns the text that do writes.
func (r *run) captured(do func()) string {
	out := r.out
	r.out = &strings.Builder{}
	do()
	text := r.out.String()
	r.out = out
	return text
}

// within runs do as a call: it bounds how deep calls nest, and comes back to the caller's tag.
func (r *run) within(do func()) {
	if r.calls++; r.calls > maxCalls {
		throw("calls nested deeper than %d", maxCalls)
	}
	at := r.at
	do()
	r.at = at
	r.calls--
}

// lookup is the value of a name.
func (r *run) lookup(s *scope, name string) Value {
	for ; s != nil; s = s.parent {
		if v, ok := s.vars[name]; ok {
			return v
		}
	}
	if v, ok := r.context.Get(name); ok {
		return v
	}
	if g, ok := globals[name]; ok {
		return g
	}
	if name == "self" {
		return &selfRef{}
	}
	return &Undefined{message: "'" + name + "' is undefined"}
}

// selfRef is self: the template's blocks.
type selfRef struct{}

func (r *run) body(body []stmt, s *scope) signal {
	for _, statement := range body {
		r.step()
		if sig := statement.exec(r, s); sig != normal {
			return sig
		}
	}
	return normal
}

func (t *textStmt) exec(r *run, _ *scope) signal {
	r.write(t.text)
	return normal
}

func (o *outputStmt) exec(r *run, s *scope) signal {
	r.at = o.at
	for _, x := range o.items {
		v := x.eval(r, s)
		r.write(str(r, v))
	}
	return normal
}

func (i *ifStmt) exec(r *run, s *scope) signal {
	r.at = i.at
	if truth(i.test.eval(r, s)) {
		return r.body(i.yes, s)
	}
	return r.body(i.no, s)
}

// assign gives a target its value.
func (r *run) assign(target expr, v Value, s *scope) {
	switch t := target.(type) {
	case *nameExpr:
		s.set(t.name, v)
	case *nsTarget:
		ns, ok := r.lookup(s, t.name).(*Namespace)
		if !ok {
			throw("cannot assign attribute on non-namespace object: %s is no namespace", t.name)
		}
		if strings.HasPrefix(t.attr, "_") {
			throw("a namespace takes no attributes that begin with an underscore: %s", t.attr)
		}
		ns.attrs.Set(t.attr, v)
	case *tupleExpr:
		items, ok := iterate(r, v)
		switch {
		case !ok:
			throw("cannot unpack non-iterable %s object", typeName(v))
		case len(items) < len(t.items):
			throw("not enough values to unpack (expected %d, got %d)", len(t.items), len(items))
		case len(items) > len(t.items):
			throw("too many values to unpack (expected %d)", len(t.items))
		}
		for i, item := range t.items {
			r.assign(item, items[i], s)
		}
	}
}

func (t *setStmt) exec(r *run, s *scope) signal {
	r.at = t.at
	r.assign(t.target, t.value.eval(r, s), s)
	return normal
}

func (t *setBlockStmt) exec(r *run, s *scope) signal {
	r.at = t.at
	var v Value = r.captured(func() { r.body(t.body, s.child()) })
	if t.filter != nil {
		inner := s.child()
		inner.set(inputName, v)
		v = t.filter.eval(r, inner)
	}
	r.assign(t.target, v, s)
	return normal
}

// inputName is the variable in which filter blocks keep their text; no template can name it.
const inputName = "<input>"

func (inputExpr) eval(r *run, s *scope) Value { return r.lookup(s, inputName) }

func (f *filterStmt) exec(r *run, s *scope) signal {
	r.at = f.at
	inner := s.child()
	sig := normal
	inner.set(inputName, r.captured(func() { sig = r.body(f.body, inner) }))
	if sig == normal {
		r.write(str(r, f.filter.eval(r, inner)))
	}
	return sig
}

func (w *withStmt) exec(r *run, s *scope) signal {
	r.at = w.at
	inner := s.child()
	values := make([]Value, len(w.values))
	for i, x := range w.values {
		values[i] = x.eval(r, s)
	}
	for i, target := range w.targets {
		r.assign(target, values[i], inner)
	}
	return r.body(w.body, inner)
}

func (b *blockStmt) exec(r *run, _ *scope) signal {
	r.at = b.at
	r.within(func() { r.body(b.body, r.top.child()) })
	return normal
}

func (l *loopStmt) exec(*run, *scope) signal { return l.signal }

func (l *loaderStmt) exec(r *run, _ *scope) signal {
	r.at = l.at
	throw("%s has nothing to read: a chat template stands alone", l.tag)
	return normal
}

func (a *autoescapeStmt) exec(r *run, s *scope) signal {
	r.at = a.at
	if truth(a.on.eval(r, s)) {
		throw("automatic escaping is not supported")
	}
	return r.body(a.body, s.child())
}

func (m *macroStmt) exec(r *run, s *scope) signal {
	r.at = m.at
	s.set(m.macro.name, &macro{m.macro, s})
	return normal
}

func (c *callStmt) exec(r *run, s *scope) signal {
	r.at = c.at
	body := &macro{c.body, s}
	if c.call == nil {
		said := str(r, body.call(r, nil, nil))
		from := r.whole.Len() // as in transformers, also where the block is within a text that is captured
		r.marks = append(r.marks, Mark{from, from + len(said)})
		r.write(said)
		return normal
	}
	args, named := c.call.args.eval(r, s)
	f := c.call.f.eval(r, s)
	r.write(str(r, r.call(f, args, append(named, keyword{"caller", body}))))
	return normal
}

// loop is the variable of a for statement.
type loop struct {
	items   []Value
	i       int
	depth   int
	again   func(items []Value, depth int) string // recursive loops
	changed []Value
	seen    bool
}

func (f *forStmt) exec(r *run, s *scope) signal {
	r.at = f.at
	v := f.iter.eval(r, s)
	items, ok := iterate(r, v)
	if !ok {
		throw("'%s' object is not iterable", typeName(v))
	}
	return f.over(r, s, items, 0)
}

// over runs a loop over items.
func (f *forStmt) over(r *run, s *scope, items []Value, depth int) signal {
	if f.test != nil {
		var kept []Value
		for _, item := range items {
			r.step()
			inner := s.child()
			r.assign(f.target, item, inner)
			if truth(f.test.eval(r, inner)) {
				kept = append(kept, item)
			}
		}
		items = kept
	}
	l := &loop{items: items, depth: depth}
	if f.recursive {
		l.again = func(items []Value, depth int) string {
			return r.captured(func() { r.within(func() { f.over(r, s, items, depth) }) })
		}
	}
	// As in Jinja, "else" is for loops whose body never came to its end: it also
	// follows a break or continue of the first pass.
	ended := false
	for i, item := range items {
		r.step()
		l.i = i
		inner := s.child()
		r.assign(f.target, item, inner)
		inner.set("loop", l)
		sig := r.body(f.body, inner)
		if sig == broke {
			break
		}
		ended = ended || sig == normal
	}
	if !ended {
		return r.body(f.otherwise, s.child())
	}
	return normal
}

// macro is a macro, or the body of a call block, with the scope around it.
type macro struct {
	def   *macroDef
	scope *scope
}

// keyword is a keyword argument.
type keyword struct {
	name  string
	value Value
}

func (m *macro) call(r *run, args []Value, named []keyword) Value {
	def := m.def
	s := m.scope.child()
	given := map[string]bool{}
	for i, p := range def.params {
		if i < len(args) {
			s.set(p, args[i])
			given[p] = true
		}
	}
	rest := NewDict()
	caller := Value(&Undefined{message: "No caller defined"})
	for _, k := range named {
		switch {
		case given[k.name]:
			throw("macro %s takes no two values for %s", def.name, k.name)
		case contained(def.params, k.name):
			s.set(k.name, k.value)
			given[k.name] = true
		case k.name == "caller" && def.caller:
			caller = k.value
		case def.kwargs:
			rest.Set(k.name, k.value)
		default:
			throw("macro %s takes no keyword argument %s", def.name, k.name)
		}
	}
	if def.caller && !contained(def.params, "caller") {
		s.set("caller", caller)
	}
	if def.kwargs {
		s.set("kwargs", rest)
	}
	if len(args) > len(def.params) && !def.varargs {
		throw("macro %s takes not more than %d argument(s)", def.name, len(def.params))
	}
	if def.varargs {
		s.set("varargs", &Tuple{args[min(len(def.params), len(args)):]})
	}
	text := ""
	r.within(func() {
		for i, p := range def.params {
			if given[p] {
				continue
			}
			if d := i - (len(def.params) - len(def.defaults)); d >= 0 {
				s.set(p, def.defaults[d].eval(r, s))
			} else {
				s.set(p, &Undefined{message: "parameter '" + p + "' was not provided"})
			}
		}
		text = r.captured(func() { r.body(def.body, s) })
	})
	return text
}

func contained(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}
