package triton

import (
	"fmt"
	"slices"
	"strings"
)

// Function writes the text of a kernel. Its methods and those of Value write an operation each and panic where
// types do not fit, which is a mistake of the kernel.
type Function struct {
	name   string
	args   []Value
	body   strings.Builder
	indent string
	count  int // of names
}

// Value is what an operation of a Function results in. Where the two sides of an operation differ in
// shape they are broadcast as NumPy has it.
type Value struct {
	Type
	name string
	f    *Function
}

// NewFunction begins a kernel.
func NewFunction(name string) *Function { return &Function{name: name, indent: "    "} }

// Argument adds a pointer to the kernel's arguments: operands of a call and then its results, in order.
func (f *Function) Argument(name string, elem Elem) Value {
	v := Value{Type{Elem: elem, Pointer: true}, "%" + name, f}
	f.args = append(f.args, v)
	return v
}

// Text ends the kernel and returns the module that it is.
func (f *Function) Text() string {
	var args []string
	for _, a := range f.args {
		args = append(args, fmt.Sprintf("%s: %v {tt.divisibility = 16 : i32}", a.name, a.Type))
	}
	return fmt.Sprintf("module {\n  tt.func public @%s(%s) {\n%s    tt.return\n  }\n}\n", f.name,
		strings.Join(args, ", "), f.body.String())
}

func (f *Function) line(format string, args ...any) {
	f.body.WriteString(f.indent)
	fmt.Fprintf(&f.body, format, args...)
	f.body.WriteByte('\n')
}

func (f *Function) fresh(t Type) Value {
	if err := t.valid(); err != nil {
		panic(err)
	}
	f.count++
	return Value{t, fmt.Sprintf("%%v%d", f.count), f}
}

// put writes an operation with one result.
func (f *Function) put(t Type, format string, args ...any) Value {
	v := f.fresh(t)
	f.line("%s = %s", v.name, fmt.Sprintf(format, args...))
	return v
}

// ProgramID is the number of the program along an axis of the grid: 0, 1 or 2.
func (f *Function) ProgramID(axis int) Value {
	return f.put(Type{Elem: I32}, "tt.get_program_id %c : i32", "xyz"[axis])
}

// Int is a number, i32.
func (f *Function) Int(n int) Value { return f.Full(I32, float64(n)) }

// Full is a tensor of equal numbers.
func (f *Function) Full(elem Elem, number float64, dims ...int) Value {
	t, text := Type{Elem: elem, Dims: dims}, fmt.Sprintf("%d", int64(number))
	switch {
	case elem.float():
		text = fmt.Sprintf("%.9e", number)
	case elem == I1:
		if text = fmt.Sprint(number != 0); len(dims) == 0 {
			return f.put(t, "arith.constant %s", text) // whose type need not be said, and must not
		}
	}
	if len(dims) > 0 {
		text = "dense<" + text + ">"
	}
	return f.put(t, "arith.constant %s : %v", text, t)
}

// Range is 0, 1, …, n-1, i32.
func (f *Function) Range(n int) Value {
	t := Type{Elem: I32, Dims: []int{n}}
	return f.put(t, "tt.make_range {end = %d : i32, start = 0 : i32} : %v", n, t)
}

// Row makes [1, n] of [n].
func (a Value) Row() Value { return a.expand(0) }

// Column makes [n, 1] of [n].
func (a Value) Column() Value { return a.expand(1) }

func (a Value) expand(axis int) Value {
	t := a.Type
	t.Dims = slices.Insert(slices.Clone(a.Dims), axis, 1)
	return a.f.put(t, "tt.expand_dims %s {axis = %d : i32} : %v -> %v", a.name, axis, a.Type, t)
}

// As is the value broadcast to a shape.
func (a Value) As(dims ...int) Value {
	t := Type{a.Elem, a.Pointer, dims}
	switch {
	case slices.Equal(a.Dims, dims):
		return a
	case len(a.Dims) == 0:
		return a.f.put(t, "tt.splat %s : %v -> %v", a.name, a.Type, t)
	case len(a.Dims) != len(dims):
		panic(fmt.Sprintf("%v does not become %v", a.Type, t))
	}
	for i, d := range a.Dims {
		if d != dims[i] && d != 1 {
			panic(fmt.Sprintf("%v does not become %v", a.Type, t))
		}
	}
	return a.f.put(t, "tt.broadcast %s : %v -> %v", a.name, a.Type, t)
}

// together broadcasts two values to one shape.
func together(a, b Value) (Value, Value) {
	switch {
	case len(a.Dims) == 0:
		return a.As(b.Dims...), b
	case len(b.Dims) == 0:
		return a, b.As(a.Dims...)
	case len(a.Dims) != len(b.Dims):
		panic(fmt.Sprintf("%v and %v have other ranks", a.Type, b.Type))
	}
	dims := slices.Clone(a.Dims)
	for i, d := range b.Dims {
		dims[i] = max(dims[i], d)
	}
	return a.As(dims...), b.As(dims...)
}

