package jinja

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind names a kind of token.
type kind byte

const (
	endOfFile kind = iota
	data           // text between the tags
	variableBegin
	variableEnd
	blockBegin
	blockEnd
	name
	text // a string literal, its escapes read
	integer
	float
	operator
)

// token is one lexical unit, and where it begins in the source.
type token struct {
	kind  kind
	value string
	at    int
}

var (
	rawBegin = regexp.MustCompile(`^\{%([-+]?)\s*raw\s*(-%\}\s*|%\})`)
	rawEnd   = regexp.MustCompile(`\{%([-+]?)\s*endraw\s*(\+%\}|-%\}\s*|%\}\n?)`)

	floatLiteral = regexp.MustCompile(
		`^(?i:(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+))`)
	intLiteral = regexp.MustCompile(
		`^(?i:0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[0-9a-f])+|[1-9](?:_?\d)*|0(?:_?0)*)`)
)

// operators holds the longest first.
var operators = []string{
	"//", "**", "==", "!=", ">=", "<=",
	"+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";",
}

// lexer cuts a template into tokens, as Jinja does with trim_blocks and
// lstrip_blocks.
type lexer struct {
	source string
	pos    int
	tokens []token
	// lineStarts says that the text before pos ends a line, or is empty.
	lineStarts bool
}

// newline normalises line ends and drops the last one, as Jinja does.
func newline(source string) string {
	source = strings.ReplaceAll(source, "\r\n", "\n")
	source = strings.ReplaceAll(source, "\r", "\n")
	return strings.TrimSuffix(source, "\n")
}

// lex cuts a normalised source into tokens; it throws *Error.
func lex(source string) []token {
	l := &lexer{source: source, lineStarts: true}
	for l.pos < len(source) {
		l.text()
	}
	return append(l.tokens, token{kind: endOfFile, at: len(source)})
}

func (l *lexer) fail(at int, format string, args ...any) {
	panic(fault(l.source, at, format, args...))
}

func (l *lexer) add(k kind, value string, at int) {
	l.tokens = append(l.tokens, token{k, value, at})
}

// moved goes to end, and notes whether a line starts there.
func (l *lexer) moved(end int) {
	l.lineStarts = end > 0 && l.source[end-1] == '\n'
	l.pos = end
}

// text reads up to the next tag, and the tag.
func (l *lexer) text() {
	start := l.pos
	at := start
	for {
		next := strings.IndexByte(l.source[at:], '{')
		if next < 0 || at+next+1 == len(l.source) {
			l.add(data, l.source[start:], start)
			l.pos = len(l.source)
			return
		}
		at += next
		if c := l.source[at+1]; c == '%' || c == '{' || c == '#' {
			break
		}
		at++
	}
	before := l.source[start:at]
	sign := byte(0)
	if at+2 < len(l.source) && (l.source[at+2] == '-' || l.source[at+2] == '+') {
		sign = l.source[at+2]
	}
	before = stripLeft(before, sign, l.source[at+1] != '{', l.lineStarts)
	if before != "" {
		l.add(data, before, start)
	}
	inner := at + 2
	if sign != 0 {
		inner++
	}
	switch l.source[at+1] {
	case '#':
		l.comment(at, inner)
	case '{':
		l.add(variableBegin, "{{", at)
		l.moved(inner)
		l.expression(variableEnd, at)
	default:
		if m := rawBegin.FindStringIndex(l.source[at:]); m != nil {
			l.moved(at + m[1])
			l.raw(at)
			return
		}
		l.add(blockBegin, "{%", at)
		l.moved(inner)
		l.expression(blockEnd, at)
	}
}

// stripLeft takes away the white space before a tag that its sign or
// lstrip_blocks removes.
func stripLeft(before string, sign byte, block, lineStarts bool) string {
	switch {
	case sign == '-':
		return strings.TrimRightFunc(before, isSpace)
	case sign != '+' && block:
		line := strings.LastIndexByte(before, '\n') + 1
		if (line > 0 || lineStarts) && strings.TrimLeftFunc(before[line:], isSpace) == "" {
			return before[:line]
		}
	}
	return before
}

// comment skips a comment whose text begins at inner.
func (l *lexer) comment(at, inner int) {
	end := strings.Index(l.source[inner:], "#}")
	if end < 0 {
		l.fail(at, "the comment is not closed: #} is missing")
	}
	end += inner
	switch sign := l.source[end-1]; {
	case sign == '-' && end > inner:
		l.moved(l.spaces(end + 2))
	case sign == '+' && end > inner:
		l.moved(end + 2)
	default:
		l.moved(l.lineEnd(end + 2))
	}
}

// spaces returns the end of the white space that begins at i.
func (l *lexer) spaces(i int) int {
	return len(l.source) - len(strings.TrimLeftFunc(l.source[i:], isSpace))
}

// lineEnd returns i, or the byte after the line end that is at i.
func (l *lexer) lineEnd(i int) int {
	if i < len(l.source) && l.source[i] == '\n' {
		i++
	}
	return i
}

// raw reads the text up to endraw.
func (l *lexer) raw(at int) {
	m := rawEnd.FindStringSubmatchIndex(l.source[l.pos:])
	if m == nil {
		l.fail(at, "the raw block is not closed: {%% endraw %%} is missing")
	}
	sign := byte(0)
	if m[2] < m[3] {
		sign = l.source[l.pos+m[2]]
	}
	if inside := stripLeft(l.source[l.pos:l.pos+m[0]], sign, true, l.lineStarts); inside != "" {
		l.add(data, inside, l.pos)
	}
	l.moved(l.pos + m[1])
}

