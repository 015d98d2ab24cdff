package jinja

import (
	"math"
	"math/big"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
)

// attr is Python's getattr as the sandbox lets templates use it.
func attr(r *run, v Value, name string) (Value, bool) {
	if internal[name] {
		message := "access to attribute " + quoted(name) + " of " + named(v) + " is unsafe"
		return &Undefined{message: message}, true
	}
	var table map[string]*builtin
	switch v := v.(type) {
	case string, Markup:
		table = textMethods
	case *List:
		if strings.Contains(" append clear extend insert pop remove reverse sort ", " "+name+" ") {
			return changes(v, name), true
		}
		table = listMethods
	case *Tuple:
		table = tupleMethods
	case *group:
		switch name {
		case "grouper":
			return v.Items[0], true
		case "list":
			return v.Items[1], true
		}
		table = tupleMethods
	case *Dict:
		if strings.Contains(" clear pop popitem setdefault update ", " "+name+" ") {
			return changes(v, name), true
		}
		table = dictMethods
	case bool, int64, *big.Int:
		switch name {
		case "real", "numerator":
			return mustNumber(v), true
		case "imag":
			return int64(0), true
		case "denominator":
			return int64(1), true
		}
		table = intMethods
	case float64:
		switch name {
		case "real":
			return v, true
		case "imag":
			return 0.0, true
		}
		table = floatMethods
	case *Range:
		switch name {
		case "start":
			return v.start, true
		case "stop":
			return v.stop, true
		case "step":
			return v.step, true
		}
		table = rangeMethods
	case *Namespace:
		return v.attrs.Get(name)
	case *loop:
		return v.attribute(name)
	case *macro:
		return v.attribute(name)
	case *cycler:
		return v.attribute(name)
	case *selfRef:
		if b, ok := r.template.blocks[name]; ok {
			return &builtin{name: name, raw: func(r *run, _ []Value, _ []keyword) Value {
				return r.captured(func() { b.exec(r, nil) })
			}}, true
		}
	case *builtin:
		if v == globals["dict"] && name == "fromkeys" {
			return fromKeys, true
		}
	}
	if m := table[name]; m != nil {
		return &bound{v, m}, true
	}
	return nil, false
}

// internal are attributes that all values of Python have.
var internal = map[string]bool{}

func init() {
	for name := range strings.FieldsSeq(`class delattr dir doc eq format ge getattribute getstate gt
		hash init init_subclass le lt ne new reduce reduce_ex repr setattr sizeof str subclasshook
		call len getitem iter contains add mul mod dict module name`) {
		internal["__"+name+"__"] = true
	}
}

func mustNumber(v Value) Value {
	n, _ := number(v)
	return n
}

// changes stands for a method that would change a value, which the sandbox keeps back.
func changes(v Value, name string) Value {
	return &Undefined{message: "access to attribute " + quoted(name) + " of " + named(v) +
		" is unsafe: it would change the value"}
}

// Methods by name, of values of each type.
var (
	textMethods, listMethods, tupleMethods, dictMethods map[string]*builtin
	intMethods, floatMethods, rangeMethods              map[string]*builtin
)

// onText makes a method of a function on a text; what it gives is Markup for Markup.
func onText(spec string, f func(r *run, s string, a []Value) Value) *builtin {
	name, params, _ := strings.Cut(spec, " ")
	return define(name+" self "+params, func(r *run, a []Value) Value {
		s, _ := isText(a[0])
		r.spend(len(s) / 16)
		v := f(r, s, a[1:])
		if out, ok := v.(string); ok {
			return like(a[0], out)
		}
		return v
	})
}

// trimmer makes strip, lstrip and rstrip.
func trimmer(name string, spaces func(string, func(rune) bool) string) *builtin {
	return onText(name+" chars? /", func(_ *run, s string, a []Value) Value {
		return trimmed(s, or(a[0], nil), spaces)
	})
}

