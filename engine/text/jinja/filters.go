package jinja

import (
	"fmt"
	"math"
	"math/big"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

var filters map[string]*builtin

// soft is Jinja's soft_str: Markup stays, all else becomes a string.
func soft(r *run, v Value) Value {
	if _, ok := v.(Markup); ok {
		return v
	}
	return str(r, v)
}

// onSoft makes a filter of a function on a text.
func onSoft(spec string, f func(r *run, s string, a []Value) Value) *builtin {
	name, params, _ := strings.Cut(spec, " ")
	return define(name+" s "+params, func(r *run, a []Value) Value {
		model := soft(r, a[0])
		s, _ := isText(model)
		r.spend(len(s))
		v := f(r, s, a[1:])
		if out, ok := v.(string); ok {
			return like(model, out)
		}
		return v
	})
}

// path is an attribute of attributes, as map(attribute="a.b.0") names it.
func path(attribute Value) []Value {
	s, ok := isText(attribute)
	if !ok {
		return []Value{attribute}
	}
	var parts []Value
	for _, p := range strings.Split(s, ".") {
		if n, err := strconv.ParseInt(p, 10, 64); err == nil && n >= 0 {
			parts = append(parts, n)
		} else {
			parts = append(parts, p)
		}
	}
	return parts
}

// follow is the value at a path; where one is missing and there is a default, the
// default.
func follow(r *run, v Value, parts []Value, otherwise Value) Value {
	for _, p := range parts {
		v = r.element(v, p)
		if _, ok := v.(*Undefined); ok && otherwise != nil {
			v = otherwise
		}
	}
	return v
}

// folded is a value as sorting without case sees it.
func folded(v Value) Value {
	if s, ok := isText(v); ok {
		return lower(s)
	}
	return v
}

// keyed gives what items are compared by: an attribute, without case.
func keyed(r *run, attribute, sensitive Value) func(Value) Value {
	var parts []Value
	if or(attribute, nil) != nil {
		parts = path(attribute)
	}
	exact := truth(or(sensitive, false))
	return func(v Value) Value {
		v = follow(r, v, parts, nil)
		if !exact {
			v = folded(v)
		}
		return v
	}
}

// sorted orders items by keys, stably.
func sorted(r *run, items, keys []Value, reverse bool) []Value {
	r.spend(len(items) * itemCost)
	order := make([]int, len(items))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool {
		if reverse {
			return ordered(r, "<", keys[order[j]], keys[order[i]])
		}
		return ordered(r, "<", keys[order[i]], keys[order[j]])
	})
	out := make([]Value, len(items))
	for i, at := range order {
		out[i] = items[at]
	}
	return out
}

// chosen makes select, reject, selectattr and rejectattr.
func chosen(name string, want, attribute bool) *builtin {
	return &builtin{name: name, raw: func(r *run, args []Value, named []keyword) Value {
		value, args := args[0], args[1:]
		pick := func(v Value) Value { return v }
		if attribute {
			if len(args) == 0 {
				throw("%s is missing the attribute's name", name)
			}
			parts := path(args[0])
			pick = func(v Value) Value { return follow(r, v, parts, nil) }
			args = args[1:]
		}
		test := r.true
		if len(args) > 0 {
			word, _ := isText(args[0])
			t := tests[word]
			if t == nil {
				throw("no test named %q", word)
			}
			rest := args[1:]
			test = func(v Value) bool { return truth(t.call(r, append([]Value{v}, rest...), named)) }
		}
		var out []Value
		if truth(value) {
			for _, item := range list(r, value) {
				if test(pick(item)) == want {
					out = append(out, item)
				}
			}
		}
		return &Iterator{"generator", out}
	}}
}

