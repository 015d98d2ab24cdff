package jinja

import (
	"encoding/binary"
	"iter"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Value is a value as Python has it: nil (None), bool, int64, *big.Int beyond it,
// float64, string, Markup, *List, *Tuple, *Dict, and what only templates make.
type Value any

// Markup is a string that was escaped.
type Markup string

// List is a Python list. Templates cannot change it.
type List struct{ Items []Value }

// Tuple is a Python tuple.
type Tuple struct{ Items []Value }

// group is an item of groupby: a tuple whose items have names.
type group struct {
	Tuple
}

// Dict is a Python dict: it keeps the order of its keys.
type Dict struct {
	keys, values []Value
	indices      map[any]int // of the keys, by their hashes
}

// NewDict returns an empty dict.
func NewDict() *Dict { return &Dict{indices: map[any]int{}} }

// Set puts a value under a key, which must be hashable.
func (d *Dict) Set(key, value Value) {
	h := hash(key)
	if i, ok := d.indices[h]; ok {
		d.values[i] = value
		return
	}
	d.indices[h] = len(d.keys)
	d.keys = append(d.keys, key)
	d.values = append(d.values, value)
}

// Get returns the value under a key.
func (d *Dict) Get(key Value) (Value, bool) {
	if i, ok := d.indices[hash(key)]; ok {
		return d.values[i], true
	}
	return nil, false
}

// All goes through the keys and values in their order.
func (d *Dict) All() iter.Seq2[Value, Value] {
	return func(yield func(Value, Value) bool) {
		for i, key := range d.keys {
			if !yield(key, d.values[i]) {
				return
			}
		}
	}
}

// Len returns the number of keys.
func (d *Dict) Len() int { return len(d.keys) }

// dictView is the result of keys(), values() or items().
type dictView struct {
	d    *Dict
	kind string // dict_keys, dict_values or dict_items
}

func (v *dictView) items() []Value {
	switch v.kind {
	case "dict_keys":
		return v.d.keys
	case "dict_values":
		return v.d.values
	}
	out := make([]Value, len(v.d.keys))
	for i := range out {
		out[i] = &Tuple{[]Value{v.d.keys[i], v.d.values[i]}}
	}
	return out
}

// Range is Python's range.
type Range struct{ start, stop, step, n int64 }

func (r *Range) at(i int64) int64 { return r.start + i*r.step }

// Undefined is a name, attribute or item that is not there, or that the sandbox
// keeps back.
type Undefined struct {
	message string // also for what the sandbox keeps back
}

func (u *Undefined) fail() {
	throw("%s", u.message)
}

// Iterator is a generator: it can be gone through once.
type Iterator struct {
	kind  string
	items []Value
}

func (it *Iterator) take() []Value {
	items := it.items
	it.items = nil
	return items
}

// Namespace is the only thing whose attributes templates can set.
type Namespace struct{ attrs *Dict }

// typeName is the name that Python gives a value's type.
func typeName(v Value) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int64, *big.Int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case Markup:
		return "Markup"
	case *List:
		return "list"
	case *Tuple, *group:
		return "tuple"
	case *Dict:
		return "dict"
	case *dictView:
		return v.kind
	case *Range:
		return "range"
	case *Undefined:
		return "Undefined"
	case *Iterator:
		return v.kind
	case *Namespace:
		return "namespace"
	}
	return "function"
}

// named is a value's type as Jinja's messages name it.
func named(v Value) string {
	if v == nil {
		return "None"
	}
	return "'" + typeName(v) + " object'"
}

// isText says whether v is a string, and which.
func isText(v Value) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case Markup:
		return string(v), true
	}
	return "", false
}

// elements are the items of a list or tuple.
func elements(v Value) ([]Value, bool) {
	switch v := v.(type) {
	case *List:
		return v.Items, true
	case *Tuple:
		return v.Items, true
	case *group:
		return v.Items, true
	}
	return nil, false
}

// truth is Python's bool(v).
func truth(v Value) bool {
	switch v := v.(type) {
	case nil, *Undefined:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case Markup:
		return v != ""
	case *Dict:
		return v.Len() > 0
	case *dictView:
		return v.d.Len() > 0
	case *Range:
		return v.n > 0
	}
	if items, ok := elements(v); ok {
		return len(items) > 0
	}
	return true
}

// length is Python's len(v).
func length(v Value) (int, bool) {
	if s, ok := isText(v); ok {
		return utf8.RuneCountInString(s), true
	}
	if items, ok := elements(v); ok {
		return len(items), true
	}
	switch v := v.(type) {
	case *Dict:
		return v.Len(), true
	case *dictView:
		return v.d.Len(), true
	case *Range:
		return int(v.n), true
	case *Undefined:
		return 0, true
	case *loop:
		return len(v.items), true
	}
	return 0, false
}