func trimmed(s string, chars Value, trim func(string, func(rune) bool) string) string {
	if chars == nil {
		return trim(s, isSpace)
	}
	set := textArg(chars, "strip arg")
	return trim(s, func(c rune) bool { return strings.ContainsRune(set, c) })
}

// splitter makes split and rsplit.
func splitter(
	name string, spaces func(string, int64) []string, at func(string, string, int64) []string,
) *builtin {
	return define(name+" self sep? maxsplit?", func(r *run, a []Value) Value {
		s, _ := isText(a[0])
		n := count(or(a[2], int64(-1)))
		r.spend(len(s))
		if or(a[1], nil) == nil {
			return words(r, spaces(s, n), a[0])
		}
		sep := textArg(a[1], "separator")
		if sep == "" {
			throw("empty separator")
		}
		return words(r, at(s, sep, n), a[0])
	})
}

func split(s, sep string, n int64) []string {
	if n < 0 || n > int64(len(s)) {
		return strings.Split(s, sep)
	}
	return strings.SplitN(s, sep, int(n)+1)
}

// sliceText returns s[start:end] as methods take it, in characters; ok is false when start
// lies behind the text.
func sliceText(s string, start, end Value) (cut string, from int, ok bool) {
	if or(start, nil) == nil && or(end, nil) == nil {
		return s, 0, true
	}
	runes := []rune(s)
	n := int64(len(runes))
	p := &slice{or(start, nil), or(end, nil), nil}
	i, j, _, good := p.bounds(n)
	if !good {
		throw("slice indices must be integers or None")
	}
	if first, isInt := index(p.start); isInt && first > n {
		return "", 0, false
	}
	if i > j {
		return "", 0, false
	}
	return string(runes[i:j]), int(i), true
}

// finder makes find, rfind, index and rindex.
func finder(name string, find func(s, sub string) int, must bool) *builtin {
	return onText(name+" sub start? end? /", func(_ *run, s string, a []Value) Value {
		cut, from, ok := sliceText(s, a[1], a[2])
		i := -1
		if sub := textArg(a[0], "the text to find"); ok {
			i = find(cut, sub)
		}
		if i < 0 {
			if must {
				throw("substring not found")
			}
			return int64(-1)
		}
		return int64(from + utf8.RuneCountInString(cut[:i]))
	})
}

// affix makes startswith and endswith.
func affix(name string, has func(s, affix string) bool) *builtin {
	return onText(name+" affix start? end? /", func(_ *run, s string, a []Value) Value {
		cut, _, ok := sliceText(s, a[1], a[2])
		options := []Value{a[0]}
		if t, isTuple := a[0].(*Tuple); isTuple {
			options = t.Items
		}
		for _, o := range options {
			if has(cut, textArg(o, name+" first arg")) && ok {
				return true
			}
		}
		return false
	})
}

// classed makes the methods that ask what a text is made of.
func classed(name string, is func(s string) bool) *builtin {
	return onText(name+" /", func(_ *run, s string, _ []Value) Value { return is(s) })
}

// aligned makes ljust, rjust and center.
func aligned(name string, side byte) *builtin {
	return onText(name+" width fill? /", func(r *run, s string, a []Value) Value {
		fill := textArg(or(a[1], " "), "the fill character")
		if utf8.RuneCountInString(fill) != 1 {
			throw("The fill character must be exactly one character long")
		}
		return padded(r, s, count(a[0]), fill, side)
	})
}

// partitioner makes partition and rpartition.
func partitioner(name string, last bool) *builtin {
	return define(name+" self sep /", func(_ *run, a []Value) Value {
		s, _ := isText(a[0])
		sep := textArg(a[1], "separator")
		if sep == "" {
			throw("empty separator")
		}
		i := strings.Index(s, sep)
		if last {
			i = strings.LastIndex(s, sep)
		}
		parts := []string{s, "", ""}
		switch {
		case i >= 0:
			parts = []string{s[:i], sep, s[i+len(sep):]}
		case last:
			parts = []string{"", "", s}
		}
		return &Tuple{[]Value{like(a[0], parts[0]), like(a[0], parts[1]), like(a[0], parts[2])}}
	})
}

