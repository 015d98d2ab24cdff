package jinja

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// trimInt reads text as Python's int(text, base).
func trimInt(s string, base int) (Value, bool) {
	s = strings.TrimFunc(s, isSpace)
	sign := ""
	if s != "" && (s[0] == '-' || s[0] == '+') {
		sign, s = s[:1], s[1:]
	}
	prefix := ""
	if len(s) > 2 && s[0] == '0' {
		switch s[1] | 0x20 {
		case 'x':
			prefix = "0x"
		case 'o':
			prefix = "0o"
		case 'b':
			prefix = "0b"
		}
		if at := map[string]int{"0x": 16, "0o": 8, "0b": 2}[prefix]; prefix != "" &&
			(at == base || base == 0) {
			s = strings.TrimPrefix(s[2:], "_")
			base = at
		}
	}
	if base == 0 {
		base = 10
		if len(s) > 1 && s[0] == '0' && strings.Trim(s, "0_") != "" {
			return nil, false
		}
	}
	if s == "" || s[0] == '_' || strings.HasSuffix(s, "_") || strings.Contains(s, "__") ||
		len(s) > maxDigits {
		return nil, false
	}
	s = strings.Map(func(c rune) rune {
		if c >= 0x80 {
			if d := decimal(c); d >= 0 {
				return '0' + rune(d)
			}
		}
		return c
	}, strings.ReplaceAll(s, "_", ""))
	if s[0] == '-' || s[0] == '+' {
		return nil, false
	}
	i, ok := new(big.Int).SetString(sign+s, base)
	if !ok {
		return nil, false
	}
	return small(i), true
}

// decimal is the value of a decimal digit of any script, or -1.
func decimal(c rune) int {
	if !isDecimal(c) {
		return -1
	}
	n := 0
	for n < 10 && isDecimal(c-1-rune(n)) {
		n++
	}
	return n % 10
}

// trimFloat reads text as Python's float(text).
func trimFloat(s string) (float64, bool) {
	s = strings.TrimFunc(s, isSpace)
	if strings.HasPrefix(s, "_") || strings.HasSuffix(s, "_") || strings.Contains(s, "__") ||
		strings.ContainsAny(s, "xXpP") {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	return f, err == nil || math.IsInf(f, 0) && s != ""
}

// floatOf is Python's float(v), as far as it does not raise.
func floatOf(v Value) (float64, bool) {
	if s, ok := isText(v); ok {
		return trimFloat(s)
	}
	if u, ok := v.(*Undefined); ok {
		u.fail()
	}
	n, ok := number(v)
	if !ok {
		return 0, false
	}
	return toFloat(n), true
}

// rounded is Python's round(x, n) of a number.
func rounded(v Value, n int64) Value {
	x, isFloat := v.(float64)
	if isFloat && (math.IsInf(x, 0) || math.IsNaN(x)) {
		return x
	}
	if n >= 0 {
		if !isFloat {
			return v
		}
		f, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'f', int(min(n, 400)), 64), 64)
		return f
	}
	if n < -400 {
		n = -400
	}
	exact := new(big.Rat)
	if isFloat {
		exact.SetFloat64(x)
	} else {
		exact.SetInt(wide(v))
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(-n), nil)
	exact.Quo(exact, new(big.Rat).SetInt(unit))
	whole, rest := new(big.Int).DivMod(exact.Num(), exact.Denom(), new(big.Int))
	switch c := rest.Lsh(rest, 1).Cmp(exact.Denom()); {
	case c > 0 || c == 0 && whole.Bit(0) == 1:
		whole.Add(whole, big.NewInt(1))
	}
	whole.Mul(whole, unit)
	if isFloat {
		f, _ := new(big.Float).SetInt(whole).Float64()
		return math.Copysign(f, x)
	}
	return small(whole)
}

// fileSize is a number of bytes for people, as the filter filesizeformat writes it.
func fileSize(bytes float64, binary bool) string {
	base, units := 1000.0, []string{"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"}
	if binary {
		base, units = 1024, []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"}
	}
	if bytes == 1 {
		return "1 Byte"
	}
	if bytes < base {
		return fmt.Sprintf("%d Bytes", int64(bytes))
	}
	unit := base
	for i, u := range units {
		unit = math.Pow(base, float64(i+2))
		if bytes < unit || i == len(units)-1 {
			return strconv.FormatFloat(base*bytes/unit, 'f', 1, 64) + " " + u
		}
	}
	return ""
}

// numberFilters are the filters that read and write numbers.
func numberFilters() []*builtin {
	return []*builtin{
		define("round value precision? method?", func(_ *run, a []Value) Value {
			n, ok := number(a[0])
			if !ok {
				if u, isUndefined := a[0].(*Undefined); isUndefined {
					u.fail()
				}
				throw("type %s doesn't define __round__ method", typeName(a[0]))
			}
			precision := count(or(a[1], int64(0)))
			switch method := or(a[2], "common"); method {
			case "common":
				return rounded(n, precision)
			case "ceil", "floor":
				f := math.Ceil
				if method == "floor" {
					f = math.Floor
				}
				scale := toFloat(calculate("**", int64(10), max(min(precision, 400), -400)))
				x := f(toFloat(n) * scale)
				if math.IsInf(x, 0) || math.IsNaN(x) {
					throw("cannot convert float infinity or NaN to integer")
				}
				return (x + 0) / scale
			}
			throw("method must be common, ceil or floor")
			return nil
		}),
		define("int value default? base?", func(_ *run, a []Value) Value {
			otherwise := or(a[1], int64(0))
			if s, ok := isText(a[0]); ok {
				if i, ok := trimInt(s, int(min(max(count(or(a[2], int64(10))), 0), 36))); ok {
					return i
				}
			}
			if n, ok := number(a[0]); ok {
				if _, isFloat := n.(float64); !isFloat {
					return n
				}
			}
			f, ok := floatOf(a[0])
			if !ok || math.IsInf(f, 0) || math.IsNaN(f) {
				return otherwise
			}
			return truncated(f)
		}),
		define("float value default?", func(_ *run, a []Value) Value {
			if f, ok := floatOf(a[0]); ok {
				return f
			}
			return or(a[1], 0.0)
		}),
		define("abs x", func(_ *run, a []Value) Value {
			n, ok := number(a[0])
			if !ok {
				throw("bad operand type for abs(): '%s'", typeName(a[0]))
			}
			if f, isFloat := n.(float64); isFloat {
				return math.Abs(f)
			}
			return small(new(big.Int).Abs(wide(n)))
		}),
		define("filesizeformat value binary?", func(_ *run, a []Value) Value {
			f, ok := floatOf(a[0])
			if !ok {
				throw("filesizeformat takes a number")
			}
			return fileSize(f, truth(or(a[1], false)))
		}),
	}
}
