package grade

import (
	"hash/fnv"
	"math"
	"math/cmplx"

	"github.com/stele-lm/stele/internal/splitmix"
)

// value is a complex number with a bound on its rounding error.
type value struct {
	z   complex128
	err float64
}

// epsilon is the rounding error charged to one operation.
const epsilon = 4e-16

// makeValue rounds z off: the sign of a zero imaginary part is dropped, since
// it would choose the wrong side of a branch cut.
func makeValue(z complex128, err float64) (value, bool) {
	if imag(z) == 0 {
		z = complex(real(z), 0)
	}
	ok := !cmplx.IsNaN(z) && !cmplx.IsInf(z) && !math.IsNaN(err) && !math.IsInf(err, 0)
	return value{z, err + epsilon*cmplx.Abs(z)}, ok
}

func (v value) add(w value) value {
	z := v.z + w.z
	return value{z, v.err + w.err + epsilon*cmplx.Abs(z)}
}

func (v value) multiply(w value) value {
	z := v.z * w.z
	return value{z, v.err*cmplx.Abs(w.z) + w.err*cmplx.Abs(v.z) + epsilon*cmplx.Abs(z)}
}

// prober evaluates expressions at one point.
type prober struct {
	// seed chooses the point: every symbol gets a number that depends on the seed and
	// its name alone.
	seed uint64
	// real is the reading of real functions: symbols are real, odd roots of negative
	// numbers are negative, and even roots and logarithms of them have no value.
	real   bool
	budget *budget
	// bound holds the values of the variables that operators bind.
	bound *binding
	// opaque is set when a function without known values was met; it stands
	// for an arbitrary smooth function then.
	opaque bool
}

// Seeds from 1 on choose points of several kinds, so that functions that agree on
// part of the plane or line only are told apart: rounding and absolute values by the
// sign of their argument, roots, logarithms and powers by its argument's branch.
const (
	nearSeeds   = 4 // complex: once in each quadrant, parts between 1/4 and 7/4 in modulus
	planeProbes = 8 // those; twice farther from 0 and twice far from it, on opposite sides

	positiveSeeds = 4  // real: positive, the last an integer
	lineProbes    = 10 // those; all negative, an integer first; then any signs
)

// hash mixes the seed with a name.
func (p *prober) hash(name string, n uint64) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return splitmix.Finalise(h.Sum64() + p.seed*splitmix.Gamma + n*splitmix.Factor1)
}

// point returns the value of the symbol name; see the kinds of seeds.
func (p *prober) point(name string) complex128 {
	h := p.hash(name, 0)
	size := func(bits uint64) float64 { return 0.25 + 1.5*float64(bits&0xfffff)/0x100000 }
	if p.real {
		x := 2 * size(h>>1)
		switch {
		case p.seed == positiveSeeds:
			x = math.Ceil(x) + 1
		case p.seed == positiveSeeds+1:
			x = -math.Ceil(x) - 1
		case p.seed == positiveSeeds+2, p.seed > positiveSeeds && h&1 == 1:
			x = -x
		}
		return complex(x, 0)
	}
	z := complex(size(h), size(h>>32))
	switch {
	case p.seed > nearSeeds && p.seed%2 == 1:
		z *= 2.25
	case p.seed > nearSeeds:
		z *= 25
	}
	// A symbol goes through the quadrants from one of its own, in a direction of its own.
	own := (&prober{}).hash(name, 0)
	quadrant := own>>1 + p.seed
	if own&1 == 1 {
		quadrant = own>>1 - p.seed
	}
	for range quadrant % 4 {
		z *= 1i
	}
	return z
}

// eval returns e's value, or false where it has none.
func (p *prober) eval(e *expr) (value, bool) {
	if !p.budget.spend(1) {
		return value{}, false
	}
	switch e.kind {
	case kindNumber:
		x, _ := e.number.Float64()
		return makeValue(complex(x, 0), 0)
	case kindSymbol:
		for b := p.bound; b != nil; b = b.outer {
			if b.name == e.name {
				return makeValue(b.z, 0)
			}
		}
		return makeValue(p.point(e.name), 0)
	case kindConstant:
		return makeValue(constants[e.name], 0)
	case kindSum:
		var total value
		for _, arg := range e.args {
			v, ok := p.eval(arg)
			if !ok {
				return v, false
			}
			total = total.add(v)
		}
		return makeValue(total.z, total.err)
	case kindProduct:
		total := value{z: 1}
		for _, arg := range e.args {
			v, ok := p.eval(arg)
			if !ok {
				return v, false
			}
			total = total.multiply(v)
		}
		return makeValue(total.z, total.err)
	case kindPower:
		return p.power(e)
	case kindFunction:
		return p.function(e)
	}
	return value{}, false
}

