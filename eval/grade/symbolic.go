package grade

import (
	"math"
	"math/cmplx"
	"slices"
	"strings"
)

// symbolicEqual parses both answers and compares the expressions: as written,
// as functions, as relations, as numbers, as matrices.
func (c *comparison) symbolicEqual(a, b string) bool {
	return c.equalExpressions(c.parse(a), c.parse(b))
}

// parsers are the reference's, in its order.
var parsers = []func(string, *budget) (*expr, bool){parseLatex, parsePython, parseExtended}

// parse tries the reference's three parsers in turn, each first with doubled
// backslashes made single. What none of them reads remains a text.
func (c *comparison) parse(s string) *expr {
	single := strings.ReplaceAll(s, `\\`, `\`)
	for _, parser := range parsers {
		if e, ok := parser(single, &c.budget); ok {
			return e
		}
		if single == s {
			continue
		}
		if e, ok := parser(s, &c.budget); ok {
			return e
		}
	}
	return text(s)
}

// equalExpressions is the comparison of two parsed answers.
func (c *comparison) equalExpressions(a, b *expr) bool {
	if !c.budget.spend(1) {
		return false
	}
	switch {
	case sameForm(a, b):
		return true
	case a.isScalar() && b.isScalar():
		return c.sameFunction(a, b) || c.closeNumbers(a, b)
	case a.kind == kindText || b.kind == kindText:
		return c.closeNumbers(c.content(a), c.content(b))
	case a.kind == kindRelation && b.kind == kindRelation:
		return c.sameRelation(a, b)
	case a.kind == kindMatrix && b.kind == kindMatrix:
		return c.sameMatrix(a, b)
	}
	return false
}

// sameForm reports whether the expressions are written the same but for order.
// A text is the same as the name or number it spells.
func sameForm(a, b *expr) bool {
	if a.kind == kindText || b.kind == kindText {
		return a.spelling() == b.spelling()
	}
	return a.kind == b.kind && printed(a) == printed(b)
}

// printed is an expression in canonical form, π like the symbol of that name: one
// parser of the reference makes the number of \pi and another a symbol, and they print
// alike.
func printed(e *expr) string {
	return strings.ReplaceAll(e.String(), constant("pi").String(), symbol("pi").String())
}

// spelling is a text's content, and what a lone name or number prints as.
func (e *expr) spelling() string {
	switch e.kind {
	case kindText, kindSymbol:
		return e.name
	}
	return e.String()
}

// neededProbes is at how many points both of two functions must have a value.
const neededProbes = 2

// sameFunction reports whether two expressions are equal for all values of
// their symbols. Rational numbers are compared exactly; otherwise both are
// evaluated at fixed complex points, which settles it for all practical
// purposes: two different analytic functions agree only at isolated points.
func (c *comparison) sameFunction(a, b *expr) bool {
	x, okX := exact(a, &c.budget)
	y, okY := exact(b, &c.budget)
	if okX && okY {
		return x.Cmp(y) == 0
	}
	agreed, probes := 0, planeProbes
	if c.real {
		probes = lineProbes
	}
	for seed := range uint64(probes) {
		switch c.agreeAt(seed+1, a, b, cmplx.Abs) {
		case different:
			return false
		case same:
			agreed++
		}
	}
	return agreed >= neededProbes
}

// agreementAt is the outcome of one probe.
type agreementAt int

const (
	undefined agreementAt = iota
	same
	different
)

// agreeAt compares two expressions at one point; distance measures the
// difference.
func (c *comparison) agreeAt(seed uint64, a, b *expr, distance func(complex128) float64) agreementAt {
	p := prober{seed: seed, real: c.real, budget: &c.budget}
	x, okX := p.eval(a)
	y, okY := p.eval(b)
	switch {
	case okX && okY:
	case c.real && okX != okY && c.budget.left >= 0:
		return different // ln x has no value where ln |x| has one
	default:
		return undefined
	}
	return agree(x, y, distance(x.z-y.z))
}

// agree judges a distance by the rounding errors of the two values.
func agree(x, y value, distance float64) agreementAt {
	const slack = 16
	size := max(cmplx.Abs(x.z), cmplx.Abs(y.z))
	bound := slack * (x.err + y.err)
	switch {
	case distance > bound:
		return different
	case bound > 1e-6*size && size > 1e-9:
		return undefined // too much was cancelled to tell
	}
	return same
}

// realValue returns the value of an expression without unknowns, if it is real.
func (c *comparison) realValue(e *expr) (float64, bool) {
	if len(e.symbols(nil)) > 0 {
		return 0, false
	}
	if x, ok := c.infiniteValue(e); ok {
		return x, true
	}
	if r, ok := exact(e, &c.budget); ok {
		x, _ := r.Float64()
		return x, true
	}
	p := prober{budget: &c.budget}
	v, ok := p.eval(e)
	if !ok || p.opaque || math.Abs(imag(v.z)) > 16*v.err {
		return 0, false
	}
	return real(v.z), true
}

// hasInfinity reports whether infinity is among the terms and factors.
func (e *expr) hasInfinity() bool {
	if e.kind == kindSum || e.kind == kindProduct {
		return slices.ContainsFunc(e.args, (*expr).hasInfinity)
	}
	return e.kind == kindInfinity
}

// infiniteValue returns ±Inf for an expression in which infinity is added to
// or multiplied by numbers.
func (c *comparison) infiniteValue(e *expr) (float64, bool) {
	switch {
	case e.kind == kindInfinity:
		return math.Inf(1), true
	case !e.hasInfinity():
		return 0, false
	}
	total := 0.0
	if e.kind == kindProduct {
		total = 1
	}
	for _, arg := range e.args {
		x, ok := c.realValue(arg)
		if !ok {
			return 0, false
		}
		if e.kind == kindSum {
			total += x
		} else {
			total *= x
		}
	}
	return total, math.IsInf(total, 0)
}

// content reads a text that is Python, ^ meaning a power: the reference
// takes the numerical value of texts too. Anything else is itself.
func (c *comparison) content(e *expr) *expr {
	if e.kind == kindText {
		if inner, ok := parsePython(strings.ReplaceAll(e.name, "^", "**"), &c.budget); ok {
			return inner
		}
	}
	return e
}

// closeNumbers reports whether both are real numbers within the tolerance.
func (c *comparison) closeNumbers(a, b *expr) bool {
	if !a.isScalar() || !b.isScalar() {
		return false
	}
	x, ok := c.realValue(a)
	if !ok {
		return false
	}
	y, ok := c.realValue(b)
	return ok && numericEqual(x, y)
}

// relate forms a relation as SymPy does: one between known numbers is true or
// false at once, an inequality with a relation for a side is an error, and an
// equation between a relation and anything but a symbol is false.
func relate(operator string, left, right *expr, b *budget) (*expr, bool) {
	relation := &expr{kind: kindRelation, name: operator, args: []*expr{left, right}}
	if !left.isScalar() || !right.isScalar() {
		if operator != "=" && operator != "!=" {
			return nil, false
		}
		if left.kind == kindSymbol || right.kind == kindSymbol || !left.isScalar() && !right.isScalar() {
			return relation, true
		}
		return truth(operator == "!="), true
	}
	c := comparison{budget: *b}
	defer func() { *b = c.budget }()
	if equality := operator == "=" || operator == "!="; equality || sameForm(left, right) {
		if sameForm(left, right) || (len(relation.symbols(nil)) == 0 && c.sameFunction(left, right)) {
			return truth(operator == "=" || operator == "<=" || operator == ">="), true
		}
	}
	x, okX := c.realValue(left)
	y, okY := c.realValue(right)
	if !okX || !okY {
		return relation, true
	}
	switch operator {
	case "<", "<=":
		return truth(x < y || operator == "<=" && c.sameFunction(left, right)), true
	case ">", ">=":
		return truth(x > y || operator == ">=" && c.sameFunction(left, right)), true
	}
	return truth(operator == "!="), true
}

func truth(t bool) *expr {
	if t {
		return &expr{kind: kindTruth, name: "true"}
	}
	return &expr{kind: kindTruth, name: "false"}
}

// sameRelation compares the absolute differences of the sides; like the
// reference, it does so whatever the operators are.
func (c *comparison) sameRelation(a, b *expr) bool {
	for _, side := range slices.Concat(a.args, b.args) {
		if !side.isScalar() {
			return false
		}
	}
	x := sum(a.args[0], negative(a.args[1]))
	y := sum(b.args[0], negative(b.args[1]))
	return c.sameFunction(x, y) || c.sameFunction(x, negative(y)) ||
		c.sameFunction(function("abs", x), function("abs", y))
}

// sameMatrix compares matrices of the same shape entry by entry, as functions
// or as numbers rounded to three decimals.
func (c *comparison) sameMatrix(a, b *expr) bool {
	if a.rows != b.rows || len(a.args) != len(b.args) {
		return false
	}
	exactly, rounded := true, true
	for i := range a.args {
		if !a.args[i].isScalar() || !b.args[i].isScalar() {
			return false
		}
		exactly = exactly && c.sameFunction(a.args[i], b.args[i])
		x, okX := c.realValue(a.args[i])
		y, okY := c.realValue(b.args[i])
		rounded = rounded && okX && okY && math.Round(x*1000) == math.Round(y*1000)
	}
	return exactly || rounded
}