func init() {
	textMethods = collect(
		trimmer("strip", strings.TrimFunc), trimmer("lstrip", strings.TrimLeftFunc),
		trimmer("rstrip", strings.TrimRightFunc),
		splitter("split", splitSpaces, split), splitter("rsplit", rsplitSpaces, rsplit),
		finder("find", strings.Index, false), finder("rfind", strings.LastIndex, false),
		finder("index", strings.Index, true), finder("rindex", strings.LastIndex, true),
		affix("startswith", strings.HasPrefix), affix("endswith", strings.HasSuffix),
		aligned("ljust", '<'), aligned("rjust", '>'), aligned("center", '^'),
		partitioner("partition", false), partitioner("rpartition", true),
		define("splitlines self keepends?", func(r *run, a []Value) Value {
			s, _ := isText(a[0])
			return words(r, splitLines(s, truth(or(a[1], false))), a[0])
		}),
		onText("upper /", func(_ *run, s string, _ []Value) Value { return upper(s) }),
		onText("lower /", func(_ *run, s string, _ []Value) Value { return lower(s) }),
		onText("title /", func(_ *run, s string, _ []Value) Value { return title(s) }),
		onText("capitalize /", func(_ *run, s string, _ []Value) Value { return capitalize(s) }),
		onText("swapcase /", func(_ *run, s string, _ []Value) Value { return swapcase(s) }),
		onText("casefold /", func(_ *run, s string, _ []Value) Value { return cases.Fold().String(s) }),
		define("replace self old new count? /", func(r *run, a []Value) Value {
			s, _ := isText(a[0])
			old := textArg(a[1], "replace() argument 1")
			to := textArg(escapedFor(r, a[0], a[2]), "replace() argument 2")
			return like(a[0], replaced(r, s, old, to, count(or(a[3], int64(-1)))))
		}),
		onText("count sub start? end? /", func(_ *run, s string, a []Value) Value {
			sub := textArg(a[0], "the text to count")
			cut, _, ok := sliceText(s, a[1], a[2])
			if !ok {
				return int64(0)
			}
			return int64(strings.Count(cut, sub))
		}),
		define("join self iterable /", func(r *run, a []Value) Value {
			s, _ := isText(a[0])
			_, escaping := a[0].(Markup)
			var parts []string
			total := 0
			for i, item := range list(r, a[1]) {
				p, ok := isText(item)
				if escaping {
					p, ok = str(r, item), true
					if _, done := item.(Markup); !done {
						p = escape(p)
					}
				}
				if !ok {
					throw("sequence item %d: expected str instance, %s found", i, typeName(item))
				}
				if total += len(p) + len(s); total > maxText {
					throw("text of more than %d MiB", maxText>>20)
				}
				parts = append(parts, p)
			}
			r.spend(total)
			return like(a[0], strings.Join(parts, s))
		}),
		onText("removeprefix prefix /", func(_ *run, s string, a []Value) Value {
			return strings.TrimPrefix(s, textArg(a[0], "removeprefix() argument"))
		}),
		onText("removesuffix suffix /", func(_ *run, s string, a []Value) Value {
			return strings.TrimSuffix(s, textArg(a[0], "removesuffix() argument"))
		}),
		onText("zfill width /", func(r *run, s string, a []Value) Value {
			sign := ""
			if s != "" && (s[0] == '-' || s[0] == '+') {
				sign, s = s[:1], s[1:]
			}
			return sign + padded(r, s, count(a[0])-int64(len(sign)), "0", '>')
		}),
		onText("expandtabs tabsize?", func(r *run, s string, a []Value) Value {
			return expandTabs(r, s, count(or(a[0], int64(8))))
		}),
		&builtin{name: "format", raw: func(r *run, args []Value, named []keyword) Value {
			s, _ := isText(args[0])
			return like(args[0], r.format(s, args[0], args[1:], named))
		}},
		define("format_map self mapping /", func(r *run, a []Value) Value {
			d, ok := a[1].(*Dict)
			if !ok {
				throw("format_map takes a dict")
			}
			var named []keyword
			for i, k := range d.keys {
				if name, ok := isText(k); ok {
					named = append(named, keyword{name, d.values[i]})
				}
			}
			s, _ := isText(a[0])
			return like(a[0], r.format(s, a[0], nil, named))
		}),
		classed("isdigit", func(s string) bool { return all(s, isDigit) }),
		classed("isdecimal", func(s string) bool { return all(s, unicode.IsDigit) }),
		classed("isnumeric", func(s string) bool { return all(s, unicode.IsNumber) }),
		classed("isalpha", func(s string) bool { return all(s, unicode.IsLetter) }),
		classed("isalnum", func(s string) bool {
			return all(s, func(c rune) bool { return unicode.IsLetter(c) || unicode.IsNumber(c) })
		}),
		classed("isspace", func(s string) bool { return all(s, isSpace) }),
		classed("isupper", func(s string) bool { return allCased(s, isUpper) }),
		classed("islower", func(s string) bool { return allCased(s, isLower) }),
		classed("istitle", isTitle),
		classed("isascii", plain),
		classed("isprintable", func(s string) bool { return s == "" || all(s, unicode.IsPrint) }),
		classed("isidentifier", func(s string) bool { return s != "" && identifier(s) == s }),
	)
	for _, name := range []string{"encode", "maketrans", "translate"} {
		textMethods[name] = &builtin{name: name, raw: func(*run, []Value, []keyword) Value {
			throw("the method %s of strings is not supported", name)
			return nil
		}}
	}

	find := func(r *run, a []Value) Value {
		items := list(r, a[0])
		for i, item := range items {
			if equal(r, item, a[1]) {
				return int64(i)
			}
		}
		throw("%s is not in %s", str(r, a[1]), typeName(a[0]))
		return nil
	}
	occurrences := func(r *run, a []Value) Value {
		n := int64(0)
		for _, item := range list(r, a[0]) {
			if equal(r, item, a[1]) {
				n++
			}
		}
		return n
	}
	tupleMethods = collect(define("index self value /", find), define("count self value /", occurrences))
	rangeMethods = tupleMethods
	listMethods = collect(define("index self value /", find), define("count self value /", occurrences),
		define("copy self /", func(_ *run, a []Value) Value { return a[0] }))

	view := func(kind string) func(*run, []Value) Value {
		return func(_ *run, a []Value) Value { return &dictView{a[0].(*Dict), kind} }
	}
	dictMethods = collect(
		define("keys self /", view("dict_keys")), define("values self /", view("dict_values")),
		define("items self /", view("dict_items")),
		define("copy self /", func(_ *run, a []Value) Value { return a[0] }),
		define("get self key default? /", func(_ *run, a []Value) Value {
			if v, ok := a[0].(*Dict).Get(a[1]); ok {
				return v
			}
			return or(a[2], nil)
		}),
		define("fromkeys self iterable value? /", func(r *run, a []Value) Value {
			return fromKeys.f(r, a[1:])
		}),
	)
	intMethods = collect(
		define("bit_length self /", func(_ *run, a []Value) Value {
			return int64(wide(mustNumber(a[0])).BitLen())
		}),
		define("bit_count self /", func(_ *run, a []Value) Value {
			n := int64(0)
			for _, c := range new(big.Int).Abs(wide(mustNumber(a[0]))).Text(2) {
				n += int64(c - '0')
			}
			return n
		}),
		define("conjugate self /", func(_ *run, a []Value) Value { return mustNumber(a[0]) }),
		define("as_integer_ratio self /", func(_ *run, a []Value) Value {
			return &Tuple{[]Value{mustNumber(a[0]), int64(1)}}
		}),
	)
	floatMethods = collect(
		define("is_integer self /", func(_ *run, a []Value) Value {
			f := a[0].(float64)
			return f == math.Trunc(f) && !math.IsInf(f, 0)
		}),
		define("conjugate self /", func(_ *run, a []Value) Value { return a[0] }),
	)
}