// expression reads the tokens inside a tag that begins at, with its end.
func (l *lexer) expression(end kind, at int) {
	var open []byte // brackets
	for {
		l.pos = l.spaces(l.pos)
		if l.pos == len(l.source) {
			if len(open) > 0 {
				l.fail(at, "the tag is not closed: %q is missing", string(closing(open[len(open)-1])))
			}
			l.fail(at, "the tag is not closed: %s is missing",
				map[kind]string{variableEnd: "}}", blockEnd: "%}"}[end])
		}
		rest := l.source[l.pos:]
		if len(open) == 0 && l.tagEnd(end) {
			return
		}
		switch c := rest[0]; {
		case c == '"' || c == '\'':
			l.literal()
			continue
		case c >= '0' && c <= '9':
			k := float
			number := floatLiteral.FindString(rest)
			// A float never follows a dot: a.1.5 is two subscripts.
			if number == "" || l.pos > 0 && l.source[l.pos-1] == '.' {
				k, number = integer, intLiteral.FindString(rest)
			}
			if number == "" {
				l.fail(l.pos, "unexpected %q", rest[:1])
			}
			l.add(k, strings.ReplaceAll(number, "_", ""), l.pos)
			l.pos += len(number)
			continue
		}
		if word := identifier(rest); word != "" {
			l.add(name, word, l.pos)
			l.pos += len(word)
			continue
		}
		op := ""
		for _, o := range operators {
			if strings.HasPrefix(rest, o) {
				op = o
				break
			}
		}
		switch op {
		case "":
			r, _ := utf8.DecodeRuneInString(rest)
			l.fail(l.pos, "unexpected character %q", r)
		case "(", "[", "{":
			open = append(open, op[0])
		case ")", "]", "}":
			if len(open) == 0 {
				l.fail(l.pos, "unexpected %q", op)
			}
			if want := closing(open[len(open)-1]); want != op[0] {
				l.fail(l.pos, "unexpected %q, expected %q", op, string(want))
			}
			open = open[:len(open)-1]
		}
		l.add(operator, op, l.pos)
		l.pos += len(op)
	}
}

func closing(open byte) byte {
	return map[byte]byte{'(': ')', '[': ']', '{': '}'}[open]
}

// tagEnd reads the end of a tag, when it is here.
func (l *lexer) tagEnd(end kind) bool {
	at, rest := l.pos, l.source[l.pos:]
	if end == variableEnd {
		switch {
		case strings.HasPrefix(rest, "-}}"):
			l.moved(l.spaces(at + 3))
		case strings.HasPrefix(rest, "}}"):
			l.moved(at + 2)
		default:
			return false
		}
	} else {
		switch {
		case strings.HasPrefix(rest, "+%}"):
			l.moved(at + 3)
		case strings.HasPrefix(rest, "-%}"):
			l.moved(l.spaces(at + 3))
		case strings.HasPrefix(rest, "%}"):
			l.moved(l.lineEnd(at + 2))
		default:
			return false
		}
	}
	l.add(end, map[kind]string{variableEnd: "}}", blockEnd: "%}"}[end], at)
	return true
}

// identifier is the name that a text begins with.
func identifier(s string) string {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r) && !unicode.IsMark(r)) {
			return s[:i]
		}
	}
	return s
}

// literal reads a string literal with Python's escapes.
func (l *lexer) literal() {
	at, quote := l.pos, l.source[l.pos]
	var b strings.Builder
	for i := at + 1; i < len(l.source); i++ {
		c := l.source[i]
		switch {
		case c == quote:
			l.add(text, b.String(), at)
			l.pos = i + 1
			return
		case c != '\\':
			b.WriteByte(c)
		case i+1 < len(l.source):
			i = l.escape(&b, i+1)
		}
	}
	l.fail(at, "the string is not closed: %q is missing", string(quote))
}

var escapes = map[byte]byte{
	'n': '\n', 't': '\t', 'r': '\r', 'a': '\a', 'b': '\b', 'f': '\f', 'v': '\v',
	'\\': '\\', '\'': '\'', '"': '"',
}

// escape reads the escape whose letter is at i, and returns the index of its last byte.
func (l *lexer) escape(b *strings.Builder, i int) int {
	c := l.source[i]
	if plain, ok := escapes[c]; ok {
		b.WriteByte(plain)
		return i
	}
	digits, base, end := 0, 16, i
	switch {
	case c == '\n':
		return i
	case c >= '0' && c <= '7':
		digits, base, end = 3, 8, i-1
	case c == 'x':
		digits = 2
	case c == 'u':
		digits = 4
	case c == 'U':
		digits = 8
	case c == 'N':
		l.fail(i-1, `\N{...} is not supported: write the character itself, or \u and its number`)
	default:
		b.WriteByte('\\')
		b.WriteByte(c)
		return i
	}
	r := rune(0)
	n := 0
	for n < digits && end+1 < len(l.source) {
		d := strings.IndexByte("0123456789abcdef", l.source[end+1]|0x20)
		if l.source[end+1] < '0' || d < 0 || d >= base {
			break
		}
		r, n, end = r*rune(base)+rune(d), n+1, end+1
	}
	if base == 16 && n < digits || !utf8.ValidRune(r) {
		l.fail(i-1, `\%c is no character: it takes %d digits of base %d`, c, digits, base)
	}
	b.WriteRune(r)
	return end
}

// isSpace is Python's white space.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f
}