func mapped(r *run, args []Value, named []keyword) Value {
	value, args := args[0], args[1:]
	var each func(Value) Value
	if len(args) == 0 && len(named) > 0 && slices.ContainsFunc(named, func(k keyword) bool { return k.name == "attribute" }) {
		var parts []Value
		var otherwise Value
		for _, k := range named {
			switch k.name {
			case "attribute":
				parts = path(k.value)
			case "default":
				otherwise = k.value
			default:
				throw("map takes no keyword argument %s", k.name)
			}
		}
		each = func(v Value) Value { return follow(r, v, parts, otherwise) }
	} else {
		if len(args) == 0 {
			throw("map requires a filter argument")
		}
		word, _ := isText(args[0])
		f := filters[word]
		if f == nil {
			throw("no filter named %q", word)
		}
		each = func(v Value) Value { return f.call(r, append([]Value{v}, args[1:]...), named) }
	}
	var out []Value
	if truth(value) {
		for _, item := range list(r, value) {
			out = append(out, each(item))
		}
	}
	return &Iterator{"generator", out}
}

// extreme makes min and max.
func extreme(name, op string) *builtin {
	return define(name+" value case_sensitive? attribute?", func(r *run, a []Value) Value {
		key := keyed(r, a[2], a[1])
		items := list(r, a[0])
		if len(items) == 0 {
			return &Undefined{message: "No aggregated item, sequence was empty."}
		}
		best, bestKey := items[0], key(items[0])
		for _, item := range items[1:] {
			if k := key(item); ordered(r, op, k, bestKey) {
				best, bestKey = item, k
			}
		}
		return best
	})
}

// trimInt reads text as Python's int(text, base).
func trimInt(s string, base int) (Value, bool) {
	s = strings.TrimFunc(s, isSpace)
	sign := ""
	if s != "" && (s[0] == '-' || s[0] == '+') {
		sign, s = s[:1], s[1:]
	}
	prefix := ""
	if len(s) > 2 && s[0] == '0' {
		switch s[1] | 0x20 {
		case 'x':
			prefix = "0x"
		case 'o':
			prefix = "0o"
		case 'b':
			prefix = "0b"
		}
		if at := map[string]int{"0x": 16, "0o": 8, "0b": 2}[prefix]; prefix != "" && (at == base || base == 0) {
			s = strings.TrimPrefix(s[2:], "_")
			base = at
		}
	}
	if base == 0 {
		base = 10
		if len(s) > 1 && s[0] == '0' && strings.Trim(s, "0_") != "" {
			return nil, false
		}
	}
	if s == "" || s[0] == '_' || strings.HasSuffix(s, "_") || strings.Contains(s, "__") || len(s) > maxDigits {
		return nil, false
	}
	s = strings.Map(func(c rune) rune {
		if c >= 0x80 {
			if d := decimal(c); d >= 0 {
				return '0' + rune(d)
			}
		}
		return c
	}, strings.ReplaceAll(s, "_", ""))
	if s[0] == '-' || s[0] == '+' {
		return nil, false
	}
	i, ok := new(big.Int).SetString(sign+s, base)
	if !ok {
		return nil, false
	}
	return small(i), true
}

// decimal is the value of a decimal digit of any script, or -1.
func decimal(c rune) int {
	if !isDecimal(c) {
		return -1
	}
	n := 0
	for n < 10 && isDecimal(c-1-rune(n)) {
		n++
	}
	return n % 10
}