// fromKeys is dict.fromkeys.
var fromKeys = define("fromkeys iterable value? /", func(r *run, a []Value) Value {
	d := NewDict()
	for _, k := range list(r, a[0]) {
		d.Set(k, or(a[1], nil))
	}
	return d
})

// isDigit reports whether Python counts c as a digit: decimals, superscripts and the like.
func isDigit(c rune) bool {
	return unicode.IsDigit(c) || c == '²' || c == '³' || c == '¹' ||
		c >= '⁰' && c <= '⁹' && unicode.IsNumber(c) || c >= '₀' && c <= '₉' ||
		c >= '①' && c <= '⑨'
}

func expandTabs(r *run, s string, size int64) string {
	var b strings.Builder
	column := int64(0)
	for _, c := range s {
		switch c {
		case '\t':
			if size > 0 {
				gap := size - column%size
				column += gap
				r.spend(int(min(gap, maxText*2)))
				b.WriteString(strings.Repeat(" ", int(gap)))
			}
			continue
		case '\n', '\r':
			column = -1
		}
		column++
		b.WriteRune(c)
	}
	return b.String()
}

// attribute gives what templates ask of a loop.
func (l *loop) attribute(name string) (Value, bool) {
	n := int64(len(l.items))
	i := int64(l.i)
	switch name {
	case "index":
		return i + 1, true
	case "index0":
		return i, true
	case "revindex":
		return n - i, true
	case "revindex0":
		return n - i - 1, true
	case "first":
		return i == 0, true
	case "last":
		return i == n-1, true
	case "length":
		return n, true
	case "depth":
		return int64(l.depth) + 1, true
	case "depth0":
		return int64(l.depth), true
	case "previtem":
		if i == 0 {
			return &Undefined{message: "there is no previous item"}, true
		}
		return l.items[i-1], true
	case "nextitem":
		if i == n-1 {
			return &Undefined{message: "there is no next item"}, true
		}
		return l.items[i+1], true
	case "cycle":
		return &builtin{name: "cycle", raw: func(_ *run, args []Value, named []keyword) Value {
			if len(args) == 0 || len(named) > 0 {
				throw("no items for cycling given")
			}
			return args[l.i%len(args)]
		}}, true
	case "changed":
		return &builtin{name: "changed", raw: func(r *run, args []Value, _ []keyword) Value {
			if l.seen && equalItems(r, l.changed, args) {
				return false
			}
			l.seen, l.changed = true, args
			return true
		}}, true
	}
	return nil, false
}

// call goes through a recursive loop once more.
func (l *loop) call(r *run, args []Value, _ []keyword) Value {
	if l.again == nil {
		throw("the loop must have the 'recursive' marker to be called recursively")
	}
	if len(args) != 1 {
		throw("a recursive loop takes one argument")
	}
	return l.again(list(r, args[0]), l.depth+1)
}

func (m *macro) attribute(name string) (Value, bool) {
	switch name {
	case "name":
		return m.def.name, true
	case "arguments":
		items := make([]Value, len(m.def.params))
		for i, p := range m.def.params {
			items[i] = p
		}
		return &Tuple{items}, true
	case "catch_kwargs":
		return m.def.kwargs, true
	case "catch_varargs":
		return m.def.varargs, true
	case "caller":
		return m.def.caller, true
	}
	return nil, false
}
