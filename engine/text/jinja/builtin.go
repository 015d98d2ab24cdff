package jinja

import (
	"strings"
)

// builtin is a filter, a test, a method or a global function.
type builtin struct {
	name   string
	params []string // the value or self first
	needed int      // parameters without which a call fails
	// positions says that arguments cannot be named; self is not counted.
	positions bool
	f         func(r *run, a []Value) Value
	// raw takes the arguments as they come, instead of f.
	raw func(r *run, args []Value, named []keyword) Value
}

// absent stands for an argument that is not given.
type absentValue struct{}

var absent Value = absentValue{}

// define makes a builtin of a specification "name param param? /": parameters with
// a question mark may be left out, and "/" says that none can be named.
func define(spec string, f func(r *run, a []Value) Value) *builtin {
	words := strings.Fields(spec)
	b := &builtin{name: words[0], f: f}
	for _, w := range words[1:] {
		switch {
		case w == "/":
			b.positions = true
		case strings.HasSuffix(w, "?"):
			b.params = append(b.params, strings.TrimSuffix(w, "?"))
		default:
			b.params = append(b.params, w)
			b.needed++
		}
	}
	return b
}

func (b *builtin) call(r *run, args []Value, named []keyword) Value {
	r.step()
	if b.raw != nil {
		return b.raw(r, args, named)
	}
	if len(args) > len(b.params) {
		throw("%s takes at most %d arguments (%d given)", b.name, len(b.params), len(args))
	}
	a := make([]Value, len(b.params))
	for i := range a {
		a[i] = absent
	}
	copy(a, args)
	for _, k := range named {
		index := -1
		for i, p := range b.params {
			if p == k.name {
				index = i
			}
		}
		switch {
		case index < 0 || b.positions:
			throw("%s takes no keyword argument %s", b.name, k.name)
		case index < len(args):
			throw("%s has two values for %s", b.name, k.name)
		}
		a[index] = k.value
	}
	for i := range b.needed {
		if a[i] == absent {
			throw("%s is missing its argument %s", b.name, b.params[i])
		}
	}
	return b.f(r, a)
}

// bound is a method of a value.
type bound struct {
	self   Value
	method *builtin
}

func (b *bound) call(r *run, args []Value, named []keyword) Value {
	return b.method.call(r, append([]Value{b.self}, args...), named)
}

// or is an argument, or its default.
func or(v, otherwise Value) Value {
	if v == absent {
		return otherwise
	}
	return v
}

// textArg is an argument that must be a string.
func textArg(v Value, what string) string {
	s, ok := isText(v)
	if !ok {
		throw("%s must be str, not %s", what, typeName(v))
	}
	return s
}

// collect makes a table of builtins by their names; "a,b" gives one two names.
func collect(all ...*builtin) map[string]*builtin {
	table := map[string]*builtin{}
	for _, b := range all {
		names := strings.Split(b.name, ",")
		b.name = names[0]
		for _, n := range names {
			table[n] = b
		}
	}
	return table
}
