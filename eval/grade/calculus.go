package grade

import (
	"math"
	"math/cmplx"
)

// SymPy evaluates sums, products, integrals and limits in closed form where it
// can. Here they are evaluated numerically at the point of a probe, which
// decides equality just as well.

// The operators that bind a variable, and Derivative, which does not: each is
// a function of the body, the variable and the bounds.
const (
	operatorSum        = "Sum"
	operatorProduct    = "Product"
	operatorIntegral   = "Integral"
	operatorLimit      = "Limit" // from both sides; + or - is appended for one
	operatorDerivative = "Derivative"
)

// boundVariable returns the name of the variable that an operator binds, or
// nothing. Without bounds an integral is a function of its variable.
func (e *expr) boundVariable() string {
	if e.kind != kindFunction || len(e.args) < 3 || e.args[1].kind != kindSymbol {
		return ""
	}
	switch e.name {
	case operatorSum, operatorProduct, operatorIntegral, operatorLimit, operatorLimit + "+", operatorLimit +
		"-":
		return e.args[1].name
	}
	return ""
}

// operator evaluates a calculus operator; isOperator is false for all other
// functions, and for indefinite integrals.
func (p *prober) operator(e *expr) (result value, ok, isOperator bool) {
	if e.name == operatorDerivative && len(e.args) == 2 {
		derivative, ok := differentiate(e.args[0], e.args[1].name, p.budget)
		if !ok {
			return value{}, false, false
		}
		result, ok = p.eval(derivative)
		return result, ok, true
	}
	if e.boundVariable() == "" {
		return value{}, false, false
	}
	switch e.name {
	case operatorSum, operatorProduct:
		result, ok = p.series(e)
	case operatorIntegral:
		result, ok = p.integral(e)
	default:
		result, ok = p.limit(e)
	}
	return result, ok, true
}

// binding gives a bound variable its value; outer ones are behind it.
type binding struct {
	name  string
	z     complex128
	outer *binding
}

// at evaluates body where the symbol name has the value z.
func (p *prober) at(body *expr, name string, z complex128) (value, bool) {
	if !p.budget.spend(10) {
		return value{}, false
	}
	p.bound = &binding{name, z, p.bound}
	v, ok := p.eval(body)
	p.bound = p.bound.outer
	return v, ok
}

// maxTerms bounds the terms of a sum or product that are added one by one.
const maxTerms = 2_000

// series evaluates a sum or product with integer bounds term by term, a sum to
// infinity by extrapolation, and one to an unknown bound if it is a polynomial
// in that bound.
func (p *prober) series(e *expr) (value, bool) {
	body, name := e.args[0], e.args[1].name
	first, ok := p.eval(e.args[2])
	from := math.Round(real(first.z))
	if !ok || first.z != complex(from, 0) {
		return value{}, false
	}
	isSum := e.name == operatorSum
	if e.args[3].kind == kindInfinity {
		if !isSum {
			return value{}, false
		}
		return p.infiniteSum(body, name, from)
	}
	last, ok := p.eval(e.args[3])
	to := math.Round(real(last.z))
	switch {
	case !ok:
		return value{}, false
	case last.z != complex(to, 0):
		if !isSum {
			return value{}, false
		}
		return p.polynomialSum(body, name, from, last.z)
	case to-from > maxTerms:
		return value{}, false
	}
	total := value{z: 1}
	if isSum {
		total.z = 0
	}
	for n := from; n <= to; n++ {
		term, ok := p.at(body, name, complex(n, 0))
		if !ok {
			return value{}, false
		}
		if isSum {
			total = total.add(term)
		} else {
			total = total.multiply(term)
		}
	}
	return makeValue(total.z, total.err)
}

// polynomialSum sums to a bound that is no integer, by Newton's series in the
// differences of the partial sums; these must come to an end.
func (p *prober) polynomialSum(body *expr, name string, from float64, to complex128) (value, bool) {
	const order = 12
	var differences [order]complex128 // of the terms, at from
	for i := range differences {
		term, ok := p.at(body, name, complex(from+float64(i), 0))
		if !ok {
			return value{}, false
		}
		differences[i] = term.z
	}
	for level := 1; level < order; level++ {
		for i := order - 1; i >= level; i-- {
			differences[i] -= differences[i-1]
		}
	}
	// The sum of n terms is Σ binomial(n, i+1) Δ^i.
	n := to - complex(from, 0) + 1
	total, binomial, scale := complex128(0), complex128(1), 0.0
	for i, difference := range differences {
		binomial *= (n - complex(float64(i), 0)) / complex(float64(i+1), 0)
		scale = max(scale, cmplx.Abs(difference))
		if i >= order-3 && cmplx.Abs(difference) > 1e-6*scale {
			return value{}, false
		}
		total += binomial * difference
	}
	return makeValue(total, 1e-11*scale)
}

