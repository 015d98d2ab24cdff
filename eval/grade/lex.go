package grade

import "strings"

// tokenKind classifies LaTeX tokens.
type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	// tokenInvalid is a character outside the grammar. A parser that so much
	// as looks at one fails, while one far behind the parsed prefix is never
	// seen.
	tokenInvalid
	tokenLetter       // one ASCII letter
	tokenDigit        // one digit: numbers are put together by the parser
	tokenCommand      // backslash and letters
	tokenDifferential // d and a letter or command, as in dx
	tokenQuotes       // one or more '
	tokenPunctuation  // an operator, bracket or other single character
	tokenRelation     // = < > \le \ge \neq
)

// token is a LaTeX token; text is its spelling, a relation's in one form.
type token struct {
	kind tokenKind
	text string
}

// is reports whether the token is the punctuation or command s.
func (t token) is(s string) bool {
	return t.text == s && (t.kind == tokenPunctuation || t.kind == tokenCommand)
}

// skippedCommands are spacing and layout: the lexer drops them.
var skippedCommands = map[string]bool{
	`\thinspace`: true, `\medspace`: true, `\thickspace`: true, `\quad`: true,
	`\qquad`: true, `\negthinspace`: true, `\negmedspace`: true,
	`\negthickspace`: true, `\left`: true, `\right`: true, `\vrule`: true,
	`\vcenter`: true, `\vbox`: true, `\vskip`: true, `\vspace`: true, `\hfil`: true,
}

// skippedMarks may follow a backslash and mean spacing or nothing.
const skippedMarks = `,:;!*-./"(=`

// relationCommands are the relations written as commands.
var relationCommands = map[string]string{
	`\leq`: "<=", `\le`: "<=", `\leqq`: "<=", `\leqslant`: "<=",
	`\geq`: ">=", `\ge`: ">=", `\geqq`: ">=", `\geqslant`: ">=", `\neq`: "!=",
}

// lexer reads the tokens of SymPy's LaTeX grammar one at a time.
type lexer struct {
	source   string
	at       int
	extended bool // the grammar of latex2sympy instead
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// lettersEnd returns where the run of letters at i ends.
func (l *lexer) lettersEnd(i int) int {
	for i < len(l.source) && isLetter(l.source[i]) {
		i++
	}
	return i
}

// blanksEnd returns where the run of blanks at i ends.
func (l *lexer) blanksEnd(i int) int {
	for i < len(l.source) && isBlank(l.source[i]) {
		i++
	}
	return i
}

// next returns the next token.
func (l *lexer) next() token {
	if l.extended {
		return l.nextExtended()
	}
	for {
		l.at = l.blanksEnd(l.at)
		if l.at == len(l.source) {
			return token{kind: tokenEnd}
		}
		start, c := l.at, l.source[l.at]
		if c != '\\' {
			return l.character(c)
		}
		if end := l.lettersEnd(start + 1); end > start+1 {
			return l.command(start, end)
		}
		if start+1 == len(l.source) {
			return token{kind: tokenInvalid}
		}
		switch mark := l.source[start+1]; {
		case strings.IndexByte(skippedMarks, mark) >= 0:
			l.at += 2
		case mark == '{' || mark == '}':
			l.at += 2
			return token{tokenPunctuation, l.source[start:l.at]}
		default:
			return token{kind: tokenInvalid}
		}
	}
}

// command reads the command that lies between start and end.
func (l *lexer) command(start, end int) token {
	name := l.source[start:end]
	l.at = end
	if skippedCommands[name] {
		if end < len(l.source) && l.source[end] == '|' && (name == `\left` || name == `\right`) {
			l.at++
			return token{tokenPunctuation, name + "|"}
		}
		return l.next()
	}
	if operator, ok := relationCommands[name]; ok {
		return token{tokenRelation, operator}
	}
	return token{tokenCommand, name}
}

// character reads a token that does not begin with a backslash.
func (l *lexer) character(c byte) token {
	start := l.at
	l.at++
	spelling := l.source[start:l.at]
	switch {
	case c == 'd':
		// The grammar reads every d before a letter as a differential.
		i := l.blanksEnd(l.at)
		if i < len(l.source) && isLetter(l.source[i]) {
			l.at = i + 1
			return token{tokenDifferential, l.source[i : i+1]}
		}
		if i < len(l.source) && l.source[i] == '\\' {
			if end := l.lettersEnd(i + 1); end > i+1 {
				l.at = end
				return token{tokenDifferential, l.source[i+1 : end]}
			}
		}
		return token{tokenLetter, spelling}
	case isLetter(c):
		return token{tokenLetter, spelling}
	case isDigit(c):
		return token{tokenDigit, spelling}
	case c == '\'':
		for l.at < len(l.source) && l.source[l.at] == '\'' {
			l.at++
		}
		return token{tokenQuotes, l.source[start:l.at]}
	case c == '=':
		// An alignment mark may stand on either side.
		if i := l.blanksEnd(l.at); i < len(l.source) && l.source[i] == '&' {
			l.at = i + 1
		}
		return token{tokenRelation, "="}
	case c == '<' || c == '>':
		return token{tokenRelation, spelling}
	case c == '&':
		if i := l.blanksEnd(l.at); i < len(l.source) && l.source[i] == '=' {
			l.at = i + 1
			return token{tokenRelation, "="}
		}
	case strings.IndexByte(`+-*/(){}[]|_^:!,.`, c) >= 0:
		return token{tokenPunctuation, spelling}
	}
	l.at = start
	return token{kind: tokenInvalid}
}
