package jinja

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

var filters map[string]*builtin

// soft is Jinja's soft_str: Markup stays, all else becomes a string.
func soft(r *run, v Value) Value {
	if _, ok := v.(Markup); ok {
		return v
	}
	return str(r, v)
}

// onSoft makes a filter of a function on a text.
func onSoft(spec string, f func(r *run, s string, a []Value) Value) *builtin {
	name, params, _ := strings.Cut(spec, " ")
	return define(name+" s "+params, func(r *run, a []Value) Value {
		model := soft(r, a[0])
		s, _ := isText(model)
		r.spend(len(s))
		v := f(r, s, a[1:])
		if out, ok := v.(string); ok {
			return like(model, out)
		}
		return v
	})
}

var (
	wordStart = regexp.MustCompile(`[-\s({\[<]+`)
	wordChars = regexp.MustCompile(`[\pL\pN\pM_]+`)
	tags      = regexp.MustCompile(`(?s)<!--.*?-->|<.*?>`)
)

// titled is the filter title, which is not the method: only some characters end a
// word.
func titled(s string) string {
	var b strings.Builder
	word := func(w string) {
		if w != "" {
			_, size := utf8.DecodeRuneInString(w)
			b.WriteString(upper(w[:size]) + lower(w[size:]))
		}
	}
	at := 0
	for _, m := range wordStart.FindAllStringIndex(s, -1) {
		word(s[at:m[0]])
		word(s[m[0]:m[1]])
		at = m[1]
	}
	word(s[at:])
	return b.String()
}

// quoteURL escapes a text for a path, or for a query.
func quoteURL(s string, query bool) string {
	s = url.QueryEscape(s)
	if !query {
		s = strings.NewReplacer("+", "%20", "%2F", "/").Replace(s)
	}
	return s
}

func init() {
	filters = collect(slices.Concat(textFilters(), sequenceFilters(), numberFilters())...)
}