// infiniteSum extrapolates the partial sums by Levin's u transform, which
// serves for geometric series and for such as Σ 1/n².
func (p *prober) infiniteSum(body *expr, name string, from float64) (value, bool) {
	const order = 24
	var numerator, denominator [order]complex128
	partial, previous := complex128(0), cmplx.Inf()
	best := value{err: math.Inf(1)}
	for n := range order {
		term, ok := p.at(body, name, complex(from+float64(n), 0))
		if !ok {
			return value{}, false
		}
		if term.z == 0 {
			return value{}, false
		}
		partial += term.z
		weight := 1 / (term.z * complex(float64((n+1)*(n+1)), 0))
		numerator[n], denominator[n] = partial*weight, weight
		for k := 1; k <= n; k++ {
			i := n - k
			factor := complex(float64(i+1)/float64(n+1)*math.Pow(float64(n)/float64(n+1), float64(k-1)), 0)
			numerator[i] = numerator[i+1] - factor*numerator[i]
			denominator[i] = denominator[i+1] - factor*denominator[i]
		}
		estimate := numerator[0] / denominator[0]
		if change := cmplx.Abs(estimate - previous); n > 4 && change < best.err {
			best = value{estimate, change}
		}
		previous = estimate
	}
	return best, best.err < 1e-8*cmplx.Abs(best.z)
}

// integral evaluates a definite integral by the tanh-sinh rule, after mapping
// infinite intervals to finite ones.
func (p *prober) integral(e *expr) (value, bool) {
	body, name := e.args[0], e.args[1].name
	if len(e.args) != 4 {
		return value{}, false
	}
	from, fromInfinite, ok := p.limitPoint(e.args[2])
	if !ok {
		return value{}, false
	}
	to, toInfinite, ok := p.limitPoint(e.args[3])
	if !ok {
		return value{}, false
	}
	// place maps -1..1 to the interval and returns the slope too.
	place := func(t complex128) (z, slope complex128) {
		return (from + to + (to-from)*t) / 2, (to - from) / 2
	}
	switch {
	case fromInfinite && toInfinite:
		place = func(t complex128) (z, slope complex128) {
			w := 1 - t*t
			return real1(to) * t / w, real1(to) * (1 + t*t) / (w * w)
		}
	case toInfinite:
		place = func(t complex128) (z, slope complex128) {
			w := 1 - t
			return from + to*(1+t)/w, 2 * to / (w * w)
		}
	case fromInfinite:
		place = func(t complex128) (z, slope complex128) {
			w := 1 + t
			return to + from*(1-t)/w, -2 * from / (w * w)
		}
	}
	previous := cmplx.Inf()
	for _, step := range []float64{0.25, 0.125, 0.0625} {
		total := complex128(0)
		for k := -math.Round(3.25 / step); k <= math.Round(3.25/step); k++ {
			u := math.Pi / 2 * math.Sinh(k*step)
			t := complex(math.Tanh(u), 0)
			weight := math.Pi / 2 * math.Cosh(k*step) / (math.Cosh(u) * math.Cosh(u)) * step
			z, slope := place(t)
			v, ok := p.at(body, name, z)
			if p.budget.left < 0 {
				return value{}, false
			}
			if !ok || cmplx.IsInf(slope) || cmplx.IsNaN(slope) {
				continue // an end point, or overflow far out
			}
			total += v.z * slope * complex(weight, 0)
		}
		change := cmplx.Abs(total - previous)
		if change <= 1e-9*(1e-6+cmplx.Abs(total)) {
			return makeValue(total, 1e-10*cmplx.Abs(total)+change)
		}
		previous = total
	}
	return value{}, false
}

// real1 is ±1 with the sign of z.
func real1(z complex128) complex128 { return complex(math.Copysign(1, real(z)), 0) }

// limitPoint evaluates a bound or target: a number, or ±∞, which is returned
// as ±1.
func (p *prober) limitPoint(e *expr) (z complex128, infinite, ok bool) {
	switch {
	case e.kind == kindInfinity:
		return 1, true, true
	case e.kind == kindProduct && len(e.args) == 2 && e.args[0].isNumber(-1) &&
		e.args[1].kind == kindInfinity:
		return -1, true, true
	}
	v, ok := p.eval(e)
	return v.z, false, ok
}

