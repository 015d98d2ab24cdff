package jinja

import (
	"math"
	"math/big"
	"strings"
)

// maxBits bounds the integers that a template computes with.
const maxBits = 1 << 16

// operate is Python's a op b for + - * / // % **.
func operate(r *run, op string, a, b Value) Value {
	for _, v := range []Value{a, b} {
		if u, ok := v.(*Undefined); ok {
			// "%s" % x formats what is not there as nothing.
			if _, text := isText(a); !text || op != "%" {
				u.fail()
			}
		}
	}
	if x, ok := isText(a); ok && op == "%" {
		return like(a, percent(r, x, escapedFor(r, a, b)))
	}
	x, ok1 := number(a)
	y, ok2 := number(b)
	if ok1 && ok2 {
		return calculate(op, x, y)
	}
	switch op {
	case "+":
		if v, ok := join(r, a, b); ok {
			return v
		}
	case "*":
		if n, ok := index(a); ok {
			if v, ok := repeat(r, b, n); ok {
				return v
			}
		}
		if n, ok := index(b); ok {
			if v, ok := repeat(r, a, n); ok {
				return v
			}
		}
	}
	name := op
	if op == "**" {
		name = "** or pow()"
	}
	throw("unsupported operand type(s) for %s: '%s' and '%s'", name, typeName(a), typeName(b))
	return nil
}

// like makes a text Markup where its model is.
func like(model Value, s string) Value {
	if _, ok := model.(Markup); ok {
		return Markup(s)
	}
	return s
}

// escapedFor escapes what is put into Markup, and leaves the rest as it is.
func escapedFor(r *run, model, v Value) Value {
	if _, ok := model.(Markup); !ok {
		return v
	}
	switch v := v.(type) {
	case Markup:
		return string(v)
	case string:
		return escape(v)
	case *Tuple:
		out := make([]Value, len(v.Items))
		for i, item := range v.Items {
			out[i] = escapedFor(r, model, item)
		}
		return &Tuple{out}
	case *Dict:
		out := NewDict()
		for i, k := range v.keys {
			out.Set(k, escapedFor(r, model, v.values[i]))
		}
		return out
	}
	return v
}

// join is + of texts, lists and tuples.
func join(r *run, a, b Value) (Value, bool) {
	x, ok1 := isText(a)
	y, ok2 := isText(b)
	if ok1 && ok2 {
		_, m1 := a.(Markup)
		_, m2 := b.(Markup)
		r.spend(len(x) + len(y))
		switch {
		case m1 && m2:
			return Markup(x + y), true
		case m1:
			return Markup(x + escape(y)), true
		case m2:
			return Markup(escape(x) + y), true
		}
		return x + y, true
	}
	p, ok1 := elements(a)
	q, ok2 := elements(b)
	if !ok1 || !ok2 {
		return nil, false
	}
	_, l1 := a.(*List)
	_, l2 := b.(*List)
	if l1 != l2 {
		return nil, false
	}
	r.spend((len(p) + len(q)) * itemCost)
	items := append(append(make([]Value, 0, len(p)+len(q)), p...), q...)
	if l1 {
		return &List{items}, true
	}
	return &Tuple{items}, true
}

// repeat is * of a text, list or tuple.
func repeat(r *run, v Value, n int64) (Value, bool) {
	n = max(n, 0)
	if s, ok := isText(v); ok {
		if s == "" {
			return v, true
		}
		n = min(n, maxText*2)
		r.spend(len(s) * int(n))
		return like(v, strings.Repeat(s, int(n))), true
	}
	items, ok := elements(v)
	if !ok {
		return nil, false
	}
	if len(items) == 0 {
		n = 0
	}
	n = min(n, maxText)
	r.spend(len(items) * int(n) * itemCost)
	out := make([]Value, 0, len(items)*int(n))
	for range n {
		out = append(out, items...)
	}
	if _, ok := v.(*List); ok {
		return &List{out}, true
	}
	return &Tuple{out}, true
}

// toFloat is float(x) of a number.
func toFloat(x Value) float64 {
	switch x := x.(type) {
	case int64:
		return float64(x)
	case *big.Int:
		f, _ := new(big.Float).SetInt(x).Float64()
		if math.IsInf(f, 0) {
			throw("int too large to convert to float")
		}
		return f
	}
	return x.(float64)
}

