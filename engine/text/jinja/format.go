package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// verb is one conversion of a format, by % or by str.format.
type verb struct {
	fill      string
	align     byte // < > ^ = or 0
	sign      byte // + - space or 0
	alternate bool
	width     int64
	precision int64 // -1 without one
	grouping  string
	kind      byte
}

// percent is Python's format % v.
func percent(r *run, format string, v Value) string {
	var args []Value
	mapping, isDict := v.(*Dict)
	single := true
	switch v := v.(type) {
	case *Tuple:
		args, single = v.Items, false
	case *group:
		args, single = v.Items, false
	default:
		args = []Value{v}
	}
	next := 0
	take := func() Value {
		if next >= len(args) {
			throw("not enough arguments for format string")
		}
		next++
		return args[next-1]
	}
	var b strings.Builder
	named := false
	for i := 0; i < len(format); i++ {
		c := format[i]
		if c != '%' {
			b.WriteByte(c)
			continue
		}
		if i++; i == len(format) {
			throw("incomplete format")
		}
		var item Value
		keyed := false
		if format[i] == '(' {
			depth, start := 1, i+1
			for i++; i < len(format) && depth > 0; i++ {
				switch format[i] {
				case '(':
					depth++
				case ')':
					depth--
				}
			}
			if depth > 0 {
				throw("incomplete format key")
			}
			if !isDict {
				throw("format requires a mapping")
			}
			found, ok := mapping.Get(format[start : i-1])
			if !ok {
				throw("the format names the key %s, which is not there", quoted(format[start:i-1]))
			}
			item, keyed, named = found, true, true
		}
		f := verb{fill: " ", precision: -1}
		for ; i < len(format) && strings.IndexByte("#0- +", format[i]) >= 0; i++ {
			switch format[i] {
			case '#':
				f.alternate = true
			case '0':
				f.fill = "0"
			case '-':
				f.align = '<'
			case '+':
				f.sign = '+'
			case ' ':
				if f.sign == 0 {
					f.sign = ' '
				}
			}
		}
		size := func() int64 {
			if i < len(format) && format[i] == '*' {
				i++
				return count(take())
			}
			n := int64(0)
			for ; i < len(format) && format[i] >= '0' && format[i] <= '9'; i++ {
				n = min(n*10+int64(format[i]-'0'), maxText*2)
			}
			return n
		}
		if f.width = size(); f.width < 0 {
			f.align, f.width = '<', -f.width
		}
		if i < len(format) && format[i] == '.' {
			i++
			f.precision = max(size(), 0)
		}
		for i < len(format) && strings.IndexByte("hlL", format[i]) >= 0 {
			i++
		}
		if i == len(format) {
			throw("incomplete format")
		}
		f.kind = format[i]
		if f.kind == '%' {
			b.WriteByte('%')
			continue
		}
		if !keyed {
			item = take()
		}
		b.WriteString(f.percent(r, item))
		r.spend(b.Len() / 16)
	}
	if !named && next < len(args) && !(single && isDict) && !(single && next == 0 && isListLike(v)) {
		throw("not all arguments converted during string formatting")
	}
	return b.String()
}

// isListLike reports whether % takes v as a mapping, whose items may stay unused.
func isListLike(v Value) bool {
	switch v.(type) {
	case *List, *Range, *Undefined:
		return true
	}
	return false
}

