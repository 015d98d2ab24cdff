package jinja

import (
	"fmt"
	"strings"
	"time"
)

// maxRange is the sandbox's limit.
const maxRange = 100_000

var globals map[string]Value

func init() {
	globals = map[string]Value{
		"range": define("range start stop? step? /", func(_ *run, a []Value) Value {
			start, stop := int64(0), count(a[0])
			if a[1] != absent {
				start, stop = stop, count(a[1])
			}
			step := count(or(a[2], int64(1)))
			if step == 0 {
				throw("range() arg 3 must not be zero")
			}
			r := newRange(start, stop, step)
			if r.n > maxRange {
				throw("Range too big. The sandbox blocks ranges larger than MAX_RANGE (%d).", maxRange)
			}
			return r
		}),
		"dict": &builtin{name: "dict", raw: func(r *run, args []Value, named []keyword) Value {
			return newDict(r, args, named)
		}},
		"namespace": &builtin{name: "namespace", raw: newNamespace},
		"raise_exception": define("raise_exception message", func(r *run, a []Value) Value {
			throw("the template refuses the conversation: %s", str(r, a[0]))
			return nil
		}),
		"strftime_now": define("strftime_now format", func(r *run, a []Value) Value {
			return strftime(r.now, textArg(a[0], "strftime_now's format"))
		}),
		"cycler": &builtin{name: "cycler", raw: func(_ *run, args []Value, named []keyword) Value {
			if len(args) == 0 || len(named) > 0 {
				throw("at least one item has to be provided")
			}
			return &cycler{items: args}
		}},
		"joiner": define("joiner sep?", func(_ *run, a []Value) Value {
			used := false
			return &builtin{name: "joiner", raw: func(*run, []Value, []keyword) Value {
				if !used {
					used = true
					return ""
				}
				return or(a[0], ", ")
			}}
		}),
		"lipsum": &builtin{name: "lipsum", raw: func(*run, []Value, []keyword) Value {
			throw("lipsum is random, and a prompt must be the same every time")
			return nil
		}},
	}
}

func newRange(start, stop, step int64) *Range {
	r := &Range{start: start, stop: stop, step: step}
	if step > 0 && start < stop {
		r.n = (stop-start-1)/step + 1
	} else if step < 0 && start > stop {
		r.n = (start-stop-1)/-step + 1
	}
	return r
}

// newDict is Python's dict(...).
func newDict(r *run, args []Value, named []keyword) *Dict {
	d := NewDict()
	if len(args) > 1 {
		throw("dict expected at most 1 argument, got %d", len(args))
	}
	if len(args) == 1 {
		if u, ok := args[0].(*Undefined); ok {
			u.fail()
		}
		if from, ok := args[0].(*Dict); ok {
			for i, k := range from.keys {
				d.Set(k, from.values[i])
			}
		} else {
			for _, pair := range list(r, args[0]) {
				items := list(r, pair)
				if len(items) != 2 {
					throw("dictionary update sequence element has length %d; 2 is required", len(items))
				}
				d.Set(items[0], items[1])
			}
		}
	}
	for _, k := range named {
		d.Set(k.name, k.value)
	}
	return d
}

func newNamespace(r *run, args []Value, named []keyword) Value {
	d := newDict(r, args, named)
	for _, k := range d.keys {
		if name, ok := isText(k); ok && strings.HasPrefix(name, "_") {
			throw("a namespace takes no attributes that begin with an underscore: %s", name)
		}
	}
	return &Namespace{d}
}

// cycler is Jinja's cycler.
type cycler struct {
	items []Value
	i     int
}

func (c *cycler) attribute(name string) (Value, bool) {
	does := func(f func() Value) (Value, bool) {
		return &builtin{name: name, raw: func(*run, []Value, []keyword) Value { return f() }}, true
	}
	switch name {
	case "current":
		return c.items[c.i], true
	case "items":
		return &Tuple{c.items}, true
	case "next":
		return does(func() Value {
			v := c.items[c.i]
			c.i = (c.i + 1) % len(c.items)
			return v
		})
	case "reset":
		return does(func() Value {
			c.i = 0
			return nil
		})
	}
	return nil, false
}

// strftime formats a date by C's directives, with glibc's flags; unknown ones are left as
// they are, as glibc does.
func strftime(t time.Time, format string) string {
	var out strings.Builder
	for i := 0; i < len(format); i++ {
		start := i
		if format[i] != '%' {
			out.WriteByte(format[i])
			continue
		}
		flag := byte(0)
		if i++; i < len(format) && strings.IndexByte("-_0^", format[i]) >= 0 {
			flag = format[i]
			i++
		}
		if i == len(format) {
			out.WriteString(format[start:])
			break
		}
		text, ok := directive(t, format[i])
		if !ok {
			out.WriteString(format[start : i+1])
			continue
		}
		if flag == '^' {
			text = strings.ToUpper(text)
		} else if bare := strings.TrimLeft(text, "0 "); flag != 0 && strings.Trim(text, " 0123456789") == "" {
			if bare == "" && text != "" {
				bare = "0"
			}
			pad := map[byte]string{'-': "", '_': " ", '0': "0"}[flag]
			text = strings.Repeat(pad, len(text)-len(bare)) + bare
		}
		out.WriteString(text)
	}
	return out.String()
}

// layouts lists Go's layouts for the directives that have one.
var layouts = map[byte]string{
	'd': "02", 'e': "_2", 'm': "01", 'Y': "2006", 'y': "06", 'j': "002",
	'b': "Jan", 'h': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday",
	'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM", 'P': "pm",
	'D': "01/02/06", 'F': "2006-01-02", 'T': "15:04:05", 'R': "15:04", 'r': "03:04:05 PM",
	'c': "Mon Jan _2 15:04:05 2006", 'x': "01/02/06", 'X': "15:04:05",
	'Z': "", 'z': "", 'n': "\n", 't': "\t", '%': "%",
}

// directive returns the text of a directive of strftime, and false for one that it does not know.
func directive(t time.Time, c byte) (string, bool) {
	if layout, ok := layouts[c]; ok {
		return t.Format(layout), true
	}
	isoYear, isoWeek := t.ISOWeek()
	sunday := int(t.Weekday())
	monday := (sunday + 6) % 7
	week := func(day int) string { return fmt.Sprintf("%02d", (t.YearDay()+6-day)/7) }
	switch c {
	case 'f':
		return t.Format(".000000")[1:], true
	case 'k':
		return fmt.Sprintf("%2d", t.Hour()), true
	case 'l':
		return fmt.Sprintf("%2d", (t.Hour()+11)%12+1), true
	case 's':
		return fmt.Sprint(t.Unix()), true
	case 'C':
		return fmt.Sprintf("%02d", t.Year()/100), true
	case 'G':
		return fmt.Sprint(isoYear), true
	case 'g':
		return fmt.Sprintf("%02d", isoYear%100), true
	case 'V':
		return fmt.Sprintf("%02d", isoWeek), true
	case 'U':
		return week(sunday), true
	case 'W':
		return week(monday), true
	case 'w':
		return fmt.Sprint(sunday), true
	case 'u':
		return fmt.Sprint(monday + 1), true
	}
	return "", false
}
