package jinja

import (
	"slices"
	"sort"
	"strconv"
	"strings"
)

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
		test := truth
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
	isAttribute := func(k keyword) bool { return k.name == "attribute" }
	if len(args) == 0 && slices.ContainsFunc(named, isAttribute) {
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

// columns makes batch's and slice's lists.
func columns(r *run, parts [][]Value) Value {
	out := make([]Value, len(parts))
	for i, p := range parts {
		out[i] = &List{p}
	}
	r.spend(len(out) * itemCost)
	return &Iterator{"generator", out}
}

// sequenceFilters are the filters of what holds other values.
func sequenceFilters() []*builtin {
	return []*builtin{
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
	}
}