// percent formats one value by a % conversion.
func (f verb) percent(r *run, v Value) string {
	switch f.kind {
	case 's', 'r', 'a':
		s := ""
		if f.kind == 's' {
			s = str(r, v)
		} else {
			var b strings.Builder
			r.repr(&b, v, 0)
			if s = b.String(); f.kind == 'a' {
				s = ascii(s)
			}
		}
		f.fill = " "
		return f.pad(r, "", f.cut(s), '>')
	case 'c':
		f.fill = " "
		if s, ok := isText(v); ok {
			if utf8.RuneCountInString(s) != 1 {
				throw("%%c requires int or char")
			}
			return f.pad(r, "", s, '>')
		}
		n, ok := index(v)
		if !ok || n < 0 || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
			throw("%%c requires int or char")
		}
		return f.pad(r, "", string(rune(n)), '>')
	case 'd', 'i', 'u', 'x', 'X', 'o':
		n, ok := number(v)
		if x, isFloat := n.(float64); isFloat && strings.IndexByte("diu", f.kind) >= 0 {
			n = truncated(x)
		} else if isFloat {
			ok = false
		}
		if !ok {
			if u, isUndefined := v.(*Undefined); isUndefined {
				u.fail()
			}
			throw("%%%c format: a number is required, not %s", f.kind, typeName(v))
		}
		sign, s := f.integer(wide(n), map[byte]int{'x': 16, 'X': 16, 'o': 8}[f.kind])
		if f.precision > int64(len(s)) {
			s = padded(r, s, f.precision, "0", '>')
		}
		if f.alternate {
			sign += map[byte]string{'x': "0x", 'X': "0X", 'o': "0o"}[f.kind]
		}
		return f.padNumber(r, sign, s)
	case 'e', 'E', 'f', 'F', 'g', 'G':
		n, ok := number(v)
		if !ok {
			if u, isUndefined := v.(*Undefined); isUndefined {
				u.fail()
			}
			throw("must be real number, not %s", typeName(v))
		}
		sign, s := f.real(r, toFloat(n))
		return f.padNumber(r, sign, s)
	}
	throw("unsupported format character %q", f.kind)
	return ""
}

// cut keeps as many characters as the precision says.
func (f verb) cut(s string) string {
	if f.precision >= 0 && int64(utf8.RuneCountInString(s)) > f.precision {
		return string([]rune(s)[:f.precision])
	}
	return s
}

// pad fills up to the width; side is where the text goes without an alignment.
func (f verb) pad(r *run, sign, s string, side byte) string {
	align := f.align
	if align == 0 {
		align = side
	}
	fill := f.fill
	if fill == "" {
		fill = " "
	}
	switch align {
	case '=':
		return sign + padded(r, s, f.width-int64(len(sign)), fill, '>')
	case '^':
		// str.format puts the odd space to the right.
		gap := f.width - int64(utf8.RuneCountInString(sign+s))
		if gap <= 0 {
			return sign + s
		}
		r.spend(int(min(gap, maxText*2)))
		return strings.Repeat(fill, int(gap/2)) + sign + s + strings.Repeat(fill, int(gap-gap/2))
	}
	return padded(r, sign+s, f.width, fill, map[byte]byte{'<': '<', '>': '>'}[align])
}

// padNumber fills a number of a % conversion, with zeros behind its sign.
func (f verb) padNumber(r *run, sign, s string) string {
	if f.align == 0 && f.fill == "0" {
		f.align = '='
	} else {
		f.fill = " "
	}
	return f.pad(r, sign, s, '>')
}

// truncated is int(x).
func truncated(x float64) Value {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		throw("cannot convert float infinity or NaN to integer")
	}
	i, _ := big.NewFloat(math.Trunc(x)).Int(nil)
	return small(i)
}

// signed is the sign that a number is written with.
func (f verb) signed(negative bool) string {
	switch {
	case negative:
		return "-"
	case f.sign == '+' || f.sign == ' ':
		return string(f.sign)
	}
	return ""
}

func (f verb) integer(i *big.Int, base int) (sign, s string) {
	if base == 0 {
		return f.signed(i.Sign() < 0), digits(new(big.Int).Abs(i))
	}
	s = new(big.Int).Abs(i).Text(base)
	if f.kind == 'X' {
		s = strings.ToUpper(s)
	}
	return f.signed(i.Sign() < 0), s
}

// maxPrecision bounds the digits behind the point.
const maxPrecision = 10_000

// real writes a float by e, f, g or %.
func (f verb) real(r *run, x float64) (sign, s string) {
	if f.precision > maxPrecision {
		throw("a precision of more than %d", maxPrecision)
	}
	sign = f.signed(math.Signbit(x) && !math.IsNaN(x))
	x = math.Abs(x)
	kind := f.kind | 0x20
	precision := int(f.precision)
	if precision < 0 {
		precision = 6
	}
	switch {
	case math.IsNaN(x):
		s = "nan"
	case math.IsInf(x, 0):
		s = "inf"
	case kind == 'g':
		precision = max(precision, 1)
		s = strconv.FormatFloat(x, 'e', precision-1, 64)
		exponent, _ := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
		mantissa, tail := s, ""
		if exponent < -4 || exponent >= precision {
			cut := strings.IndexByte(s, 'e')
			mantissa, tail = s[:cut], s[cut:]
		} else {
			mantissa = strconv.FormatFloat(x, 'f', precision-1-exponent, 64)
		}
		if !f.alternate && strings.Contains(mantissa, ".") {
			mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
		}
		s = mantissa + tail
	default:
		s = strconv.FormatFloat(x, kind, precision, 64)
		if f.alternate && precision == 0 && kind == 'f' {
			s += "."
		}
	}
	if f.kind < 'a' {
		s = strings.ToUpper(s)
	}
	return sign, s
}