// textFilters are the filters of texts, and those of any value.
func textFilters() []*builtin {
	return []*builtin{
		toJSON,
		define("default,d value default_value? boolean?", func(r *run, a []Value) Value {
			_, undefined := a[0].(*Undefined)
			if undefined || truth(or(a[2], false)) && !truth(a[0]) {
				return or(a[1], "")
			}
			return a[0]
		}),
		onSoft("trim chars?", func(_ *run, s string, a []Value) Value {
			return trimmed(s, or(a[0], nil), strings.TrimFunc)
		}),
		onSoft("upper", func(_ *run, s string, _ []Value) Value { return upper(s) }),
		onSoft("lower", func(_ *run, s string, _ []Value) Value { return lower(s) }),
		onSoft("capitalize", func(_ *run, s string, _ []Value) Value { return capitalize(s) }),
		onSoft("title", func(_ *run, s string, _ []Value) Value { return titled(s) }),
		onSoft("center width?", func(r *run, s string, a []Value) Value {
			return padded(r, s, count(or(a[0], int64(80))), " ", '^')
		}),
		onSoft("string", func(_ *run, s string, _ []Value) Value { return s }),
		onSoft("wordcount", func(_ *run, s string, _ []Value) Value {
			return int64(len(wordChars.FindAllString(s, -1)))
		}),
		define("wordwrap s width? break_long_words? wrapstring? break_on_hyphens?", wordWrap),
		define("replace s old new count?", func(r *run, a []Value) Value {
			n := int64(-1)
			if c := or(a[3], nil); c != nil {
				n = count(c)
			}
			return replaced(r, str(r, a[0]), str(r, a[1]), str(r, a[2]), n)
		}),
		define("indent s width? first? blank?", func(r *run, a []Value) Value {
			s, ok := isText(a[0])
			if !ok {
				throw("indent takes a string, not '%s'", typeName(a[0]))
			}
			by, ok := isText(or(a[1], int64(4)))
			if !ok {
				by = padded(r, "", count(or(a[1], int64(4))), " ", '<')
			}
			lines := splitLines(s+"\n", false)
			r.spend(len(s) + len(by)*len(lines))
			for i := range lines {
				if i > 0 && (lines[i] != "" || truth(or(a[3], false))) || i == 0 && truth(or(a[2], false)) {
					lines[i] = by + lines[i]
				}
			}
			return like(a[0], strings.Join(lines, "\n"))
		}),
		define("truncate s length? killwords? end? leeway?", func(r *run, a []Value) Value {
			size, ok := length(a[0])
			if !ok {
				throw("object of type '%s' has no len()", typeName(a[0]))
			}
			end := str(r, or(a[3], "..."))
			n, leeway := count(or(a[1], int64(255))), int64(5)
			if l := or(a[4], nil); l != nil {
				leeway = count(l)
			}
			room := n - int64(utf8.RuneCountInString(end))
			if room < 0 || leeway < 0 {
				throw("truncate takes a length above its end's, and no negative leeway")
			}
			if int64(size) <= n+leeway {
				return a[0]
			}
			s := string([]rune(textArg(a[0], "truncate's value"))[:room])
			if !truth(or(a[2], false)) {
				if i := strings.LastIndexByte(s, ' '); i >= 0 {
					s = s[:i]
				}
			}
			return s + end
		}),
		&builtin{name: "format", raw: func(r *run, args []Value, named []keyword) Value {
			if len(args) > 1 && len(named) > 0 {
				throw("can't handle positional and keyword arguments at the same time")
			}
			s := soft(r, args[0])
			if len(named) > 0 {
				return operate(r, "%", s, newDict(r, nil, named))
			}
			return operate(r, "%", s, &Tuple{args[1:]})
		}},
		define("safe value", func(r *run, a []Value) Value { return Markup(str(r, a[0])) }),
		define("escape,e value", func(r *run, a []Value) Value {
			if m, ok := a[0].(Markup); ok {
				return m
			}
			s := escape(str(r, a[0]))
			r.spend(len(s))
			return Markup(s)
		}),
		define("forceescape value", func(r *run, a []Value) Value {
			s := escape(str(r, a[0]))
			r.spend(len(s))
			return Markup(s)
		}),
		define("striptags value", func(r *run, a []Value) Value {
			s := tags.ReplaceAllString(str(r, a[0]), "")
			s = strings.Join(splitSpaces(s, -1), " ")
			entities := strings.NewReplacer(
				"&amp;", "&", "&gt;", ">", "&lt;", "<", "&#39;", "'", "&#34;", `"`)
			return entities.Replace(s)
		}),
		define("attr obj name", func(r *run, a []Value) Value {
			name := str(r, a[1])
			if u, ok := a[0].(*Undefined); ok {
				u.fail()
			}
			if v, ok := attr(r, a[0], name); ok {
				return v
			}
			return missing(a[0], name)
		}),
		define("urlencode value", func(r *run, a []Value) Value {
			if _, ok := length(a[0]); !ok {
				return quoteURL(str(r, a[0]), false)
			}
			if s, ok := isText(a[0]); ok {
				return quoteURL(s, false)
			}
			pairs := a[0]
			if d, ok := a[0].(*Dict); ok {
				pairs = &dictView{d, "dict_items"}
			}
			var parts []string
			for _, pair := range list(r, pairs) {
				kv := list(r, pair)
				if len(kv) != 2 {
					throw("urlencode takes pairs")
				}
				parts = append(parts, quoteURL(str(r, kv[0]), true)+"="+quoteURL(str(r, kv[1]), true))
			}
			return strings.Join(parts, "&")
		}),
		define("xmlattr d autospace?", func(r *run, a []Value) Value {
			d, ok := a[0].(*Dict)
			if !ok {
				throw("xmlattr takes a dict")
			}
			var parts []string
			for i, k := range d.keys {
				if _, undefined := d.values[i].(*Undefined); undefined || d.values[i] == nil {
					continue
				}
				name := textArg(k, "an attribute's name")
				if strings.ContainsAny(name, " \t\n\r\f\v/>=") {
					throw("invalid character in attribute name: %s", quoted(name))
				}
				value, isMarkup := d.values[i].(Markup)
				if !isMarkup {
					value = Markup(escape(str(r, d.values[i])))
				}
				parts = append(parts, escape(name)+`="`+string(value)+`"`)
			}
			text := strings.Join(parts, " ")
			if text != "" && truth(or(a[1], true)) {
				text = " " + text
			}
			return text
		}),
		refused("random seq", "is different every time, and a prompt must not be"),
		refused("pprint value", "is not supported"),
		refused("urlize value", "is not supported"),
	}
}

// refused is a filter that Jinja has and prompts have no use for.
func refused(spec, why string) *builtin {
	name, _, _ := strings.Cut(spec, " ")
	return &builtin{name: name, raw: func(*run, []Value, []keyword) Value {
		throw("the filter %s %s", name, why)
		return nil
	}}
}