// iterate gives the items of what Python can iterate over; ok is false for the rest.
func iterate(r *run, v Value) (items []Value, ok bool) {
	if s, text := isText(v); text {
		r.spend(len(s))
		for _, c := range s {
			items = append(items, string(c))
		}
		return items, true
	}
	if items, ok := elements(v); ok {
		return items, true
	}
	switch v := v.(type) {
	case *Dict:
		return v.keys, true
	case *dictView:
		return v.items(), true
	case *Range:
		r.spend(int(v.n) * itemCost)
		items = make([]Value, v.n)
		for i := range items {
			items[i] = v.at(int64(i))
		}
		return items, true
	case *Iterator:
		return v.take(), true
	case *Undefined:
		return nil, true
	}
	return nil, false
}

// list is iterate for what must be iterable.
func list(r *run, v Value) []Value {
	items, ok := iterate(r, v)
	if !ok {
		throw("'%s' object is not iterable", typeName(v))
	}
	return items
}

// number reads an int or bool as int64 or *big.Int, a float as float64.
func number(v Value) (Value, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return int64(1), true
		}
		return int64(0), true
	case int64, *big.Int, float64:
		return v, true
	}
	return nil, false
}

// index reads an integer that counts something; beyond int64 it is cut.
func index(v Value) (int64, bool) {
	n, _ := number(v)
	switch n := n.(type) {
	case int64:
		return n, true
	case *big.Int:
		if n.Sign() < 0 {
			return math.MinInt64 / 2, true
		}
		return math.MaxInt64 / 2, true
	}
	return 0, false
}

// count is index for an argument that must be an integer.
func count(v Value) int64 {
	n, ok := index(v)
	if !ok {
		if u, ok := v.(*Undefined); ok {
			u.fail()
		}
		throw("'%s' object cannot be interpreted as an integer", typeName(v))
	}
	return n
}

// small is i as int64 where it fits.
func small(i *big.Int) Value {
	if i.IsInt64() {
		return i.Int64()
	}
	return i
}

// wide is an int64 or *big.Int as *big.Int.
func wide(v Value) *big.Int {
	if i, ok := v.(int64); ok {
		return big.NewInt(i)
	}
	return v.(*big.Int)
}

// Keys that Python's dicts hold apart from others of the same text.
type (
	bigKey       string
	tupleKey     string
	noneKey      struct{}
	undefinedKey struct{}
)

// hash is a key that is equal for values that Python takes as one key.
func hash(v Value) any {
	switch v := v.(type) {
	case nil:
		return noneKey{}
	case bool:
		n, _ := number(v)
		return n
	case int64, string:
		return v
	case Markup:
		return string(v)
	case *big.Int:
		return bigKey(v.String())
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<62 {
			return int64(v)
		}
		if v == math.Trunc(v) && !math.IsInf(v, 0) {
			i, _ := big.NewFloat(v).Int(nil)
			return bigKey(i.String())
		}
		return v
	case *Undefined:
		return undefinedKey{}
	case *Tuple:
		return tupleHash(v.Items)
	case *group:
		return tupleHash(v.Items)
	case *dictView:
		if v.kind == "dict_values" {
			return v
		}
		throw("unhashable type: '%s'", v.kind)
	case *List, *Dict, *slice:
		throw("unhashable type: '%s'", typeName(v))
	}
	return v
}

// hashable says whether Python takes a value as a key.
func hashable(r *run, v Value) bool {
	r.step()
	switch v := v.(type) {
	case *List, *Dict, *slice:
		return false
	case *dictView:
		return v.kind == "dict_values"
	case *Tuple, *group:
		items, _ := elements(v)
		for _, item := range items {
			if !hashable(r, item) {
				return false
			}
		}
	}
	return true
}

// maxKey bounds a tuple that is a key: one that holds another twice, and so on, doubles with
// every level.
const maxKey = 1 << 20

func tupleHash(items []Value) any {
	var b strings.Builder
	for _, item := range items {
		h := hash(item)
		part := ""
		switch h := h.(type) {
		case int64:
			part = "i" + strconv.FormatInt(h, 10)
		case string:
			part = "s" + h
		case float64:
			part = "f" + strconv.FormatFloat(h, 'g', -1, 64)
		case bigKey:
			part = "b" + string(h)
		case tupleKey:
			part = "t" + string(h)
		case noneKey:
			part = "n"
		default:
			throw("a tuple of %s as a key is not supported", typeName(item))
		}
		b.Write(binary.AppendUvarint(nil, uint64(len(part))))
		b.WriteString(part)
		if b.Len() > maxKey {
			throw("a tuple of more than %d KiB as a key", maxKey>>10)
		}
	}
	return tupleKey(b.String())
}

