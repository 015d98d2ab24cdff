package grade

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// kind says what an expression is.
type kind uint8

const (
	kindNumber   kind = iota // exact rational; decimals are exact too
	kindSymbol               // free variable; in LaTeX, π, e and i as well
	kindConstant             // pi, e or i where the notation means the number
	kindInfinity             // +∞
	kindSum
	kindProduct
	kindPower    // base, exponent
	kindFunction // name(args); unknown names and operators such as Integral too
	kindRelation // name is the operator, args are the sides
	kindTruth    // name is "true" or "false"
	kindTuple
	kindList
	kindSet
	kindMatrix // rows says how args are broken
	kindText   // a string, and what no parser understood
)

// expr is a parsed expression, as written: nothing is simplified. It is
// immutable.
type expr struct {
	kind   kind
	name   string
	number *big.Rat
	args   []*expr
	rows   int
}

var (
	one      = integer(1)
	minusOne = integer(-1)
	infinity = &expr{kind: kindInfinity}
)

func integer(n int64) *expr            { return &expr{kind: kindNumber, number: big.NewRat(n, 1)} }
func rational(r *big.Rat) *expr        { return &expr{kind: kindNumber, number: r} }
func symbol(name string) *expr         { return &expr{kind: kindSymbol, name: name} }
func constant(name string) *expr       { return &expr{kind: kindConstant, name: name} }
func text(s string) *expr              { return &expr{kind: kindText, name: s} }
func sum(args ...*expr) *expr          { return &expr{kind: kindSum, args: args} }
func product(args ...*expr) *expr      { return &expr{kind: kindProduct, args: args} }
func power(base, exponent *expr) *expr { return &expr{kind: kindPower, args: []*expr{base, exponent}} }
func inverse(e *expr) *expr            { return power(e, minusOne) }

func function(name string, args ...*expr) *expr {
	return &expr{kind: kindFunction, name: name, args: args}
}

func collection(k kind, args []*expr) *expr { return &expr{kind: k, args: args} }

// negative returns -e; a number stays a number.
func negative(e *expr) *expr {
	if e.kind == kindNumber {
		return rational(new(big.Rat).Neg(e.number))
	}
	return product(minusOne, e)
}

// isScalar reports whether e stands for a number, known or not.
func (e *expr) isScalar() bool { return e.kind <= kindFunction }

// isNumber reports whether e is the number n.
func (e *expr) isNumber(n int64) bool {
	return e.kind == kindNumber && e.number.IsInt() && e.number.Num().IsInt64() && e.number.Num().Int64() == n
}

// symbols adds the names of e's free variables to names, in order of
// appearance.
func (e *expr) symbols(names []string) []string {
	if e.kind == kindSymbol && !slices.Contains(names, e.name) {
		names = append(names, e.name)
	}
	bound := e.boundVariable()
	for i, arg := range e.args {
		if bound != "" && (i == 1 || arg.kind == kindSymbol && arg.name == bound) {
			continue
		}
		for _, name := range arg.symbols(nil) {
			if name != bound && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// replace returns e with every occurrence of the symbol name replaced.
func (e *expr) replace(name string, with *expr) *expr {
	if e.kind == kindSymbol {
		if e.name == name {
			return with
		}
		return e
	}
	if len(e.args) == 0 || e.boundVariable() == name {
		return e
	}
	copied := *e
	copied.args = make([]*expr, len(e.args))
	for i, arg := range e.args {
		copied.args[i] = arg.replace(name, with)
	}
	return &copied
}

// String writes e in a canonical form: two expressions that differ only in the
// order and grouping of terms, factors and set members have the same.
func (e *expr) String() string {
	var b strings.Builder
	e.write(&b)
	return b.String()
}

var kindMarks = map[kind]string{
	kindSum: "+", kindProduct: "*", kindPower: "^", kindTuple: "tuple", kindList: "list", kindSet: "set",
}

func (e *expr) write(b *strings.Builder) {
	switch e.kind {
	case kindNumber:
		b.WriteString(e.number.RatString())
		return
	case kindSymbol:
		b.WriteString("$" + e.name)
		return
	case kindConstant, kindTruth:
		b.WriteString("#" + e.name)
		return
	case kindInfinity:
		b.WriteString("#oo")
		return
	case kindText:
		b.WriteString(strconv.Quote(e.name))
		return
	case kindPower, kindProduct:
		if fraction := e.fraction(); fraction != "" {
			b.WriteString(fraction)
			return
		}
		b.WriteString(kindMarks[e.kind])
	case kindFunction, kindRelation:
		b.WriteString(e.name)
	case kindMatrix:
		b.WriteString("matrix" + strconv.Itoa(e.rows))
	default:
		b.WriteString(kindMarks[e.kind])
	}
	var parts []string
	for _, arg := range e.operands(nil) {
		parts = append(parts, arg.String())
	}
	if e.kind == kindSum || e.kind == kindProduct || e.kind == kindSet {
		slices.Sort(parts)
	}
	b.WriteString("(" + strings.Join(parts, " ") + ")")
}

// fraction writes a fraction of two integers as a number, which it is the same
// as in the reference's printed form; it returns nothing for all else.
func (e *expr) fraction() string {
	bottom, top := e, one
	if e.kind == kindProduct && len(e.args) == 2 {
		top, bottom = e.args[0], e.args[1]
	}
	if bottom.kind != kindPower || !bottom.args[1].isNumber(-1) {
		return ""
	}
	bottom = bottom.args[0]
	if top.kind != kindNumber || !top.number.IsInt() || bottom.kind != kindNumber ||
		!bottom.number.IsInt() || bottom.number.Sign() <= 0 {
		return ""
	}
	return top.number.RatString() + "/" + bottom.number.RatString()
}

// operands appends e's arguments, those of nested sums in a sum and of nested
// products in a product in their place, and without neutral elements.
func (e *expr) operands(list []*expr) []*expr {
	for _, arg := range e.args {
		switch {
		case arg.kind == e.kind && (e.kind == kindSum || e.kind == kindProduct):
			list = arg.operands(list)
		case e.kind == kindSum && arg.isNumber(0), e.kind == kindProduct && arg.isNumber(1):
		default:
			list = append(list, arg)
		}
	}
	return list
}