func (a Value) binary(ints, floats string, b Value) Value {
	if a.Elem != b.Elem || a.Pointer || b.Pointer {
		panic(fmt.Sprintf("%s of %v and %v", ints, a.Type, b.Type))
	}
	name := ints
	if a.Elem.float() {
		name = floats
	}
	a, b = together(a, b)
	return a.f.put(a.Type, "arith.%s %s, %s : %v", name, a.name, b.name, a.Type)
}

// Add is a + b.
func (a Value) Add(b Value) Value { return a.binary("addi", "addf", b) }

// Sub is a - b.
func (a Value) Sub(b Value) Value { return a.binary("subi", "subf", b) }

// Mul is a · b.
func (a Value) Mul(b Value) Value { return a.binary("muli", "mulf", b) }

// Div is a / b, of integers towards zero.
func (a Value) Div(b Value) Value { return a.binary("divsi", "divf", b) }

// Min is the smaller of each two.
func (a Value) Min(b Value) Value { return a.binary("minsi", "minnumf", b) }

// Max is the larger of each two.
func (a Value) Max(b Value) Value { return a.binary("maxsi", "maxnumf", b) }

// And is that both hold.
func (a Value) And(b Value) Value { return a.binary("andi", "", b) }

// number is n in the elements of a.
func (a Value) number(n float64) Value { return a.f.Full(a.Elem, n, a.Dims...) }

// Plus is a + n.
func (a Value) Plus(n int) Value { return a.Add(a.number(float64(n))) }

// Times is n · a.
func (a Value) Times(n int) Value { return a.Mul(a.number(float64(n))) }

// Over is a / n towards zero, of integers.
func (a Value) Over(n int) Value { return a.Div(a.number(float64(n))) }

// Modulo is what remains of integers divided by n.
func (a Value) Modulo(n int) Value {
	return a.f.put(a.Type, "arith.remsi %s, %s : %v", a.name, a.number(float64(n)).name, a.Type)
}

// Scaled is x · a.
func (a Value) Scaled(x float64) Value { return a.Mul(a.number(x)) }

func (a Value) compare(ints, floats string, b Value) Value {
	operation, predicate := "arith.cmpi", ints
	if a.Elem.float() {
		operation, predicate = "arith.cmpf", floats
	}
	if a.Elem != b.Elem || predicate == "" {
		panic(fmt.Sprintf("%v is compared with %v", a.Type, b.Type))
	}
	a, b = together(a, b)
	return a.f.put(a.with(I1), "%s %s, %s, %s : %v", operation, predicate, a.name, b.name, a.Type)
}

// Less is a < b; it does not hold for NaN.
func (a Value) Less(b Value) Value { return a.compare("slt", "olt", b) }

// AtMost is a ≤ b; it does not hold for NaN.
func (a Value) AtMost(b Value) Value { return a.compare("sle", "ole", b) }

// Indexes is 0 ≤ a < n, of integers.
func (a Value) Indexes(n int) Value { return a.compare("ult", "", a.number(float64(n))) }

// Choose is, where the condition holds, yes and elsewhere no.
func (condition Value) Choose(yes, no Value) Value {
	if yes, no = together(yes, no); len(yes.Dims) == 0 {
		yes, no = yes.As(condition.Dims...), no.As(condition.Dims...)
	}
	types := yes.String()
	if len(yes.Dims) > 0 {
		condition = condition.As(yes.Dims...)
		types = condition.String() + ", " + types
	}
	return yes.f.put(yes.Type, "arith.select %s, %s, %s : %s", condition.name, yes.name, no.name, types)
}

// Or is the value where the condition holds, and elsewhere n.
func (a Value) Or(n float64, condition Value) Value {
	return condition.Choose(a, a.f.Full(a.Elem, n))
}

// To is the value in other elements: bfloat16 is rounded to nearest, ties to even, integers are rounded to zero and
// keep their sign.
func (a Value) To(elem Elem) Value {
	operation := ""
	switch {
	case a.Elem == elem:
		return a
	case a.Elem == F32 && elem == BF16:
		operation = "arith.truncf"
	case a.Elem == BF16 && elem == F32:
		operation = "arith.extf"
	case a.Elem == I32 && elem == I64:
		operation = "arith.extsi"
	case a.Elem == F32 && elem == I32:
		operation = "arith.fptosi"
	case a.Elem == I32 && elem == F32:
		operation = "arith.sitofp"
	default:
		panic(fmt.Sprintf("%v does not become %s", a.Type, elem))
	}
	return a.f.put(a.with(elem), "%s %s : %v to %v", operation, a.name, a.Type, a.with(elem))
}

// Bits is what the bits of the value are in other elements of the same size.
func (a Value) Bits(elem Elem) Value {
	return a.f.put(a.with(elem), "arith.bitcast %s : %v to %v", a.name, a.Type, a.with(elem))
}

// Exp2 is 2 to the power of the value.
func (a Value) Exp2() Value { return a.f.put(a.Type, "math.exp2 %s : %v", a.name, a.Type) }

