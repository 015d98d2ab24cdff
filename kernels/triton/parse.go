package triton

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Program is a kernel that was read and can be run here.
type Program struct {
	// Arguments are the elements that the kernel's pointers point to.
	Arguments []Elem
	names     []string // of the arguments
	body      []operation
	size      int // elements of all values
}

// operation is one of a kernel's.
type operation struct {
	line     int
	name     string
	result   string // "" for none; of a loop, to which #0 and so on are added
	operands []string
	types    []Type  // of the result, or of what a loop carries
	word     string  // a predicate, an axis of the grid, what a reduction combines by
	number   float64 // a constant, an axis
	// Of a loop: the turn's number, what it carries by name, and its operations, of which the last is scf.yield.
	index   string
	carried []string
	body    []operation
}

// Parse reads the module of a kernel in the form that Function writes: a part of Triton's IR.
func Parse(text string) (*Program, error) {
	r := &reader{lines: strings.Split(text, "\n"), types: map[string]Type{}}
	p, err := r.module()
	if err != nil {
		return nil, fmt.Errorf("line %d of a kernel: %w", r.at, err)
	}
	return p, nil
}

func (r *reader) module() (*Program, error) {
	p := &Program{}
	r.next()
	r.expect("module {")
	r.next()
	r.expect("tt.func public @")
	r.take("the kernel's name", letter)
	for r.expect("("); r.err == nil; r.expect(",") {
		name := r.define()
		r.expect(":")
		t := r.typ()
		if !t.Pointer || len(t.Dims) > 0 {
			r.fail("the argument %s is %v, expected a pointer", name, t)
		}
		r.expect("{tt.divisibility = 16 : i32}")
		r.add(name, t)
		p.Arguments, p.names = append(p.Arguments, t.Elem), append(p.names, name)
		if r.has(")") {
			break
		}
	}
	r.expect("{")
	r.end()
	p.body = r.block("tt.return", deepest)
	for range 2 {
		if !r.next() || r.rest != "}" {
			r.fail("%q, expected }", r.rest)
		}
	}
	if r.next() {
		r.fail("%q behind the module", r.rest)
	}
	p.size = r.size
	return p, r.err
}

// block reads operations up to the one that ends them, which is read by itself where it is tt.return.
func (r *reader) block(last string, depth int) (all []operation) {
	if depth == 0 {
		r.fail("loops lie more than %d deep in each other", deepest)
		return nil
	}
	for r.err == nil {
		if !r.next() {
			r.fail("the text ends, expected %s", last)
			break
		}
		if r.has(last) {
			if last == "tt.return" {
				r.end()
			}
			break
		}
		all = append(all, r.operation(depth))
	}
	return all
}

// binaries are the operations of two values of a type, which is their result's.
var binaries = []string{"addi", "subi", "muli", "divsi", "remsi", "minsi", "maxsi", "andi", "addf", "subf", "mulf",
	"divf", "minnumf", "maxnumf"}

func isBinary(name string) bool {
	short, ok := strings.CutPrefix(name, "arith.")
	return ok && slices.Contains(binaries, short)
}

// operation reads one.
func (r *reader) operation(depth int) (o operation) {
	o.line = r.at
	if r.has("tt.store ") {
		o.name, o.operands = "tt.store", r.values(3)
		r.expect(":")
		t := r.is(o.operands[0])
		r.hasType(o.operands[1], t.with(t.Elem))
		r.hasType(o.operands[2], t.with(I1))
		if !t.Pointer {
			r.fail("%v is stored to", t)
		}
		r.end()
		return o
	}
	o.result = r.define()
	count := 1
	if r.has(":") {
		count = r.integer()
	}
	r.expect("=")
	quoted := r.has("\"")
	o.name = r.take("an operation", func(c byte) bool { return c == '.' || letter(c) })
	if quoted {
		r.expect("\"")
	}
	if r.err != nil {
		return o
	}
	if o.name == "scf.for" {
		r.loop(&o, count, depth)
		return o
	}
	if count != 1 || quoted != (o.name == "tt.reduce") {
		r.fail("%s is not written so", o.name)
		return o
	}
	var t Type
	switch {
	case isBinary(o.name):
		t = r.binary(&o)
	case r.source(&o, &t), r.reshape(&o, &t), r.memory(&o, &t), r.compute(&o, &t):
	default:
		r.fail("the operation %s is not known", o.name)
	}
	r.end()
	if r.err == nil {
		r.add(o.result, t)
	}
	o.types = []Type{t}
	return o
}