var constants = map[string]complex128{"pi": math.Pi, "e": math.E, "i": 1i}

// power evaluates the principal value of a power.
func (p *prober) power(e *expr) (value, bool) {
	base, ok := p.eval(e.args[0])
	if !ok {
		return base, false
	}
	exponent, ok := p.eval(e.args[1])
	if !ok {
		return base, false
	}
	if p.real && imag(base.z) == 0 && real(base.z) < 0 && imag(exponent.z) == 0 &&
		real(exponent.z) != math.Trunc(real(exponent.z)) {
		return p.realRoot(base, e.args[1])
	}
	if cmplx.Abs(base.z) <= 1e3*base.err {
		// A base that may be zero: only the plain cases are safe.
		if base.z == 0 && real(exponent.z) > 0 {
			return value{}, true
		}
		if real(exponent.z) <= 0 || imag(exponent.z) != 0 {
			return value{}, false
		}
		z := cmplx.Pow(base.z, exponent.z)
		return makeValue(z, math.Pow(2*base.err, real(exponent.z)))
	}
	z := complexPower(base.z, exponent.z)
	relative := cmplx.Abs(exponent.z)*base.err/cmplx.Abs(base.z) + exponent.err*cmplx.Abs(cmplx.Log(base.z))
	return makeValue(z, cmplx.Abs(z)*(relative+epsilon*(1+cmplx.Abs(exponent.z))))
}

// realRoot raises a negative number to a fraction: odd roots are negative numbers.
func (p *prober) realRoot(base value, exponent *expr) (value, bool) {
	r, ok := exact(exponent, p.budget)
	if !ok || r.Denom().Bit(0) == 0 {
		return value{}, false
	}
	x, _ := r.Float64()
	z := math.Pow(-real(base.z), x)
	if r.Num().Bit(0) == 1 {
		z = -z
	}
	return makeValue(complex(z, 0), math.Abs(x*z)*(base.err/cmplx.Abs(base.z)+epsilon))
}

// complexPower is cmplx.Pow with the frequent cases exact.
func complexPower(base, exponent complex128) complex128 {
	if imag(exponent) == 0 {
		n := real(exponent)
		switch {
		case n == 0.5:
			return cmplx.Sqrt(base)
		case n == math.Trunc(n) && math.Abs(n) <= 64:
			z := complex128(1)
			for range int(math.Abs(n)) {
				z *= base
			}
			if n < 0 {
				z = 1 / z
			}
			return z
		case imag(base) == 0 && real(base) > 0:
			return complex(math.Pow(real(base), n), 0)
		}
	}
	return cmplx.Pow(base, exponent)
}

// analytic are the functions with a derivative; each is given with the modulus
// of its derivative, up to a small factor, for the error bound.
var analytic = map[string]func(complex128) complex128{
	"exp": cmplx.Exp, "log": cmplx.Log,
	"sin": cmplx.Sin, "cos": cmplx.Cos, "tan": cmplx.Tan, "cot": cmplx.Cot,
	"sec":  func(z complex128) complex128 { return 1 / cmplx.Cos(z) },
	"csc":  func(z complex128) complex128 { return 1 / cmplx.Sin(z) },
	"asin": cmplx.Asin, "acos": cmplx.Acos, "atan": cmplx.Atan,
	"acsc": func(z complex128) complex128 { return cmplx.Asin(1 / z) },
	"asec": func(z complex128) complex128 { return cmplx.Acos(1 / z) },
	"acot": func(z complex128) complex128 { return cmplx.Atan(1 / z) },
	"sinh": cmplx.Sinh, "cosh": cmplx.Cosh, "tanh": cmplx.Tanh,
	"asinh": cmplx.Asinh, "acosh": cmplx.Acosh, "atanh": cmplx.Atanh,
	"gamma":     gamma,
	"factorial": func(z complex128) complex128 { return gamma(z + 1) },
}

