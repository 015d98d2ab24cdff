package jinja

import (
	"strings"
)

func (c *constExpr) eval(*run, *scope) Value     { return c.v }
func (n *nameExpr) eval(r *run, s *scope) Value  { r.step(); return r.lookup(s, n.name) }
func (n *nsTarget) eval(*run, *scope) Value      { return nil }
func (t *tupleExpr) eval(r *run, s *scope) Value { return &Tuple{evalAll(r, s, t.items)} }
func (l *listExpr) eval(r *run, s *scope) Value  { return &List{evalAll(r, s, l.items)} }
func (n *notExpr) eval(r *run, s *scope) Value   { return !truth(n.x.eval(r, s)) }
func (n *negExpr) eval(r *run, s *scope) Value   { return negate(n.x.eval(r, s)) }

func evalAll(r *run, s *scope, items []expr) []Value {
	r.step()
	out := make([]Value, len(items))
	for i, x := range items {
		out[i] = x.eval(r, s)
	}
	return out
}

func (d *dictExpr) eval(r *run, s *scope) Value {
	out := NewDict()
	for i := range d.keys {
		key := d.keys[i].eval(r, s)
		out.Set(key, d.values[i].eval(r, s))
	}
	return out
}

func (p *posExpr) eval(r *run, s *scope) Value {
	v := p.x.eval(r, s)
	n, ok := number(v)
	if !ok {
		throw("bad operand type for unary +: '%s'", typeName(v))
	}
	return n
}

func (c *condExpr) eval(r *run, s *scope) Value {
	switch {
	case truth(c.test.eval(r, s)):
		return c.yes.eval(r, s)
	case c.no == nil:
		return &Undefined{message: "the inline if-expression evaluated to false " +
			"and no else section was defined"}
	}
	return c.no.eval(r, s)
}

func (o *orExpr) eval(r *run, s *scope) Value {
	if v := o.left.eval(r, s); truth(v) {
		return v
	}
	return o.right.eval(r, s)
}

func (a *andExpr) eval(r *run, s *scope) Value {
	if v := a.left.eval(r, s); !truth(v) {
		return v
	}
	return a.right.eval(r, s)
}

func (b *binExpr) eval(r *run, s *scope) Value {
	r.step()
	left := b.left.eval(r, s)
	return operate(r, b.op, left, b.right.eval(r, s))
}

func (c *concatExpr) eval(r *run, s *scope) Value {
	var b strings.Builder
	for _, x := range c.items {
		text := str(r, x.eval(r, s))
		r.spend(len(text))
		b.WriteString(text)
	}
	r.spend(b.Len())
	return b.String()
}

func (c *compareExpr) eval(r *run, s *scope) Value {
	left := c.first.eval(r, s)
	for i, op := range c.ops {
		right := c.rest[i].eval(r, s)
		if !compare(r, op, left, right) {
			return false
		}
		left = right
	}
	return true
}

func compare(r *run, op string, a, b Value) bool {
	switch op {
	case "==":
		return equal(r, a, b)
	case "!=":
		return !equal(r, a, b)
	case "in":
		return contains(r, b, a)
	case "not in":
		return !contains(r, b, a)
	}
	return ordered(r, op, a, b)
}

func (a *attrExpr) eval(r *run, s *scope) Value {
	r.step()
	return r.attribute(a.x.eval(r, s), a.name)
}

// attribute is Jinja's x.name: an attribute of the value, else its item.
func (r *run) attribute(v Value, name string) Value {
	if u, ok := v.(*Undefined); ok {
		u.fail()
	}
	if m, ok := attr(r, v, name); ok {
		return m
	}
	if item, ok := r.itemOf(v, name); ok {
		return item
	}
	return missing(v, name)
}

// missing is an attribute or item that is not there.
func missing(v Value, name Value) *Undefined {
	if s, ok := name.(string); ok {
		return &Undefined{message: named(v) + " has no attribute " + quoted(s)}
	}
	return &Undefined{message: named(v) + " has no such element"}
}

// element is Jinja's x[index]: an item of the value, else its attribute.
func (r *run) element(v, index Value) Value {
	if u, ok := v.(*Undefined); ok {
		u.fail()
	}
	if item, ok := r.itemOf(v, index); ok {
		return item
	}
	if s, ok := isText(index); ok {
		if m, ok := attr(r, v, s); ok {
			return m
		}
		return missing(v, s)
	}
	return missing(v, index)
}

// slice is the value of a subscript with colons.
type slice struct{ start, stop, step Value }

func (e *sliceExpr) eval(r *run, s *scope) Value {
	bound := func(x expr) Value {
		if x == nil {
			return nil
		}
		return x.eval(r, s)
	}
	return &slice{bound(e.start), bound(e.stop), bound(e.step)}
}

func (e *itemExpr) eval(r *run, s *scope) Value {
	r.step()
	v := e.x.eval(r, s)
	at := e.index.eval(r, s)
	if p, ok := at.(*slice); ok {
		// Python's own subscript, whose errors Jinja does not catch.
		if u, ok := v.(*Undefined); ok {
			u.fail()
		}
		result, ok := sliced(r, v, p)
		if !ok {
			throw("'%s' object cannot be sliced so", typeName(v))
		}
		return result
	}
	return r.element(v, at)
}