// trimFloat reads text as Python's float(text).
func trimFloat(s string) (float64, bool) {
	s = strings.TrimFunc(s, isSpace)
	if strings.HasPrefix(s, "_") || strings.HasSuffix(s, "_") || strings.Contains(s, "__") || strings.ContainsAny(s, "xXpP") {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	return f, err == nil || math.IsInf(f, 0) && s != ""
}

// floatOf is Python's float(v), as far as it does not raise.
func floatOf(v Value) (float64, bool) {
	if s, ok := isText(v); ok {
		return trimFloat(s)
	}
	if u, ok := v.(*Undefined); ok {
		u.fail()
	}
	n, ok := number(v)
	if !ok {
		return 0, false
	}
	return toFloat(n), true
}

// rounded is Python's round(x, n) of a number.
func rounded(v Value, n int64) Value {
	x, isFloat := v.(float64)
	if isFloat && (math.IsInf(x, 0) || math.IsNaN(x)) {
		return x
	}
	if n >= 0 {
		if !isFloat {
			return v
		}
		f, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'f', int(min(n, 400)), 64), 64)
		return f
	}
	if n < -400 {
		n = -400
	}
	exact := new(big.Rat)
	if isFloat {
		exact.SetFloat64(x)
	} else {
		exact.SetInt(wide(v))
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(-n), nil)
	exact.Quo(exact, new(big.Rat).SetInt(unit))
	whole, rest := new(big.Int).DivMod(exact.Num(), exact.Denom(), new(big.Int))
	switch c := rest.Lsh(rest, 1).Cmp(exact.Denom()); {
	case c > 0 || c == 0 && whole.Bit(0) == 1:
		whole.Add(whole, big.NewInt(1))
	}
	whole.Mul(whole, unit)
	if isFloat {
		f, _ := new(big.Float).SetInt(whole).Float64()
		return math.Copysign(f, x)
	}
	return small(whole)
}

var (
	wordStart = regexp.MustCompile(`[-\s({\[<]+`)
	wordChars = regexp.MustCompile(`[\pL\pN\pM_]+`)
	tags      = regexp.MustCompile(`(?s)<!--.*?-->|<.*?>`)
)

// titled is the filter title, which is not the method: only some characters end a
// word.
func titled(s string) string {
	var b strings.Builder
	word := func(w string) {
		if w != "" {
			_, size := utf8.DecodeRuneInString(w)
			b.WriteString(upper(w[:size]) + lower(w[size:]))
		}
	}
	at := 0
	for _, m := range wordStart.FindAllStringIndex(s, -1) {
		word(s[at:m[0]])
		word(s[m[0]:m[1]])
		at = m[1]
	}
	word(s[at:])
	return b.String()
}

// columns makes batch's and slice's lists.
func columns(r *run, parts [][]Value) Value {
	out := make([]Value, len(parts))
	for i, p := range parts {
		out[i] = &List{p}
	}
	r.spend(len(out) * itemCost)
	return &Iterator{"generator", out}
}

// quoteURL escapes a text for a path, or for a query.
func quoteURL(s string, query bool) string {
	s = url.QueryEscape(s)
	if !query {
		s = strings.NewReplacer("+", "%20", "%2F", "/").Replace(s)
	}
	return s
}

func fileSize(bytes float64, binary bool) string {
	base, units := 1000.0, []string{"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"}
	if binary {
		base, units = 1024, []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"}
	}
	if bytes == 1 {
		return "1 Byte"
	}
	if bytes < base {
		return fmt.Sprintf("%d Bytes", int64(bytes))
	}
	unit := base
	for i, u := range units {
		unit = math.Pow(base, float64(i+2))
		if bytes < unit || i == len(units)-1 {
			return strconv.FormatFloat(base*bytes/unit, 'f', 1, 64) + " " + u
		}
	}
	return ""
}

