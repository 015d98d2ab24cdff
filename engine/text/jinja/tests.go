package jinja

import (
	"math/big"
	"unicode"
)

var tests map[string]*builtin

func isDecimal(c rune) bool { return unicode.IsDigit(c) }

// asks makes a test of a value alone.
func asks(names string, is func(r *run, v Value) bool) *builtin {
	return define(names+" value", func(r *run, a []Value) Value {
		return is(r, a[0])
	})
}

// compares makes a test of two values.
func compares(names, op string) *builtin {
	return define(names+" a b /", func(r *run, a []Value) Value { return compare(r, op, a[0], a[1]) })
}

// divides is Python's v % by == rest.
func divides(r *run, v Value, by, rest int64) bool {
	return equal(r, operate(r, "%", v, by), rest)
}

func init() {
	tests = collect(
		asks("defined", func(_ *run, v Value) bool { _, ok := v.(*Undefined); return !ok }),
		asks("undefined", func(_ *run, v Value) bool { _, ok := v.(*Undefined); return ok }),
		asks("none", func(_ *run, v Value) bool { return v == nil }),
		asks("string", func(_ *run, v Value) bool { _, ok := isText(v); return ok }),
		asks("mapping", func(_ *run, v Value) bool { _, ok := v.(*Dict); return ok }),
		asks("number", func(_ *run, v Value) bool { _, ok := number(v); return ok }),
		asks("integer", func(_ *run, v Value) bool {
			switch v.(type) {
			case int64, *big.Int:
				return true
			}
			return false
		}),
		asks("float", func(_ *run, v Value) bool { _, ok := v.(float64); return ok }),
		asks("boolean", func(_ *run, v Value) bool { _, ok := v.(bool); return ok }),
		asks("true", func(_ *run, v Value) bool { return v == true }),
		asks("false", func(_ *run, v Value) bool { return v == false }),
		asks("iterable", func(_ *run, v Value) bool {
			switch v.(type) {
			case *Dict, *dictView, *Range, *Iterator, *Undefined, string, Markup, *loop:
				return true
			}
			_, ok := elements(v)
			return ok
		}),
		asks("sequence", func(_ *run, v Value) bool {
			switch v.(type) {
			case *Dict, *Range, *Undefined, string, Markup:
				return true
			}
			_, ok := elements(v)
			return ok
		}),
		asks("callable", func(_ *run, v Value) bool {
			if _, ok := v.(*Undefined); ok {
				return true // its class has __call__, which raises
			}
			_, ok := v.(callable)
			return ok
		}),
		asks("escaped", func(_ *run, v Value) bool { _, ok := v.(Markup); return ok }),
		asks("lower", func(r *run, v Value) bool { return allCased(str(r, v), isLower) }),
		asks("upper", func(r *run, v Value) bool { return allCased(str(r, v), isUpper) }),
		asks("odd", func(r *run, v Value) bool { return divides(r, v, 2, 1) }),
		asks("even", func(r *run, v Value) bool { return divides(r, v, 2, 0) }),
		define("divisibleby value num", func(r *run, a []Value) Value {
			return equal(r, operate(r, "%", a[0], a[1]), int64(0))
		}),
		define("sameas value other", func(_ *run, a []Value) Value {
			if i, ok := a[0].(*big.Int); ok {
				j, ok := a[1].(*big.Int)
				return ok && i.Cmp(j) == 0
			}
			return a[0] == a[1]
		}),
		define("filter value", func(_ *run, a []Value) Value {
			s, ok := isText(a[0])
			return ok && filters[s] != nil
		}),
		define("test value", func(_ *run, a []Value) Value {
			s, ok := isText(a[0])
			return ok && tests[s] != nil
		}),
		define("in value seq", func(r *run, a []Value) Value { return contains(r, a[1], a[0]) }),
		compares("eq,equalto,==", "=="), compares("ne,!=", "!="), compares("lt,lessthan,<", "<"),
		compares("le,<=", "<="),
		compares("gt,greaterthan,>", ">"), compares("ge,>=", ">="),
	)
}