// hasType expects a type of a value.
func (r *reader) hasType(name string, want Type) {
	if has := r.types[name]; r.err == nil && !has.equal(want) {
		r.fail("%s is %v, expected %v", name, has, want)
	}
}

func (r *reader) binary(o *operation) Type {
	o.operands = r.values(2)
	r.expect(":")
	t := r.is(o.operands[0])
	r.hasType(o.operands[1], t)
	floats := strings.HasSuffix(o.name, "f")
	if t.Pointer || t.Elem.float() != floats || t.Elem == BF16 || (t.Elem == I1) != (o.name == "arith.andi") {
		r.fail("%s of %v", o.name, t)
	}
	return t
}

// source reads what makes a value of nothing.
func (r *reader) source(o *operation, t *Type) bool {
	switch o.name {
	case "tt.get_program_id":
		o.word = r.take("x, y or z", letter)
		if len(o.word) != 1 || !strings.Contains("xyz", o.word) {
			r.fail("%q, expected x, y or z", o.word)
		}
		r.expect(":")
		r.expect("i32")
		t.Elem = I32
	case "tt.make_range":
		r.expect("{end =")
		n := r.integer()
		r.expect(": i32, start = 0 : i32} :")
		*t = r.typ()
		if r.err == nil && !t.equal(Type{Elem: I32, Dims: []int{n}}) {
			r.fail("a range of %d is %v", n, *t)
		}
	case "arith.constant":
		dense := r.has("dense<")
		word := r.take("a number", func(c byte) bool { return c == '-' || c == '+' || c == '.' || letter(c) })
		if dense {
			r.expect(">")
		}
		if !dense && (word == "true" || word == "false") {
			*t = Type{Elem: I1}
		} else {
			r.expect(":")
			*t = r.typ()
		}
		o.number = r.constant(word, *t)
		if t.Pointer || dense != (len(t.Dims) > 0) {
			r.fail("a constant that is %v", *t)
		}
	default:
		return false
	}
	return true
}

// constant reads a number of a type.
func (r *reader) constant(word string, t Type) float64 {
	switch {
	case t.Elem == I1:
		if word != "true" && word != "false" {
			r.fail("%q, expected true or false", word)
		}
		if word == "true" {
			return 1
		}
		return 0
	case t.Elem.float():
		x, err := strconv.ParseFloat(word, 64)
		if err != nil || !strings.Contains(word, ".") {
			r.fail("%q, expected a number with a point", word)
		}
		return round(t.Elem, x)
	}
	bits := 32
	if t.Elem == I64 {
		bits = 53
	}
	n, err := strconv.ParseInt(word, 10, bits)
	if err != nil {
		r.fail("%q, expected an integer of %d bits", word, bits)
	}
	return float64(n)
}

// reshape reads what only places elements elsewhere.
func (r *reader) reshape(o *operation, t *Type) bool {
	var fits func(from []int) bool
	switch o.name {
	case "tt.splat":
		o.operands = r.values(1)
		fits = func(from []int) bool { return len(from) == 0 && len(t.Dims) > 0 }
	case "tt.broadcast":
		o.operands = r.values(1)
		fits = func(from []int) bool {
			for i := range from {
				if len(from) == len(t.Dims) && from[i] != 1 && from[i] != t.Dims[i] {
					return false
				}
			}
			return len(from) == len(t.Dims) && len(from) > 0
		}
	case "tt.expand_dims":
		o.operands = r.values(1)
		r.expect("{axis =")
		axis := r.integer()
		r.expect(": i32}")
		fits = func(from []int) bool {
			return len(from) > 0 && axis >= 0 && axis <= len(from) &&
				slices.Equal(slices.Insert(slices.Clone(from), axis, 1), t.Dims)
		}
	case "tt.trans":
		o.operands = r.values(1)
		r.expect("{order = array<i32: 1, 0>}")
		fits = func(from []int) bool { return len(from) == 2 && slices.Equal(t.Dims, []int{from[1], from[0]}) }
	default:
		return false
	}
	r.expect(":")
	from := r.is(o.operands[0])
	r.expect("->")
	*t = r.typ()
	if r.err == nil && (from.Elem != t.Elem || from.Pointer != t.Pointer || !fits(from.Dims)) {
		r.fail("%s of %v is no %v", o.name, from, *t)
	}
	return true
}