// equal is Python's a == b.
func equal(r *run, a, b Value) bool {
	r.step()
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && compareNumbers(x, y) == 0
	}
	if x, ok := isText(a); ok {
		y, ok := isText(b)
		return ok && x == y
	}
	switch a := a.(type) {
	case nil:
		return b == nil
	case *Undefined:
		_, ok := b.(*Undefined)
		return ok
	case *List:
		b, ok := b.(*List)
		return ok && equalItems(r, a.Items, b.Items)
	case *Tuple, *group:
		switch b.(type) {
		case *Tuple, *group:
			x, _ := elements(a)
			y, _ := elements(b)
			return equalItems(r, x, y)
		}
		return false
	case *Dict:
		b, ok := b.(*Dict)
		if !ok || a.Len() != b.Len() {
			return false
		}
		for i, k := range a.keys {
			v, ok := b.Get(k)
			if !ok || !equal(r, a.values[i], v) {
				return false
			}
		}
		return true
	case *Range:
		b, ok := b.(*Range)
		return ok && a.n == b.n && (a.n == 0 || a.start == b.start && (a.n == 1 || a.step == b.step))
	case *dictView:
		b, ok := b.(*dictView)
		if !ok || a.kind != b.kind || a.kind == "dict_values" {
			return ok && a == b
		}
		if a.d.Len() != b.d.Len() {
			return false
		}
		for i, k := range a.d.keys {
			v, ok := b.d.Get(k)
			if !ok || a.kind == "dict_items" && !equal(r, a.d.values[i], v) {
				return false
			}
		}
		return true
	}
	return a == b
}

func equalItems(r *run, a, b []Value) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !equal(r, a[i], b[i]) {
			return false
		}
	}
	return true
}

// compareNumbers is exact between integers and floats; 2 means not comparable (NaN).
func compareNumbers(a, b Value) int {
	x, xf := a.(float64)
	y, yf := b.(float64)
	switch {
	case xf && yf:
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		case x == y:
			return 0
		}
		return 2
	case xf:
		c := compareNumbers(b, a)
		if c == 2 {
			return 2
		}
		return -c
	case yf:
		switch {
		case math.IsNaN(y):
			return 2
		case math.IsInf(y, 1):
			return -1
		case math.IsInf(y, -1):
			return 1
		}
		return new(big.Rat).SetInt(wide(a)).Cmp(new(big.Rat).SetFloat64(y))
	}
	i, ok1 := a.(int64)
	j, ok2 := b.(int64)
	if ok1 && ok2 {
		switch {
		case i < j:
			return -1
		case i > j:
			return 1
		}
		return 0
	}
	return wide(a).Cmp(wide(b))
}

// ordered compares what Python can order: it gives op(a, b) for < <= > >=.
func ordered(r *run, op string, a, b Value) bool {
	r.step()
	for _, v := range []Value{a, b} {
		if u, ok := v.(*Undefined); ok {
			u.fail()
		}
	}
	if x, ok := number(a); ok {
		if y, ok := number(b); ok {
			return holds(op, compareNumbers(x, y))
		}
	}
	if x, ok := isText(a); ok {
		if y, ok := isText(b); ok {
			return holds(op, strings.Compare(x, y))
		}
	}
	x, ok1 := elements(a)
	y, ok2 := elements(b)
	_, list1 := a.(*List)
	_, list2 := b.(*List)
	if ok1 && ok2 && list1 == list2 {
		for i := range min(len(x), len(y)) {
			if !equal(r, x[i], y[i]) {
				return ordered(r, op, x[i], y[i])
			}
		}
		return holds(op, compareNumbers(int64(len(x)), int64(len(y))))
	}
	throw("'%s' not supported between instances of '%s' and '%s'", op, typeName(a), typeName(b))
	return false
}

func holds(op string, c int) bool {
	switch op {
	case "<":
		return c == -1
	case "<=":
		return c == -1 || c == 0
	case ">":
		return c == 1
	}
	return c == 1 || c == 0
}

// contains is Python's item in v.
func contains(r *run, v, item Value) bool {
	if s, ok := isText(v); ok {
		part, ok := isText(item)
		if !ok {
			throw("'in <string>' requires string as left operand, not %s", typeName(item))
		}
		r.spend(len(s) / 16)
		return strings.Contains(s, part)
	}
	switch v := v.(type) {
	case *Dict:
		_, ok := v.Get(item)
		return ok
	case *dictView:
		if v.kind == "dict_keys" {
			_, ok := v.d.Get(item)
			return ok
		}
	case *Range:
		n, ok := number(item)
		if f, isFloat := n.(float64); isFloat && f == math.Trunc(f) && math.Abs(f) < 1<<62 {
			n = int64(f)
		}
		i, isInt := n.(int64)
		return ok && isInt && v.n > 0 && (i-v.start)%v.step == 0 && (i-v.start)/v.step >= 0 &&
			(i-v.start)/v.step < v.n
	}
	items, ok := iterate(r, v)
	if !ok {
		throw("argument of type '%s' is not iterable", typeName(v))
	}
	for _, x := range items {
		if x == nil && item == nil || equal(r, x, item) {
			return true
		}
	}
	return false
}
