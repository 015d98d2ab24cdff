package jinja

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
)

// maxDigits is the most digits that Python writes or reads of an integer.
const maxDigits = 4300

// str is Python's str(v).
func str(r *run, v Value) string {
	switch v := v.(type) {
	case string:
		return v
	case Markup:
		return string(v)
	case *Undefined:
		return ""
	}
	var b strings.Builder
	r.repr(&b, v, 0)
	return b.String()
}

// repr writes Python's repr(v).
func (r *run) repr(b *strings.Builder, v Value, depth int) {
	r.step()
	if depth > maxDepth {
		throw("nested deeper than %d", maxDepth)
	}
	if b.Len() > maxText {
		throw("text of more than %d MiB", maxText>>20)
	}
	switch v := v.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		if v {
			b.WriteString("True")
		} else {
			b.WriteString("False")
		}
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case *big.Int:
		b.WriteString(digits(v))
	case float64:
		b.WriteString(floatRepr(v))
	case string:
		b.WriteString(quoted(v))
	case Markup:
		b.WriteString("Markup(" + quoted(string(v)) + ")")
	case *List:
		r.reprItems(b, "[", v.Items, "]", depth)
	case *Tuple:
		r.reprTuple(b, v.Items, depth)
	case *group:
		r.reprTuple(b, v.Items, depth)
	case *Dict:
		r.reprDict(b, v, depth)
	case *dictView:
		r.reprItems(b, v.kind+"([", v.items(), "])", depth)
	case *Range:
		fmt.Fprintf(b, "range(%d, %d", v.start, v.stop)
		if v.step != 1 {
			fmt.Fprintf(b, ", %d", v.step)
		}
		b.WriteString(")")
	case *Undefined:
		b.WriteString("Undefined")
	case *Namespace:
		b.WriteString("<Namespace ")
		r.reprDict(b, v.attrs, depth)
		b.WriteString(">")
	case *macro:
		if v.def.name == "" {
			b.WriteString("<Macro anonymous>")
		} else {
			b.WriteString("<Macro " + quoted(v.def.name) + ">")
		}
	case *loop:
		fmt.Fprintf(b, "<LoopContext %d/%d>", v.i+1, len(v.items))
	case *selfRef:
		b.WriteString("<TemplateReference None>")
	default:
		// Python prints an address here, another in every run.
		throw("a %s has no text: put it through list or call it", typeName(v))
	}
}

func (r *run) reprTuple(b *strings.Builder, items []Value, depth int) {
	if len(items) == 1 {
		r.reprItems(b, "(", items, ",)", depth)
		return
	}
	r.reprItems(b, "(", items, ")", depth)
}

func (r *run) reprItems(b *strings.Builder, open string, items []Value, end string, depth int) {
	b.WriteString(open)
	for i, item := range items {
		if i > 0 {
			b.WriteString(", ")
		}
		r.repr(b, item, depth+1)
	}
	b.WriteString(end)
}

func (r *run) reprDict(b *strings.Builder, d *Dict, depth int) {
	b.WriteString("{")
	for i, k := range d.keys {
		if i > 0 {
			b.WriteString(", ")
		}
		r.repr(b, k, depth+1)
		b.WriteString(": ")
		r.repr(b, d.values[i], depth+1)
	}
	b.WriteString("}")
}

// digits writes a large integer, within Python's limit.
func digits(i *big.Int) string {
	if i.BitLen() > maxDigits*4 {
		throw("an integer of more than %d digits", maxDigits)
	}
	s := i.String()
	if len(strings.TrimPrefix(s, "-")) > maxDigits {
		throw("an integer of more than %d digits", maxDigits)
	}
	return s
}

// floatRepr is Python's repr of a float: the shortest that reads back.
func floatRepr(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	e := strconv.FormatFloat(f, 'e', -1, 64)
	exponent, _ := strconv.Atoi(e[strings.IndexByte(e, 'e')+1:])
	if exponent < -4 || exponent >= 16 {
		return e
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// quoted is Python's repr of a string.
func quoted(s string) string {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	var b strings.Builder
	b.WriteByte(quote)
	for _, c := range s {
		switch {
		case c == rune(quote) || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(c):
			b.WriteRune(c)
		case c < 0x100:
			fmt.Fprintf(&b, `\x%02x`, c)
		case c < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			fmt.Fprintf(&b, `\U%08x`, c)
		}
	}
	b.WriteByte(quote)
	return b.String()
}

// ascii is Python's ascii(v), from its repr.
func ascii(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c < 0x80:
			b.WriteRune(c)
		case c < 0x100:
			fmt.Fprintf(&b, `\x%02x`, c)
		case c < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			fmt.Fprintf(&b, `\U%08x`, c)
		}
	}
	return b.String()
}