// format is Python's str.format.
func (r *run) format(format string, model Value, args []Value, named []keyword) string {
	f := &formatter{r: r, model: model, args: args, named: named}
	return f.format(format, 2)
}

type formatter struct {
	r     *run
	model Value
	args  []Value
	named []keyword
	auto  int
}

func (f *formatter) format(format string, depth int) string {
	if depth == 0 {
		throw("Max string recursion exceeded")
	}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		c := format[i]
		switch {
		case (c == '{' || c == '}') && i+1 < len(format) && format[i+1] == c:
			b.WriteByte(c)
			i++
		case c == '}':
			throw("Single '}' encountered in format string")
		case c == '{':
			nested, end := 1, i+1
			for ; end < len(format) && nested > 0; end++ {
				switch format[end] {
				case '{':
					nested++
				case '}':
					nested--
				}
			}
			if nested > 0 {
				throw("expected '}' before end of string")
			}
			b.WriteString(f.field(format[i+1:end-1], depth))
			f.r.spend(b.Len() / 16)
			i = end - 1
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// field formats one replacement field: name!conversion:spec.
func (f *formatter) field(field string, depth int) string {
	spec, conversion := "", byte(0)
	brackets := 0
	for i := 0; i < len(field); i++ {
		switch c := field[i]; {
		case c == '[':
			brackets++
		case c == ']':
			brackets--
		case brackets == 0 && c == ':':
			field, spec = field[:i], f.format(field[i+1:], depth-1)
		case brackets == 0 && c == '!':
			if i+1 >= len(field) || i+2 < len(field) && field[i+2] != ':' {
				throw("a conversion is one letter: %q", field)
			}
			conversion = field[i+1]
			if i+2 < len(field) {
				spec = f.format(field[i+3:], depth-1)
			}
			field = field[:i]
		}
	}
	v := f.value(field)
	switch conversion {
	case 0:
	case 's':
		v = str(f.r, v)
	case 'r', 'a':
		var b strings.Builder
		f.r.repr(&b, v, 0)
		if v = b.String(); conversion == 'a' {
			v = ascii(b.String())
		}
	default:
		throw("Unknown conversion specifier %c", conversion)
	}
	text := formatted(f.r, v, spec)
	if _, ok := v.(Markup); ok {
		return text
	}
	if _, ok := f.model.(Markup); ok {
		return escape(text)
	}
	return text
}

// value finds what a field names: an argument, and attributes or items of it.
func (f *formatter) value(field string) Value {
	end := strings.IndexAny(field, ".[")
	if end < 0 {
		end = len(field)
	}
	first, rest := field[:end], field[end:]
	var v Value = absent
	if first == "" {
		first = strconv.Itoa(f.auto)
		f.auto++
	}
	if n, err := strconv.Atoi(first); err == nil {
		if n < 0 || n >= len(f.args) {
			throw("Replacement index %d out of range for positional args tuple", n)
		}
		v = f.args[n]
	} else {
		for _, k := range f.named {
			if k.name == first {
				v = k.value
			}
		}
		if v == absent {
			throw("the format names %s, which is not given", quoted(first))
		}
	}
	for rest != "" {
		if rest[0] == '[' {
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				throw("Missing ']' in format string")
			}
			key := rest[1:end]
			rest = rest[end+1:]
			if n, err := strconv.Atoi(key); err == nil {
				v = f.r.element(v, int64(n))
			} else {
				v = f.r.element(v, key)
			}
			continue
		}
		rest = strings.TrimPrefix(rest, ".")
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		if end == 0 {
			throw("Empty attribute in format string")
		}
		v = f.r.attribute(v, rest[:end])
		rest = rest[end:]
	}
	return v
}

// formatted is Python's format(v, spec).
func formatted(r *run, v Value, spec string) string {
	if spec == "" {
		return str(r, v)
	}
	f := parseSpec(spec)
	if s, ok := isText(v); ok {
		if f.kind != 0 && f.kind != 's' || f.sign != 0 || f.align == '=' || f.grouping != "" || f.alternate {
			throw("Invalid format specifier %s for object of type 'str'", quoted(spec))
		}
		return f.pad(r, "", f.cut(s), '<')
	}
	n, ok := number(v)
	if _, isBool := v.(bool); isBool && f.kind == 0 {
		// A bool is a number to format(), so it is written as one.
		f.kind = 'd'
	}
	if !ok {
		throw("unsupported format string passed to %s.__format__", typeName(v))
	}
	x, isFloat := n.(float64)
	sign, s := "", ""
	if isFloat && f.kind == 'n' {
		f.kind = 'g'
	}
	switch {
	case strings.IndexByte("eEfFgG%", f.kind) >= 0 && f.kind != 0:
		if !isFloat {
			x = toFloat(n)
		}
		if f.kind == '%' {
			f.kind = 'f'
			sign, s = f.real(r, x*100)
			s += "%"
		} else {
			sign, s = f.real(r, x)
		}
	case isFloat && f.kind == 0:
		if f.precision < 0 {
			s = floatRepr(math.Abs(x))
			sign = f.signed(math.Signbit(x))
		} else {
			f.kind = 'g'
			sign, s = f.real(r, x)
			if !strings.ContainsAny(s, ".en") {
				s += ".0"
			}
		}
	case isFloat || f.kind != 0 && strings.IndexByte("dxXobcn", f.kind) < 0 || f.precision >= 0:
		throw("Invalid format specifier %s for object of type '%s'", quoted(spec), typeName(v))
	case f.kind == 'c':
		i, _ := index(n)
		if i < 0 || i > utf8.MaxRune || !utf8.ValidRune(rune(i)) {
			throw("%%c arg not in range(0x110000)")
		}
		s = string(rune(i))
	default:
		sign, s = f.integer(wide(n), map[byte]int{'x': 16, 'X': 16, 'o': 8, 'b': 2}[f.kind])
		if f.alternate {
			sign += map[byte]string{'x': "0x", 'X': "0X", 'o': "0o", 'b': "0b"}[f.kind]
		}
	}
	if f.grouping != "" {
		whole, rest := s, ""
		if i := strings.IndexAny(s, ".e%"); i >= 0 {
			whole, rest = s[:i], s[i:]
		}
		for i := len(whole) - 3; i > 0; i -= 3 {
			whole = whole[:i] + f.grouping + whole[i:]
		}
		s = whole + rest
	}
	return f.pad(r, sign, s, '>')
}

// parseSpec reads [[fill]align][sign][#][0][width][grouping][.precision][type].
func parseSpec(spec string) verb {
	f := verb{precision: -1}
	rest := []rune(spec)
	isAlign := func(i int) bool { return i < len(rest) && strings.ContainsRune("<>=^", rest[i]) }
	switch {
	case isAlign(1):
		f.fill, f.align = string(rest[0]), byte(rest[1])
		rest = rest[2:]
	case isAlign(0):
		f.align = byte(rest[0])
		rest = rest[1:]
	}
	take := func(set string) byte {
		if len(rest) > 0 && strings.ContainsRune(set, rest[0]) {
			c := byte(rest[0])
			rest = rest[1:]
			return c
		}
		return 0
	}
	f.sign = take("+- ")
	take("z")
	f.alternate = take("#") != 0
	if take("0") != 0 && f.align == 0 {
		f.align, f.fill = '=', "0"
	}
	size := func() (n int64, some bool) {
		for len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9' {
			n, some = min(n*10+int64(rest[0]-'0'), maxText*2), true
			rest = rest[1:]
		}
		return n, some
	}
	f.width, _ = size()
	if c := take(",_"); c != 0 {
		f.grouping = string(c)
	}
	if take(".") != 0 {
		n, some := size()
		if !some {
			throw("Format specifier missing precision")
		}
		f.precision = n
	}
	if len(rest) > 1 || len(rest) == 1 && !strings.ContainsRune("sdxXobcneEfFgG%", rest[0]) {
		throw("Invalid format specifier %s", quoted(spec))
	}
	if len(rest) == 1 {
		f.kind = byte(rest[0])
	}
	return f
}
