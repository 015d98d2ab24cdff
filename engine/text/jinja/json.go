package jinja

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"sort"
	"strconv"
	"strings"
)

// FromJSON reads JSON as Python does: objects keep the order of their keys, 1.0 is
// a float and 1 an integer of any size.
func FromJSON(data []byte) (v Value, err error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if v, err = fromJSON(decoder, 0); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more follows the JSON value")
	}
	return v, nil
}

func fromJSON(decoder *json.Decoder, depth int) (Value, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	t, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Number:
		return numberFromJSON(string(t))
	case json.Delim:
		if t == '[' {
			l := &List{}
			for decoder.More() {
				item, err := fromJSON(decoder, depth+1)
				if err != nil {
					return nil, err
				}
				l.Items = append(l.Items, item)
			}
			_, err := decoder.Token()
			return l, err
		}
		d := NewDict()
		for decoder.More() {
			key, err := decoder.Token()
			if err != nil {
				return nil, err
			}
			item, err := fromJSON(decoder, depth+1)
			if err != nil {
				return nil, err
			}
			d.Set(key.(string), item)
		}
		_, err := decoder.Token()
		return d, err
	}
	return t, nil // string, bool, nil
}

func numberFromJSON(s string) (Value, error) {
	if strings.ContainsAny(s, ".eE") {
		f, _ := strconv.ParseFloat(s, 64) // beyond the range it is inf, as in Python
		return f, nil
	}
	i, ok := new(big.Int).SetString(s, 10)
	if !ok || len(s) > maxDigits {
		return nil, fmt.Errorf("an integer of more than %d digits", maxDigits)
	}
	return small(i), nil
}

// jsonWriter is json.dumps with the arguments that tojson takes.
type jsonWriter struct {
	r         *run
	b         strings.Builder
	ascii     bool
	indent    *string
	item, key string
	sorted    bool
}

func (w *jsonWriter) line(depth int) {
	if w.indent != nil {
		w.r.spend(len(*w.indent) * depth)
		w.b.WriteString("\n" + strings.Repeat(*w.indent, depth))
	}
}

func (w *jsonWriter) write(v Value, depth int) {
	w.r.spend(1)
	if depth > maxDepth {
		throw("nested deeper than %d", maxDepth)
	}
	if items, ok := elements(v); ok {
		w.sequence("[", "]", len(items), depth, func(i int) { w.write(items[i], depth+1) })
		return
	}
	switch v := v.(type) {
	case nil:
		w.b.WriteString("null")
	case bool:
		w.b.WriteString(strconv.FormatBool(v))
	case int64:
		w.b.WriteString(strconv.FormatInt(v, 10))
	case *big.Int:
		w.b.WriteString(digits(v))
	case float64:
		w.b.WriteString(jsonFloat(v))
	case string:
		w.text(v)
	case Markup:
		w.text(string(v))
	case *Dict:
		order := make([]int, v.Len())
		for i := range order {
			order[i] = i
		}
		if w.sorted {
			sort.SliceStable(order, func(i, j int) bool {
				return ordered(w.r, "<", v.keys[order[i]], v.keys[order[j]])
			})
		}
		w.sequence("{", "}", v.Len(), depth, func(i int) {
			w.text(jsonKey(v.keys[order[i]]))
			w.b.WriteString(w.key)
			w.write(v.values[order[i]], depth+1)
		})
	case *Undefined:
		throw("what is undefined cannot be written as JSON: %s", v.message)
	default:
		throw("Object of type %s is not JSON serializable", typeName(v))
	}
}

func (w *jsonWriter) sequence(open, end string, n, depth int, each func(int)) {
	w.b.WriteString(open)
	for i := range n {
		if i > 0 {
			w.b.WriteString(w.item)
		}
		w.line(depth + 1)
		each(i)
	}
	if n > 0 {
		w.line(depth)
	}
	w.b.WriteString(end)
}

func jsonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return floatRepr(f)
}

func jsonKey(k Value) string {
	switch k := k.(type) {
	case string:
		return k
	case Markup:
		return string(k)
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(k)
	case int64:
		return strconv.FormatInt(k, 10)
	case *big.Int:
		return digits(k)
	case float64:
		return jsonFloat(k)
	}
	throw("keys must be str, int, float, bool or None, not %s", typeName(k))
	return ""
}

func (w *jsonWriter) text(s string) {
	w.r.spend(len(s))
	w.b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			w.b.WriteByte('\\')
			w.b.WriteRune(c)
		case c == '\n':
			w.b.WriteString(`\n`)
		case c == '\r':
			w.b.WriteString(`\r`)
		case c == '\t':
			w.b.WriteString(`\t`)
		case c == '\f':
			w.b.WriteString(`\f`)
		case c == '\b':
			w.b.WriteString(`\b`)
		case c < ' ' || w.ascii && c > '~' && c < 0x10000:
			fmt.Fprintf(&w.b, `\u%04x`, c)
		case w.ascii && c > '~':
			c -= 0x10000
			fmt.Fprintf(&w.b, `\u%04x\u%04x`, 0xd800+c>>10, 0xdc00+c&0x3ff)
		default:
			w.b.WriteRune(c)
		}
	}
	w.b.WriteByte('"')
}

// toJSON is the filter tojson of transformers: nothing is escaped for HTML.
const toJSONParameters = "tojson value ensure_ascii? indent? separators? sort_keys?"

var toJSON = define(toJSONParameters, func(r *run, a []Value) Value {
	w := &jsonWriter{
		r: r, ascii: truth(or(a[1], false)), item: ", ", key: ": ", sorted: truth(or(a[4], false)),
	}
	if indent := or(a[2], nil); indent != nil {
		text, ok := isText(indent)
		if !ok {
			n := max(count(indent), 0)
			if n > 1000 {
				throw("an indent of more than 1000")
			}
			text = strings.Repeat(" ", int(n))
		}
		w.indent, w.item = &text, ","
	}
	if separators := or(a[3], nil); separators != nil {
		pair := list(r, separators)
		if len(pair) != 2 {
			throw("separators takes two strings")
		}
		w.item, w.key = textArg(pair[0], "the item separator"), textArg(pair[1], "the key separator")
	}
	w.write(a[0], 0)
	return w.b.String()
})