// Sqrt is the value's square root.
func (a Value) Sqrt() Value { return a.f.put(a.Type, "math.sqrt %s : %v", a.name, a.Type) }

// Transposed is a matrix's transpose.
func (a Value) Transposed() Value {
	t := Type{Elem: a.Elem, Dims: []int{a.Dims[1], a.Dims[0]}}
	return a.f.put(t, "tt.trans %s {order = array<i32: 1, 0>} : %v -> %v", a.name, a.Type, t)
}

// Dot is c + a·b in float32: a [m, k], b [k, n], both of one dtype, c [m, n]. Factors are not rounded.
func Dot(a, b, c Value) Value {
	if a.Elem != b.Elem || a.Dims[1] != b.Dims[0] || !slices.Equal(c.Dims, []int{a.Dims[0], b.Dims[1]}) {
		panic(fmt.Sprintf("product of %v and %v to %v", a.Type, b.Type, c.Type))
	}
	return a.f.put(c.Type, "tt.dot %s, %s, %s, inputPrecision = ieee : %v * %v -> %v", a.name, b.name, c.name,
		a.Type, b.Type, c.Type)
}

// SumOver sums an axis up.
func (a Value) SumOver(axis int) Value { return a.reduce(axis, "addi", "addf") }

// MaxOver is the largest along an axis.
func (a Value) MaxOver(axis int) Value { return a.reduce(axis, "maxsi", "maxnumf") }

func (a Value) reduce(axis int, ints, floats string) Value {
	name := ints
	if a.Elem.float() {
		name = floats
	}
	f := a.f
	v := f.fresh(Type{Elem: a.Elem, Dims: slices.Delete(slices.Clone(a.Dims), axis, axis+1)})
	f.line("%s = \"tt.reduce\"(%s) <{axis = %d : i32}> ({", v.name, a.name, axis)
	f.line("^bb0(%%a: %s, %%b: %s):", a.Elem, a.Elem)
	f.line("  %%c = arith.%s %%a, %%b : %s", name, a.Elem)
	f.line("  tt.reduce.return %%c : %s", a.Elem)
	f.line("}) : (%v) -> %v", a.Type, v.Type)
	return v
}

// At is the pointer to the element that lies so many further on.
func (p Value) At(offset Value) Value {
	if !p.Pointer || offset.Pointer || offset.Elem.float() {
		panic(fmt.Sprintf("%v at %v", p.Type, offset.Type))
	}
	p, offset = together(p, offset)
	return p.f.put(p.Type, "tt.addptr %s, %s : %v, %v", p.name, offset.name, p.Type, offset.Type)
}

// Load reads what pointers point to.
func (p Value) Load() Value {
	return p.f.put(p.with(p.Elem), "tt.load %s : %v", p.name, p.Type)
}

// LoadWhere reads where the mask holds, nothing elsewhere, where the result is other.
func (p Value) LoadWhere(mask Value, other float64) Value {
	p, mask = together(p, mask)
	t := p.with(p.Elem)
	return p.f.put(t, "tt.load %s, %s, %s : %v", p.name, mask.name, p.f.Full(p.Elem, other, p.Dims...).name, p.Type)
}

// StoreWhere writes a value where the mask holds.
func (p Value) StoreWhere(value, mask Value) {
	p, mask = together(p, mask)
	if !value.equal(p.with(p.Elem)) {
		panic(fmt.Sprintf("%v is stored by %v", value.Type, p.Type))
	}
	p.f.line("tt.store %s, %s, %s : %v", p.name, value.name, mask.name, p.Type)
}

// For writes a loop of i, an i32, from low in steps below high, that carries values. body gets i and those of the
// turn and returns those of the next; For returns the last.
func (f *Function) For(
	low, high Value, step int, carried []Value, body func(i Value, carried []Value) []Value,
) []Value {
	by, i := f.Int(step), f.fresh(Type{Elem: I32})
	now, next := make([]Value, len(carried)), make([]Value, len(carried))
	var begin, types []string
	for k, v := range carried {
		now[k] = f.fresh(v.Type)
		begin = append(begin, now[k].name+" = "+v.name)
		types = append(types, v.String())
	}
	result := f.fresh(Type{Elem: I32}).name
	f.line("%s:%d = scf.for %s = %s to %s step %s iter_args(%s) -> (%s) : i32 {", result, len(carried), i.name,
		low.name, high.name, by.name, strings.Join(begin, ", "), strings.Join(types, ", "))
	indent := f.indent
	f.indent += "  "
	var names []string
	for k, v := range body(i, now) {
		if !v.equal(carried[k].Type) {
			panic(fmt.Sprintf("a loop carries %v as %v", carried[k].Type, v.Type))
		}
		names = append(names, v.name)
		next[k] = Value{v.Type, fmt.Sprintf("%s#%d", result, k), f}
	}
	if len(names) != len(carried) {
		panic(fmt.Sprintf("a loop carries %d values on, expected %d", len(names), len(carried)))
	}
	f.line("scf.yield %s : %s", strings.Join(names, ", "), strings.Join(types, ", "))
	f.indent = indent
	f.line("}")
	return next
}