// itemOf is Python's v[index]; ok is false where Python raises what Jinja catches.
func (r *run) itemOf(v, at Value) (Value, bool) {
	if d, ok := v.(*Dict); ok {
		if !hashable(r, at) {
			return nil, false
		}
		return d.Get(at)
	}
	i, ok := index(at)
	if !ok {
		return nil, false
	}
	if s, ok := isText(v); ok {
		r.spend(len(s) / 16)
		runes := []rune(s)
		if i < 0 {
			i += int64(len(runes))
		}
		if i < 0 || i >= int64(len(runes)) {
			return nil, false
		}
		return like(v, string(runes[i])), true
	}
	if rg, ok := v.(*Range); ok {
		if i < 0 {
			i += rg.n
		}
		return rg.at(i), i >= 0 && i < rg.n
	}
	items, ok := elements(v)
	if !ok {
		return nil, false
	}
	if i < 0 {
		i += int64(len(items))
	}
	if i < 0 || i >= int64(len(items)) {
		return nil, false
	}
	return items[i], true
}

// bounds are Python's slice.indices.
func (p *slice) bounds(n int64) (start, stop, step int64, ok bool) {
	step = 1
	read := func(v Value, d int64) int64 {
		if v == nil {
			return d
		}
		i, isInt := index(v)
		if !isInt {
			ok = false
		}
		return i
	}
	ok = true
	step = read(p.step, 1)
	if step == 0 && ok {
		throw("slice step cannot be zero")
	}
	lower, upper := int64(0), n
	if step < 0 {
		lower, upper = -1, n-1
	}
	clip := func(i int64) int64 {
		if i < 0 {
			i += n
		}
		return min(max(i, lower), upper)
	}
	start, stop = lower, upper
	if step < 0 {
		start, stop = upper, lower
	}
	if p.start != nil {
		start = clip(read(p.start, 0))
	}
	if p.stop != nil {
		stop = clip(read(p.stop, 0))
	}
	return start, stop, step, ok
}

// sliced is Python's v[start:stop:step].
func sliced(r *run, v Value, p *slice) (Value, bool) {
	var items []Value
	var runes []rune
	var n int64
	s, text := isText(v)
	if text {
		runes = []rune(s)
		n = int64(len(runes))
	} else if rg, ok := v.(*Range); ok {
		start, stop, step, ok := p.bounds(rg.n)
		if !ok {
			return nil, false
		}
		return newRange(rg.at(start), rg.start+stop*rg.step, step*rg.step), true
	} else {
		var ok bool
		if items, ok = elements(v); !ok {
			return nil, false
		}
		n = int64(len(items))
	}
	start, stop, step, ok := p.bounds(n)
	if !ok {
		return nil, false
	}
	var out []Value
	var b strings.Builder
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		if text {
			b.WriteRune(runes[i])
		} else {
			out = append(out, items[i])
		}
	}
	r.spend(b.Len() + len(out)*itemCost)
	switch v.(type) {
	case *List:
		return &List{out}, true
	case *Tuple, *group:
		return &Tuple{out}, true
	}
	return like(v, b.String()), true
}

func (a *callArgs) eval(r *run, s *scope) ([]Value, []keyword) {
	args := evalAll(r, s, a.args)
	var named []keyword
	for i, name := range a.names {
		named = append(named, keyword{name, a.values[i].eval(r, s)})
	}
	if a.list != nil {
		args = append(args, list(r, a.list.eval(r, s))...)
	}
	if a.dict != nil {
		d, ok := a.dict.eval(r, s).(*Dict)
		if !ok {
			throw("what follows ** must be a mapping")
		}
		for i, k := range d.keys {
			name, ok := isText(k)
			if !ok {
				throw("keywords must be strings")
			}
			for _, given := range named {
				if given.name == name {
					throw("multiple values for keyword argument %s", quoted(name))
				}
			}
			named = append(named, keyword{name, d.values[i]})
		}
	}
	return args, named
}

func (c *callExpr) eval(r *run, s *scope) Value {
	f := c.f.eval(r, s)
	args, named := c.args.eval(r, s)
	return r.call(f, args, named)
}

// callable is a value that a template can call.
type callable interface {
	call(r *run, args []Value, named []keyword) Value
}

// call calls a value.
func (r *run) call(f Value, args []Value, named []keyword) Value {
	r.step()
	switch f := f.(type) {
	case *Undefined:
		f.fail()
	case callable:
		return f.call(r, args, named)
	}
	throw("'%s' object is not callable", typeName(f))
	return nil
}

func (f *filterExpr) eval(r *run, s *scope) Value {
	v := f.x.eval(r, s)
	if f.f == nil {
		throw("no filter named %q", f.name)
	}
	args, named := f.args.eval(r, s)
	return f.f.call(r, append([]Value{v}, args...), named)
}

func (t *testExpr) eval(r *run, s *scope) Value {
	v := t.x.eval(r, s)
	if t.f == nil {
		throw("no test named %q", t.name)
	}
	args, named := t.args.eval(r, s)
	return t.f.call(r, append([]Value{v}, args...), named)
}