// memory reads what has to do with pointers.
func (r *reader) memory(o *operation, t *Type) bool {
	switch o.name {
	case "tt.addptr":
		o.operands = r.values(2)
		r.expect(":")
		*t = r.is(o.operands[0])
		r.expect(",")
		offset := r.is(o.operands[1])
		integer := offset.Elem == I32 || offset.Elem == I64
		if !t.Pointer || offset.Pointer || !integer || !slices.Equal(offset.Dims, t.Dims) {
			r.fail("%v is added to %v", offset, *t)
		}
	case "tt.load":
		o.operands = r.values(1)
		if r.has(",") {
			o.operands = append(o.operands, r.values(2)...)
		}
		r.expect(":")
		p := r.is(o.operands[0])
		*t = p.with(p.Elem)
		if len(o.operands) == 3 {
			r.hasType(o.operands[1], p.with(I1))
			r.hasType(o.operands[2], *t)
		}
		if !p.Pointer {
			r.fail("%v is loaded", p)
		}
	default:
		return false
	}
	return true
}

// compute reads what computes and is not a binary operation.
func (r *reader) compute(o *operation, t *Type) bool {
	switch o.name {
	case "arith.cmpi", "arith.cmpf":
		known := []string{"slt", "sle", "ult"}
		if o.name == "arith.cmpf" {
			known = []string{"olt", "ole"}
		}
		o.word = r.take("a predicate", letter)
		if !slices.Contains(known, o.word) {
			r.fail("the comparison %q is not known", o.word)
		}
		r.expect(",")
		o.operands = r.values(2)
		r.expect(":")
		from := r.is(o.operands[0])
		r.hasType(o.operands[1], from)
		if *t = from.with(I1); from.Pointer || from.Elem.float() != (o.name == "arith.cmpf") || from.Elem == I1 {
			r.fail("%v is compared", from)
		}
	case "arith.select":
		o.operands = r.values(3)
		r.expect(":")
		condition := r.typ()
		if *t = condition; len(condition.Dims) > 0 {
			r.expect(",")
			*t = r.typ()
		}
		r.hasType(o.operands[0], t.with(I1))
		r.hasType(o.operands[1], *t)
		r.hasType(o.operands[2], *t)
		if t.Pointer || len(condition.Dims) > 0 && !condition.equal(t.with(I1)) {
			r.fail("a choice of %v by %v", *t, condition)
		}
	case "arith.truncf", "arith.extf", "arith.extsi", "arith.fptosi", "arith.sitofp", "arith.bitcast":
		o.operands = r.values(1)
		r.expect(":")
		from := r.is(o.operands[0])
		r.expect("to")
		*t = r.typ()
		known := map[string][2]Elem{"arith.truncf": {F32, BF16}, "arith.extf": {BF16, F32},
			"arith.extsi": {I32, I64}, "arith.fptosi": {F32, I32}, "arith.sitofp": {I32, F32},
			"arith.bitcast": {I32, F32}}
		if [2]Elem{from.Elem, t.Elem} != known[o.name] || from.Pointer || !from.with(t.Elem).equal(*t) {
			r.fail("%s of %v to %v", o.name, from, *t)
		}
	case "math.exp2", "math.sqrt":
		o.operands = r.values(1)
		r.expect(":")
		if *t = r.is(o.operands[0]); t.Elem != F32 || t.Pointer {
			r.fail("%s of %v", o.name, *t)
		}
	case "tt.dot":
		r.dot(o, t)
	case "tt.reduce":
		r.reduce(o, t)
	default:
		return false
	}
	return true
}