func calculate(op string, x, y Value) Value {
	_, f1 := x.(float64)
	_, f2 := y.(float64)
	if f1 || f2 {
		return calculateFloats(op, toFloat(x), toFloat(y))
	}
	if op == "**" {
		return powInts(x, y)
	}
	i, ok1 := x.(int64)
	j, ok2 := y.(int64)
	if ok1 && ok2 {
		const half = 1 << 31
		switch {
		case op == "+" && abs(i) < 1<<62 && abs(j) < 1<<62:
			return i + j
		case op == "-" && abs(i) < 1<<62 && abs(j) < 1<<62:
			return i - j
		case op == "*" && abs(i) < half && abs(j) < half:
			return i * j
		}
	}
	a, b := wide(x), wide(y)
	if b.Sign() == 0 && strings.Contains("// %", op) {
		if op == "/" {
			throw("division by zero")
		}
		throw("integer division or modulo by zero")
	}
	if a.BitLen()+b.BitLen() > maxBits {
		throw("an integer of more than %d bits", maxBits)
	}
	switch op {
	case "+":
		return small(new(big.Int).Add(a, b))
	case "-":
		return small(new(big.Int).Sub(a, b))
	case "*":
		return small(new(big.Int).Mul(a, b))
	case "/":
		f, _ := new(big.Rat).SetFrac(a, b).Float64()
		if math.IsInf(f, 0) {
			throw("integer division result too large for a float")
		}
		if a.Sign() == 0 {
			return math.Copysign(0, float64(b.Sign()))
		}
		return f
	}
	q, m := new(big.Int).QuoRem(a, b, new(big.Int))
	if m.Sign() != 0 && m.Sign() != b.Sign() {
		q.Sub(q, big.NewInt(1))
		m.Add(m, b)
	}
	if op == "//" {
		return small(q)
	}
	return small(m)
}

func abs(i int64) int64 {
	if i == math.MinInt64 {
		return math.MaxInt64
	}
	return max(i, -i)
}

func powInts(x, y Value) Value {
	a, b := wide(x), wide(y)
	if b.Sign() < 0 {
		return calculateFloats("**", toFloat(x), toFloat(y))
	}
	if a.BitLen() > 1 && (b.BitLen() > 32 || int64(a.BitLen()-1)*b.Int64() > maxBits) {
		throw("an integer of more than %d bits", maxBits)
	}
	if a.BitLen() <= 1 { // 0, 1 and -1
		switch {
		case b.Sign() == 0:
			return int64(1)
		case a.Sign() < 0 && b.Bit(0) == 0:
			return int64(1)
		}
		return x
	}
	return small(new(big.Int).Exp(a, b, nil))
}

func calculateFloats(op string, x, y float64) Value {
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	case "/":
		if y == 0 {
			throw("float division by zero")
		}
		return x / y
	case "**":
		return powFloats(x, y)
	}
	if y == 0 {
		if op == "%" {
			throw("float modulo")
		}
		throw("float floor division by zero")
	}
	// As Python's float_divmod: the remainder has the divisor's sign.
	mod := math.Mod(x, y)
	div := (x - mod) / y
	if mod != 0 {
		if y < 0 != (mod < 0) {
			mod += y
			div--
		}
	} else {
		mod = math.Copysign(0, y)
	}
	if op == "%" {
		return mod
	}
	if div == 0 {
		return math.Copysign(0, x/y)
	}
	floor := math.Floor(div)
	if div-floor > 0.5 {
		floor++
	}
	return floor
}

func powFloats(x, y float64) Value {
	switch {
	case x == 0 && y < 0:
		throw("0.0 cannot be raised to a negative power")
	case x < 0 && y != math.Trunc(y) && !math.IsInf(x, 0):
		throw("complex numbers are not supported")
	}
	p := power(x, y)
	if math.IsInf(p, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0) {
		throw("Numerical result out of range")
	}
	return p
}

// power is x to the y, exact to the last digit where y is a small integer; Go's own
// loses some.
func power(x, y float64) float64 {
	n := math.Abs(y)
	if n != math.Trunc(n) || n > 2000 || x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return math.Pow(x, y)
	}
	const precision = 256
	p, base := big.NewFloat(1).SetPrec(precision), new(big.Float).SetPrec(precision).SetFloat64(x)
	for e := uint64(n); e > 0; e >>= 1 {
		if e&1 == 1 {
			p.Mul(p, base)
		}
		base.Mul(base, base)
	}
	if y < 0 {
		p.Quo(big.NewFloat(1).SetPrec(precision), p)
	}
	f, _ := p.Float64()
	return f
}

// negate is Python's -v.
func negate(v Value) Value {
	n, ok := number(v)
	if !ok {
		if u, ok := v.(*Undefined); ok {
			u.fail()
		}
		throw("bad operand type for unary -: '%s'", typeName(v))
	}
	switch n := n.(type) {
	case int64:
		if n == math.MinInt64 {
			return new(big.Int).Neg(big.NewInt(n))
		}
		return -n
	case *big.Int:
		return small(new(big.Int).Neg(n))
	}
	return -n.(float64)
}
