package grade

import (
	"math/big"
	"slices"
	"strings"
)

// maxBits bounds exact numbers: 2^(2^20) is never computed. Results that would
// be longer are undefined.
const maxBits = 16_384

// maxNumberLength bounds the digits and the exponent of a number in text.
const maxNumberLength = 4_000

// parseRational reads a decimal number with an optional exponent exactly.
func parseRational(s string, b *budget) (*big.Rat, bool) {
	if len(s) > maxNumberLength || !b.spend(len(s)) {
		return nil, false
	}
	if _, exponent, ok := strings.Cut(strings.ToLower(s), "e"); ok &&
		len(strings.TrimLeft(exponent, "+-")) > 3 {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// exact returns e's value where it is rational and can be had by arithmetic,
// roots of perfect powers, factorials and the like.
func exact(e *expr, b *budget) (*big.Rat, bool) {
	if !b.spend(1) {
		return nil, false
	}
	switch e.kind {
	case kindNumber:
		return e.number, true
	case kindSum, kindProduct:
		total := big.NewRat(0, 1)
		if e.kind == kindProduct {
			total.SetInt64(1)
		}
		for _, arg := range e.args {
			value, ok := exact(arg, b)
			if !ok {
				return nil, false
			}
			if e.kind == kindSum {
				total.Add(total, value)
			} else {
				total.Mul(total, value)
			}
			if !b.spend(ratBits(total)/64) || ratBits(total) > maxBits {
				return nil, false
			}
		}
		return total, true
	case kindPower:
		base, ok := exact(e.args[0], b)
		if !ok {
			return nil, false
		}
		exponent, ok := exact(e.args[1], b)
		if !ok {
			return nil, false
		}
		return exactPower(base, exponent, b)
	case kindFunction:
		return exactFunction(e, b)
	}
	return nil, false
}

func ratBits(r *big.Rat) int { return r.Num().BitLen() + r.Denom().BitLen() }

// exactPower raises to a rational power where the result is rational. Roots of
// negative numbers are complex here and have none.
func exactPower(base, exponent *big.Rat, b *budget) (*big.Rat, bool) {
	if !exponent.Num().IsInt64() || !exponent.Denom().IsInt64() {
		return nil, false
	}
	n, degree := exponent.Num().Int64(), exponent.Denom().Int64()
	if degree > 1 {
		if base.Sign() < 0 || degree > 64 {
			return nil, false
		}
		top, ok := exactRoot(base.Num(), int(degree), b)
		if !ok {
			return nil, false
		}
		bottom, ok := exactRoot(base.Denom(), int(degree), b)
		if !ok {
			return nil, false
		}
		base = new(big.Rat).SetFrac(top, bottom)
	}
	if n < 0 {
		if base.Sign() == 0 {
			return nil, false
		}
		base, n = new(big.Rat).Inv(base), -n
	}
	size := int64(ratBits(base))
	if n > maxBits || size*n > maxBits || !b.spend(int(size*n/64)) {
		return nil, false
	}
	power := big.NewInt(n)
	return new(big.Rat).SetFrac(
		new(big.Int).Exp(base.Num(), power, nil),
		new(big.Int).Exp(base.Denom(), power, nil),
	), true
}

// exactRoot returns the degree-th root of n ≥ 0 if it is an integer, by
// bisection.
func exactRoot(n *big.Int, degree int, b *budget) (*big.Int, bool) {
	if degree == 2 {
		root := new(big.Int).Sqrt(n)
		return root, new(big.Int).Mul(root, root).Cmp(n) == 0 && b.spend(n.BitLen()/64+1)
	}
	exponent := big.NewInt(int64(degree))
	low, high := big.NewInt(0), new(big.Int).Lsh(big.NewInt(1), uint(n.BitLen()/degree+1))
	for low.Cmp(high) <= 0 {
		if !b.spend(n.BitLen()/64 + 1) {
			return nil, false
		}
		middle := new(big.Int).Add(low, high)
		middle.Rsh(middle, 1)
		switch new(big.Int).Exp(middle, exponent, nil).Cmp(n) {
		case 0:
			return middle, true
		case -1:
			low = middle.Add(middle, big.NewInt(1))
		default:
			high = middle.Sub(middle, big.NewInt(1))
		}
	}
	return nil, false
}

// exactFunction computes the functions that keep rationals rational.
func exactFunction(e *expr, b *budget) (*big.Rat, bool) {
	var args []*big.Rat
	for _, arg := range e.args {
		value, ok := exact(arg, b)
		if !ok {
			return nil, false
		}
		args = append(args, value)
	}
	switch {
	case e.name == "abs":
		return new(big.Rat).Abs(args[0]), true
	case e.name == "max":
		return slices.MaxFunc(args, (*big.Rat).Cmp), true
	case e.name == "min":
		return slices.MinFunc(args, (*big.Rat).Cmp), true
	case e.name == "gcd", e.name == "lcm", e.name == "mod":
		return integerFunction(e.name, args)
	case e.name == "conjugate":
		return args[0], true
	case e.name == "floor":
		return new(big.Rat).SetInt(floorRat(args[0])), true
	case e.name == "ceiling":
		negated := new(big.Rat).Neg(args[0])
		return new(big.Rat).SetInt(new(big.Int).Neg(floorRat(negated))), true
	case e.name == "factorial" || e.name == "binomial":
		const maxFactorial = 1_000
		for _, arg := range args {
			if !arg.IsInt() || arg.Sign() < 0 || arg.Num().Cmp(big.NewInt(maxFactorial)) > 0 {
				return nil, false
			}
		}
		n := args[0].Num().Int64()
		if !b.spend(int(10 * n)) { // long multiplications
			return nil, false
		}
		if e.name == "factorial" {
			return new(big.Rat).SetInt(new(big.Int).MulRange(1, n)), true
		}
		return new(big.Rat).SetInt(new(big.Int).Binomial(n, args[1].Num().Int64())), true
	}
	return nil, false
}

// integerFunction computes the functions of integers alone.
func integerFunction(name string, args []*big.Rat) (*big.Rat, bool) {
	total := new(big.Int)
	for i, arg := range args {
		if !arg.IsInt() || arg.Sign() <= 0 {
			return nil, false
		}
		n := arg.Num()
		switch {
		case i == 0:
			total.Set(n)
		case name == "mod":
			total.Mod(total, n)
		case name == "gcd":
			total.GCD(nil, nil, total, n)
		default:
			divisor := new(big.Int).GCD(nil, nil, total, n)
			if total.Mul(total, n).Div(total, divisor); total.BitLen() > maxBits {
				return nil, false
			}
		}
	}
	return new(big.Rat).SetInt(total), true
}

// floorRat returns the greatest integer that is not above r.
func floorRat(r *big.Rat) *big.Int {
	return new(big.Int).Div(r.Num(), r.Denom()) // Euclidean: the divisor is positive
}