func init() {
	filters = collect(
		toJSON,
		define("default,d value default_value? boolean?", func(r *run, a []Value) Value {
			u, undefined := a[0].(*Undefined)
			if undefined {
				u.guard()
			}
			if undefined || truth(or(a[2], false)) && !truth(a[0]) {
				return or(a[1], "")
			}
			return a[0]
		}),
		define("length,count value", func(_ *run, a []Value) Value {
			n, ok := length(a[0])
			if !ok {
				throw("object of type '%s' has no len()", typeName(a[0]))
			}
			return int64(n)
		}),
		define("first seq", func(r *run, a []Value) Value {
			if items := list(r, a[0]); len(items) > 0 {
				if it, ok := a[0].(*Iterator); ok {
					it.items = items[1:]
				}
				return items[0]
			}
			return &Undefined{message: "No first item, sequence was empty."}
		}),
		define("last seq", func(r *run, a []Value) Value {
			if _, ok := a[0].(*Iterator); ok {
				throw("'generator' object is not reversible")
			}
			if items := list(r, a[0]); len(items) > 0 {
				return items[len(items)-1]
			}
			return &Undefined{message: "No last item, sequence was empty."}
		}),
		define("join value d? attribute?", func(r *run, a []Value) Value {
			var parts []string
			total := 0
			separator := str(r, or(a[1], ""))
			for _, item := range list(r, a[0]) {
				if or(a[2], nil) != nil {
					item = follow(r, item, path(a[2]), nil)
				}
				part := str(r, item)
				if total += len(part) + len(separator); total > maxText {
					throw("text of more than %d MiB", maxText>>20)
				}
				parts = append(parts, part)
			}
			r.spend(total)
			return strings.Join(parts, separator)
		}),
		&builtin{name: "map", raw: mapped},
		chosen("select", true, false), chosen("reject", false, false),
		chosen("selectattr", true, true), chosen("rejectattr", false, true),
		define("list value", func(r *run, a []Value) Value { return &List{slices.Clone(list(r, a[0]))} }),
		define("sort value reverse? case_sensitive? attribute?", func(r *run, a []Value) Value {
			items := list(r, a[0])
			keys := make([]Value, len(items))
			names := []Value{absent}
			if s, ok := isText(a[3]); ok {
				names = nil
				for _, n := range strings.Split(s, ",") {
					names = append(names, n)
				}
			} else if or(a[3], nil) != nil {
				names = []Value{a[3]}
			}
			for i, item := range items {
				all := make([]Value, len(names))
				for j, n := range names {
					all[j] = keyed(r, n, a[2])(item)
				}
				keys[i] = &List{all} // so that equal items need no order
			}
			return &List{sorted(r, items, keys, truth(or(a[1], false)))}
		}),
		define("unique value case_sensitive? attribute?", func(r *run, a []Value) Value {
			key := keyed(r, a[2], a[1])
			seen := NewDict()
			var out []Value
			for _, item := range list(r, a[0]) {
				k := key(item)
				if _, ok := seen.Get(k); !ok {
					seen.Set(k, true)
					out = append(out, item)
				}
			}
			return &Iterator{"generator", out}
		}),
		define("groupby value attribute default? case_sensitive?", func(r *run, a []Value) Value {
			items := list(r, a[0])
			parts := path(a[1])
			exact := truth(or(a[3], false))
			keys := make([]Value, len(items))
			for i, item := range items {
				if keys[i] = follow(r, item, parts, or(a[2], nil)); !exact {
					keys[i] = folded(keys[i])
				}
			}
			order := make([]Value, len(items))
			for i := range order {
				order[i] = int64(i)
			}
			var out []Value
			var last Value = absent
			for _, at := range sorted(r, order, keys, false) {
				i := at.(int64)
				if last == absent || !equal(r, last, keys[i]) {
					grouper := keys[i]
					if !exact {
						grouper = follow(r, items[i], parts, or(a[2], nil))
					}
					out = append(out, &group{Tuple{[]Value{grouper, &List{}}}})
				}
				members := out[len(out)-1].(*group).Items[1].(*List)
				members.Items = append(members.Items, items[i])
				last = keys[i]
			}
			return &List{out}
		}),
		define("dictsort value case_sensitive? by? reverse?", func(r *run, a []Value) Value {
			d, ok := a[0].(*Dict)
			if !ok {
				throw("dictsort takes a dict, not '%s'", typeName(a[0]))
			}
			by := or(a[2], "key")
			if by != "key" && by != "value" {
				throw(`You can only sort by either "key" or "value"`)
			}
			items := (&dictView{d, "dict_items"}).items()
			keys := make([]Value, len(items))
			for i := range items {
				keys[i] = d.keys[i]
				if by == "value" {
					keys[i] = d.values[i]
				}
				if !truth(or(a[1], false)) {
					keys[i] = folded(keys[i])
				}
			}
			return &List{sorted(r, items, keys, truth(or(a[3], false)))}
		}),
		define("items value", func(_ *run, a []Value) Value {
			switch v := a[0].(type) {
			case *Undefined:
				return &Iterator{"generator", nil}
			case *Dict:
				return &Iterator{"generator", (&dictView{v, "dict_items"}).items()}
			}
			throw("Can only get item pairs from a mapping.")
			return nil
		}),
		define("sum iterable attribute? start?", func(r *run, a []Value) Value {
			total := or(a[2], int64(0))
			if _, ok := isText(total); ok {
				throw("sum() can't sum strings [use ''.join(seq) instead]")
			}
			for _, item := range list(r, a[0]) {
				if or(a[1], nil) != nil {
					item = follow(r, item, path(a[1]), nil)
				}
				total = operate(r, "+", total, item)
			}
			return total
		}),
		extreme("min", "<"), extreme("max", ">"),
		define("reverse value", func(r *run, a []Value) Value {
			if s, ok := isText(a[0]); ok {
				runes := []rune(s)
				slices.Reverse(runes)
				return like(a[0], string(runes))
			}
			items, ok := iterate(r, a[0])
			if !ok {
				throw("argument must be iterable")
			}
			items = slices.Clone(items)
			slices.Reverse(items)
			return &Iterator{"list_reverseiterator", items}
		}),
		define("batch value linecount fill_with?", func(r *run, a []Value) Value {
			n := int(count(a[1]))
			var parts [][]Value
			var batch []Value
			for _, item := range list(r, a[0]) {
				if len(batch) == n {
					parts, batch = append(parts, batch), nil
				}
				batch = append(batch, item)
			}
			if len(batch) > 0 {
				if fill := or(a[2], nil); fill != nil {
					r.spend(max(n-len(batch), 0) * itemCost)
					for len(batch) < n {
						batch = append(batch, fill)
					}
				}
				parts = append(parts, batch)
			}
			return columns(r, parts)
		}),
		define("slice value slices fill_with?", func(r *run, a []Value) Value {
			items := list(r, a[0])
			n := int(count(a[1]))
			if n <= 0 {
				throw("integer division or modulo by zero")
			}
			r.spend(n * itemCost)
			per, extra, at := len(items)/n, len(items)%n, 0
			var parts [][]Value
			for i := range n {
				size := per
				if i < extra {
					size++
				}
				column := slices.Clone(items[at : at+size])
				at += size
				if fill := or(a[2], nil); fill != nil && i >= extra {
					column = append(column, fill)
				}
				parts = append(parts, column)
			}
			return columns(r, parts)
		}),
		onSoft("trim chars?", func(_ *run, s string, a []Value) Value { return trimmed(s, or(a[0], nil), strings.TrimFunc) }),
		onSoft("upper", func(_ *run, s string, _ []Value) Value { return upper(s) }),
		onSoft("lower", func(_ *run, s string, _ []Value) Value { return lower(s) }),
		onSoft("capitalize", func(_ *run, s string, _ []Value) Value { return capitalize(s) }),
		onSoft("title", func(_ *run, s string, _ []Value) Value { return titled(s) }),
		onSoft("center width?", func(r *run, s string, a []Value) Value { return padded(r, s, count(or(a[0], int64(80))), " ", '^') }),
		onSoft("string", func(_ *run, s string, _ []Value) Value { return s }),
		onSoft("wordcount", func(_ *run, s string, _ []Value) Value { return int64(len(wordChars.FindAllString(s, -1))) }),
		define("wordwrap s width? break_long_words? wrapstring? break_on_hyphens?", wordWrap),
		define("replace s old new count?", func(r *run, a []Value) Value {
			n := int64(-1)
			if c := or(a[3], nil); c != nil {
				n = count(c)
			}
			return replaced(r, str(r, a[0]), str(r, a[1]), str(r, a[2]), n)
		}),
		define("indent s width? first? blank?", func(r *run, a []Value) Value {
			s, ok := isText(a[0])
			if !ok {
				throw("indent takes a string, not '%s'", typeName(a[0]))
			}
			by, ok := isText(or(a[1], int64(4)))
			if !ok {
				by = padded(r, "", count(or(a[1], int64(4))), " ", '<')
			}
			lines := splitLines(s+"\n", false)
			r.spend(len(s) + len(by)*len(lines))
			for i := range lines {
				if i > 0 && (lines[i] != "" || truth(or(a[3], false))) || i == 0 && truth(or(a[2], false)) {
					lines[i] = by + lines[i]
				}
			}
			return like(a[0], strings.Join(lines, "\n"))
		}),
		define("truncate s length? killwords? end? leeway?", func(r *run, a []Value) Value {
			s, end := str(r, a[0]), str(r, or(a[3], "..."))
			n, leeway := count(or(a[1], int64(255))), int64(5)
			if l := or(a[4], nil); l != nil {
				leeway = count(l)
			}
			room := n - int64(utf8.RuneCountInString(end))
			if room < 0 || leeway < 0 {
				throw("truncate takes a length above its end's, and no negative leeway")
			}
			runes := []rune(s)
			if int64(len(runes)) <= n+leeway {
				return s
			}
			s = string(runes[:room])
			if !truth(or(a[2], false)) {
				if i := strings.LastIndexByte(s, ' '); i >= 0 {
					s = s[:i]
				}
			}
			return s + end
		}),
		&builtin{name: "format", raw: func(r *run, args []Value, named []keyword) Value {
			if len(args) > 1 && len(named) > 0 {
				throw("can't handle positional and keyword arguments at the same time")
			}
			s := soft(r, args[0])
			if len(named) > 0 {
				return operate(r, "%", s, newDict(r, nil, named))
			}
			return operate(r, "%", s, &Tuple{args[1:]})
		}},
		define("safe value", func(r *run, a []Value) Value { return Markup(str(r, a[0])) }),
		define("escape,e value", func(r *run, a []Value) Value {
			if m, ok := a[0].(Markup); ok {
				return m
			}
			s := escape(str(r, a[0]))
			r.spend(len(s))
			return Markup(s)
		}),
		define("forceescape value", func(r *run, a []Value) Value {
			s := escape(str(r, a[0]))
			r.spend(len(s))
			return Markup(s)
		}),
		define("striptags value", func(r *run, a []Value) Value {
			s := tags.ReplaceAllString(str(r, a[0]), "")
			s = strings.Join(splitSpaces(s, -1), " ")
			return strings.NewReplacer("&amp;", "&", "&gt;", ">", "&lt;", "<", "&#39;", "'", "&#34;", `"`).Replace(s)
		}),
		define("round value precision? method?", func(_ *run, a []Value) Value {
			n, ok := number(a[0])
			if !ok {
				if u, isUndefined := a[0].(*Undefined); isUndefined {
					u.fail()
				}
				throw("type %s doesn't define __round__ method", typeName(a[0]))
			}
			precision := count(or(a[1], int64(0)))
			switch method := or(a[2], "common"); method {
			case "common":
				return rounded(n, precision)
			case "ceil", "floor":
				f := math.Ceil
				if method == "floor" {
					f = math.Floor
				}
				scale := toFloat(calculate("**", int64(10), max(min(precision, 400), -400)))
				x := f(toFloat(n) * scale)
				if math.IsInf(x, 0) || math.IsNaN(x) {
					throw("cannot convert float infinity or NaN to integer")
				}
				return (x + 0) / scale
			}
			throw("method must be common, ceil or floor")
			return nil
		}),
		define("int value default? base?", func(_ *run, a []Value) Value {
			otherwise := or(a[1], int64(0))
			if s, ok := isText(a[0]); ok {
				if i, ok := trimInt(s, int(min(max(count(or(a[2], int64(10))), 0), 36))); ok {
					return i
				}
			}
			if n, ok := number(a[0]); ok {
				if _, isFloat := n.(float64); !isFloat {
					return n
				}
			}
			f, ok := floatOf(a[0])
			if !ok || math.IsInf(f, 0) || math.IsNaN(f) {
				return otherwise
			}
			return truncated(f)
		}),
		define("float value default?", func(_ *run, a []Value) Value {
			if f, ok := floatOf(a[0]); ok {
				return f
			}
			return or(a[1], 0.0)
		}),
		define("abs x", func(_ *run, a []Value) Value {
			n, ok := number(a[0])
			if !ok {
				throw("bad operand type for abs(): '%s'", typeName(a[0]))
			}
			if f, isFloat := n.(float64); isFloat {
				return math.Abs(f)
			}
			return small(new(big.Int).Abs(wide(n)))
		}),
		define("attr obj name", func(r *run, a []Value) Value {
			name := str(r, a[1])
			if u, ok := a[0].(*Undefined); ok {
				u.fail()
			}
			if v, ok := attr(r, a[0], name); ok {
				return v
			}
			return missing(a[0], name)
		}),
		define("filesizeformat value binary?", func(_ *run, a []Value) Value {
			f, ok := floatOf(a[0])
			if !ok {
				throw("filesizeformat takes a number")
			}
			return fileSize(f, truth(or(a[1], false)))
		}),
		define("urlencode value", func(r *run, a []Value) Value {
			if _, ok := length(a[0]); !ok {
				return quoteURL(str(r, a[0]), false)
			}
			if s, ok := isText(a[0]); ok {
				return quoteURL(s, false)
			}
			pairs := a[0]
			if d, ok := a[0].(*Dict); ok {
				pairs = &dictView{d, "dict_items"}
			}
			var parts []string
			for _, pair := range list(r, pairs) {
				kv := list(r, pair)
				if len(kv) != 2 {
					throw("urlencode takes pairs")
				}
				parts = append(parts, quoteURL(str(r, kv[0]), true)+"="+quoteURL(str(r, kv[1]), true))
			}
			return strings.Join(parts, "&")
		}),
		define("xmlattr d autospace?", func(r *run, a []Value) Value {
			d, ok := a[0].(*Dict)
			if !ok {
				throw("xmlattr takes a dict")
			}
			var parts []string
			for i, k := range d.keys {
				if _, undefined := d.values[i].(*Undefined); undefined || d.values[i] == nil {
					continue
				}
				name := textArg(k, "an attribute's name")
				if strings.ContainsAny(name, " \t\n\r\f\v/>=") {
					throw("invalid character in attribute name: %s", quoted(name))
				}
				value, isMarkup := d.values[i].(Markup)
				if !isMarkup {
					value = Markup(escape(str(r, d.values[i])))
				}
				parts = append(parts, escape(name)+`="`+string(value)+`"`)
			}
			text := strings.Join(parts, " ")
			if text != "" && truth(or(a[1], true)) {
				text = " " + text
			}
			return text
		}),
		refused("random seq", "is different every time, and a prompt must not be"),
		refused("pprint value", "is not supported"),
		refused("urlize value", "is not supported"),
	)
}

// refused is a filter that Jinja has and prompts have no use for.
func refused(spec, why string) *builtin {
	name, _, _ := strings.Cut(spec, " ")
	return &builtin{name: name, raw: func(*run, []Value, []keyword) Value {
		throw("the filter %s %s", name, why)
		return nil
	}}
}