func (r *reader) dot(o *operation, t *Type) {
	o.operands = r.values(3)
	r.expect(", inputPrecision = ieee :")
	a := r.is(o.operands[0])
	r.expect("*")
	b := r.is(o.operands[1])
	r.expect("->")
	*t = r.is(o.operands[2])
	if r.err == nil && (len(a.Dims) != 2 || len(b.Dims) != 2 || a.Dims[1] != b.Dims[0] || a.Elem != b.Elem ||
		!a.Elem.float() || a.Pointer || b.Pointer || !t.equal(Type{Elem: F32, Dims: []int{a.Dims[0], b.Dims[1]}})) {
		r.fail("the product of %v and %v is no %v", a, b, *t)
	}
}

// reduce reads a reduction, which takes five lines.
func (r *reader) reduce(o *operation, t *Type) {
	r.expect("(")
	o.operands = r.values(1)
	r.expect(") <{axis =")
	axis := r.integer()
	r.expect(": i32}> ({")
	r.end()
	from := r.types[o.operands[0]]
	o.number = float64(axis)
	if r.err == nil && (axis < 0 || axis >= len(from.Dims) || from.Pointer || from.Elem != F32 && from.Elem != I32) {
		r.fail("axis %d of %v is reduced", axis, from)
	}
	if r.err != nil {
		return
	}
	*t = Type{Elem: from.Elem, Dims: slices.Delete(slices.Clone(from.Dims), axis, axis+1)}
	r.next()
	r.expect(fmt.Sprintf("^bb0(%%a: %s, %%b: %s):", from.Elem, from.Elem))
	r.next()
	r.expect("%c = arith.")
	o.word = r.take("an operation", letter)
	r.expect(fmt.Sprintf("%%a, %%b : %s", from.Elem))
	known := map[Elem][]string{F32: {"addf", "maxnumf"}, I32: {"addi", "maxsi"}}
	if !slices.Contains(known[from.Elem], o.word) {
		r.fail("%v is reduced by %q", from, o.word)
	}
	r.next()
	r.expect(fmt.Sprintf("tt.reduce.return %%c : %s", from.Elem))
	r.next()
	r.expect("}) : (")
	r.is(o.operands[0])
	r.expect(") ->")
	if to := r.typ(); r.err == nil && !to.equal(*t) {
		r.fail("%v is reduced to %v, expected %v", from, to, *t)
	}
}

// loop reads a loop.
func (r *reader) loop(o *operation, count, depth int) {
	o.index = r.define()
	r.expect("=")
	o.operands = r.values(1)
	r.expect("to")
	o.operands = append(o.operands, r.values(1)...)
	r.expect("step")
	o.operands = append(o.operands, r.values(1)...)
	for _, bound := range o.operands {
		r.hasType(bound, Type{Elem: I32})
	}
	r.expect("iter_args(")
	for i := 0; r.err == nil && i < count; i++ {
		if i > 0 {
			r.expect(",")
		}
		o.carried = append(o.carried, r.define())
		r.expect("=")
		o.operands = append(o.operands, r.values(1)...)
	}
	r.expect(") -> (")
	if r.err != nil {
		return
	}
	for i := range o.carried {
		if i > 0 {
			r.expect(",")
		}
		t := r.is(o.operands[3+i])
		if o.types = append(o.types, t); t.Pointer {
			r.fail("a loop carries %v", t)
		}
	}
	r.expect(") : i32 {")
	r.end()
	outer := map[string]Type{}
	for name, t := range r.types {
		outer[name] = t
	}
	r.add(o.index, Type{Elem: I32})
	for i, name := range o.carried {
		r.add(name, o.types[i])
	}
	o.body = r.block("scf.yield", depth-1)
	if r.err != nil {
		return
	}
	yield := operation{line: r.at, name: "scf.yield", operands: r.values(count)}
	r.expect(":")
	for i, name := range yield.operands {
		if i > 0 {
			r.expect(",")
		}
		r.is(name)
		r.hasType(name, o.types[i])
	}
	r.end()
	o.body = append(o.body, yield)
	r.next()
	r.expect("}")
	r.end()
	r.types = outer
	for i, t := range o.types {
		r.add(fmt.Sprintf("%s#%d", o.result, i), t)
	}
}