// function evaluates known functions and gives opaque ones arbitrary values.
func (p *prober) function(e *expr) (value, bool) {
	if v, ok, isOperator := p.operator(e); isOperator {
		return v, ok
	}
	args := make([]value, len(e.args))
	for i, arg := range e.args {
		v, ok := p.eval(arg)
		if !ok {
			return v, false
		}
		args[i] = v
	}
	if f, ok := analytic[e.name]; ok && len(args) == 1 {
		x := args[0]
		if p.real && e.name == "log" && imag(x.z) == 0 && real(x.z) < 0 {
			return value{}, false
		}
		z := f(x.z)
		// The slope by a difference wide enough to be above rounding.
		step := 1e-6 * (1 + cmplx.Abs(x.z))
		slope := cmplx.Abs(f(x.z+complex(step, 0))-z) / step
		if cmplx.IsNaN(complex(slope, 0)) || math.IsInf(slope, 0) {
			slope = 1 / step
		}
		return makeValue(z, slope*x.err+epsilon*slope*cmplx.Abs(x.z))
	}
	switch e.name {
	case "abs":
		return makeValue(complex(cmplx.Abs(args[0].z), 0), args[0].err)
	case "conjugate":
		return makeValue(cmplx.Conj(args[0].z), args[0].err)
	case "floor", "ceiling":
		round := math.Floor
		if e.name == "ceiling" {
			round = math.Ceil
		}
		return makeValue(complex(round(real(args[0].z)), round(imag(args[0].z))), 0)
	case "max", "min":
		if extreme, ok := extremeOf(e.name, args); ok && p.real {
			return extreme, true
		}
	case "binomial":
		if r, ok := exact(e, p.budget); ok {
			x, _ := r.Float64()
			return makeValue(complex(x, 0), 0)
		}
		n, k := args[0].z, args[1].z
		z := gamma(n+1) / gamma(k+1) / gamma(n-k+1)
		return makeValue(z, 1e-13*cmplx.Abs(z)+args[0].err+args[1].err)
	}
	p.opaque = true
	phase, slope := p.coefficient(e.name, 0), 0.0
	err := 0.0
	for i, arg := range args {
		k := p.coefficient(e.name, uint64(i)+1)
		phase += k * arg.z
		slope = max(slope, cmplx.Abs(k))
		err += arg.err
	}
	// Bounded, so that no argument is too large, and in all quadrants.
	scale := 1 + cmplx.Abs(phase)
	return makeValue(phase/complex(scale, 0), 2*slope*err/scale)
}

// extremeOf is the largest or smallest of real values.
func extremeOf(name string, args []value) (value, bool) {
	best := args[0]
	for _, x := range args {
		if imag(x.z) != 0 {
			return value{}, false
		}
		if (real(x.z) > real(best.z)) == (name == "max") {
			best = x
		}
	}
	return best, imag(best.z) == 0
}

// coefficient returns an arbitrary number that belongs to a function.
func (p *prober) coefficient(name string, n uint64) complex128 {
	h := p.hash(name, n+1)
	return complex(float64(h&0xffff)/0x8000-1, float64(h>>16&0xffff)/0x8000-1)
}

// gamma is Lanczos' approximation of the gamma function (g = 7, 9 terms).
func gamma(z complex128) complex128 {
	if imag(z) == 0 {
		return complex(math.Gamma(real(z)), 0)
	}
	if real(z) < 0.5 {
		return math.Pi / (cmplx.Sin(math.Pi*z) * gamma(1-z))
	}
	coefficients := [...]float64{
		676.5203681218851, -1259.1392167224028, 771.32342877765313,
		-176.61502916214059, 12.507343278686905, -0.13857109526572012,
		9.9843695780195716e-6, 1.5056327351493116e-7,
	}
	z--
	x := complex(0.99999999999980993, 0)
	for i, c := range coefficients {
		x += complex(c, 0) / (z + complex(float64(i+1), 0))
	}
	t := z + 7.5
	return complex(math.Sqrt(2*math.Pi), 0) * cmplx.Pow(t, z+0.5) * cmplx.Exp(-t) * x
}