// limit evaluates a limit: the value at the target where there is one, and else
// what the values near it tend to.
func (p *prober) limit(e *expr) (value, bool) {
	body, name := e.args[0], e.args[1].name
	target, infinite, ok := p.limitPoint(e.args[2])
	if !ok {
		return value{}, false
	}
	if infinite {
		return p.tend(func(h float64) (value, bool) { return p.at(body, name, target/complex(h, 0)) })
	}
	if v, ok := p.at(body, name, target); ok {
		return v, true
	}
	side := func(sign float64) (value, bool) {
		return p.tend(func(h float64) (value, bool) { return p.at(body, name, target+complex(sign*h, 0)) })
	}
	switch e.name {
	case operatorLimit + "+":
		return side(1)
	case operatorLimit + "-":
		return side(-1)
	}
	above, okAbove := side(1)
	below, okBelow := side(-1)
	if !okAbove || !okBelow || cmplx.Abs(above.z-below.z) > 16*(above.err+below.err) {
		return value{}, false
	}
	return above, true
}

// tend extrapolates f to 0 from above, by Neville's scheme in powers of h.
func (p *prober) tend(f func(h float64) (value, bool)) (value, bool) {
	const order = 9
	var row [order]complex128
	h := 0.125
	for n := range order {
		v, ok := f(h)
		if !ok {
			return value{}, false
		}
		before := row[0]
		row[n] = v.z
		for i := n - 1; i >= 0; i-- {
			ratio := math.Pow(2, float64(n-i))
			row[i] = row[i+1] + (row[i+1]-row[i])/complex(ratio-1, 0)
		}
		if change := cmplx.Abs(row[0] - before); n > 3 && change < 1e-9*(1e-3+cmplx.Abs(row[0])) {
			return makeValue(row[0], 16*change+1e-10)
		}
		h /= 2
	}
	return value{}, false
}

// differentiate returns the derivative with respect to the symbol name, or
// false for functions whose derivative is not known.
func differentiate(e *expr, name string, b *budget) (*expr, bool) {
	if !b.spend(1) {
		return nil, false
	}
	if !e.dependsOn(name) {
		return integer(0), true
	}
	switch e.kind {
	case kindSymbol:
		return one, true
	case kindSum:
		return differentiateSum(e.args, name, b)
	case kindProduct:
		var terms []*expr
		for i, arg := range e.args {
			derivative, ok := differentiate(arg, name, b)
			if !ok || !b.spend(len(e.args)) {
				return nil, false
			}
			factors := append([]*expr{derivative}, e.args[:i]...)
			terms = append(terms, product(append(factors, e.args[i+1:]...)...))
		}
		return sum(terms...), true
	case kindPower:
		// (f^g)' = f^g (g' log f + g f'/f), the first term only where g varies.
		base, exponent := e.args[0], e.args[1]
		slope, ok := differentiate(base, name, b)
		if !ok {
			return nil, false
		}
		d := product(exponent, power(base, sum(exponent, minusOne)), slope)
		if !exponent.dependsOn(name) {
			return d, true
		}
		growth, ok := differentiate(exponent, name, b)
		return sum(d, product(e, growth, function("log", base))), ok
	case kindFunction:
		outer, known := derivatives[e.name]
		if !known || len(e.args) != 1 {
			return nil, false
		}
		inner, ok := differentiate(e.args[0], name, b)
		return product(outer(e.args[0]), inner), ok
	}
	return nil, false
}

func differentiateSum(args []*expr, name string, b *budget) (*expr, bool) {
	var terms []*expr
	for _, arg := range args {
		derivative, ok := differentiate(arg, name, b)
		if !ok {
			return nil, false
		}
		terms = append(terms, derivative)
	}
	return sum(terms...), true
}

// derivatives of the functions of one argument.
var derivatives = map[string]func(*expr) *expr{
	"exp":  func(x *expr) *expr { return function("exp", x) },
	"log":  inverse,
	"sin":  func(x *expr) *expr { return function("cos", x) },
	"cos":  func(x *expr) *expr { return negative(function("sin", x)) },
	"tan":  func(x *expr) *expr { return power(function("cos", x), integer(-2)) },
	"sinh": func(x *expr) *expr { return function("cosh", x) },
	"cosh": func(x *expr) *expr { return function("sinh", x) },
	"atan": func(x *expr) *expr { return inverse(sum(one, power(x, integer(2)))) },
}

// dependsOn reports whether the symbol name occurs in e.
func (e *expr) dependsOn(name string) bool {
	if e.kind == kindSymbol {
		return e.name == name
	}
	for _, arg := range e.args {
		if arg.dependsOn(name) {
			return true
		}
	}
	return false
}
