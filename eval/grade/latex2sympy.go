package grade

import (
	"slices"
	"strings"
)

// The reference's last resort is latex2sympy, whose grammar extends that of
// parse_latex: matrices and determinants, lists, chains of inequalities,
// percentages; π, e and I have their values there. It is a dialect of
// latexParser here.

// extendedSpacing lists the spaces that latex2sympy replaces before it reads the text.
var extendedSpacing = strings.NewReplacer(
	`\dfrac`, `\frac`, `\tfrac`, `\frac`, `\mathrm{T}`, "T", `\mathrm{d}`, "d",
	`\displaystyle`, " ", `\quad`, " ", `\qquad`, " ", "~", " ", `\,`, " ", "$", " ",
)

// parseExtended parses the longest prefix of s that is a list or a relation.
func parseExtended(s string, b *budget) (*expr, bool) {
	p := &latexParser{lexer: lexer{source: strip(extendedSpacing.Replace(s)), extended: true},
		extended: true, budget: b}
	e, ok := p.list()
	if !ok {
		e, ok = p.chain()
	}
	if next := p.peek(0); next.is("+") || next.is("-") || next.is("^") || isTimes(next) || isDivide(next) ||
		next.kind == tokenRelation {
		return nil, false // unlike the first grammar, it insists on what an operator lacks
	}
	if !ok || p.invalid {
		return nil, false
	}
	return e, true
}

// list = relations between commas, or between semicolons, bare or in brackets.
func (p *latexParser) list() (*expr, bool) {
	start := p.at
	shut := map[string]string{"[": "]", "{": "}", `\{`: `\}`}[p.peek(0).text]
	if shut != "" {
		p.at++
		if e, ok := p.listItems(); ok && p.accept(shut) {
			return e, true
		}
		p.at = start
	}
	if e, ok := p.listItems(); ok {
		return e, true
	}
	p.at = start
	return nil, false
}

// listItems reads two or more items.
func (p *latexParser) listItems() (*expr, bool) {
	first, ok := p.chain()
	if !ok {
		return nil, false
	}
	items := []*expr{first}
	separator := p.peek(0).text
	if separator != "," && separator != ";" {
		return nil, false
	}
	for {
		start := p.at
		if !p.accept(separator) {
			break
		}
		item, ok := p.chain()
		if !ok {
			// A second item must follow the first separator.
			p.invalid = p.invalid || len(items) == 1
			p.at = start
			break
		}
		items = append(items, item)
	}
	return collection(kindList, items), len(items) > 1
}

// chain = expression { operator expression }, kept as written. An equation
// assigns to a symbol on its left and is solved otherwise; the solutions are
// represented by the equation.
func (p *latexParser) chain() (*expr, bool) {
	left, ok := p.expression()
	for ok && p.peek(0).kind == tokenRelation {
		operator := p.peek(0).text
		p.at++
		right, okRight := p.expression()
		switch {
		case !okRight:
			return nil, false
		case operator == "=" && left.kind == kindSymbol:
			left = right
		case operator == "=" && (isMatrix(left) || isMatrix(right)):
			return nil, false // it cannot solve for a matrix
		default:
			left = &expr{kind: kindRelation, name: operator, args: []*expr{left, right}}
		}
	}
	return left, ok
}

// extendedCommands are the commands of the extended grammar. A longer run of
// letters is read as the longest command that begins it: \pik is π times k.
var extendedCommands = func() []string {
	list := append(greekLetters, strings.Fields(`\pi \infty \partial \emptyset
		\times \cdot \div \frac \binom \tbinom \dbinom \mathit \sqrt \lim \to \rightarrow
		\Rightarrow \longrightarrow \Longrightarrow \int \sum \prod \lfloor \rfloor \lceil
		\rceil \left \right \leq \le \leqslant \geq \ge \geqslant \neq \ne \in \max \min
		\gcd \lcm \det`)...)
	list = append(list, accents...)
	list = append(list, otherSymbols...)
	for command := range namedFunctions {
		list = append(list, command)
	}
	slices.SortFunc(list, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return list
}()

var greekLetters = strings.Fields(`\alpha \beta \Gamma \gamma \Delta \delta \epsilon
	\varepsilon \zeta \eta \Theta \theta \vartheta \iota \kappa \Lambda \lambda \mu \nu \Xi
	\xi \omicron \Pi \varpi \rho \varrho \Sigma \sigma \varsigma \tau \Upsilon \upsilon \Phi
	\phi \varphi \chi \Psi \psi \Omega \omega`)

// otherSymbols are symbols too.
var otherSymbols = strings.Fields(`\angle \ell \prime \hbar \nabla \square \triangle \Re \Im
	\varnothing \Diamond \imath \jmath \flat \natural \sharp \complement \mho \wp`)

// accents mark the symbol in the braces after them.
var accents = strings.Fields(`\acute \bar \overline \breve \check \dot \ddot \grave \hat
	\tilde \widetilde \vec \overrightarrow \bm \boldsymbol \text \textit \mathbb \mathbf
	\mathcal \mathfrak \mathrm \mathsf \mathtt \mathop`)

// nextExtended returns the next token of the extended grammar.
func (l *lexer) nextExtended() token {
	l.at = l.blanksEnd(l.at)
	if l.at == len(l.source) {
		return token{kind: tokenEnd}
	}
	rest := l.source[l.at:]
	take := func(kind tokenKind, length int, text string) token {
		l.at += length
		return token{kind, text}
	}
	switch c := rest[0]; {
	case c == '\\':
		return l.extendedCommand(rest)
	case isDigit(c) || c == '.' && len(rest) > 1 && isDigit(rest[1]):
		return l.extendedNumber()
	case c == 'E':
		return take(tokenPunctuation, 1, "E")
	case c == '=' || c == '<' || c == '>':
		return take(tokenRelation, 1, rest[:1])
	case c == ';' || c == '&' || c == '\'':
		return take(tokenPunctuation, 1, rest[:1])
	}
	return l.character(rest[0])
}

// extendedCommand reads what begins with a backslash.
func (l *lexer) extendedCommand(rest string) token {
	for _, mark := range []string{`\\`, `\{`, `\}`} {
		if strings.HasPrefix(rest, mark) {
			l.at += len(mark)
			return token{tokenPunctuation, mark}
		}
	}
	for _, environment := range []string{"matrix", "pmatrix", "bmatrix", "vmatrix"} {
		for _, border := range []string{`\begin`, `\end`} {
			spelling := border + "{" + environment + "}"
			if strings.HasPrefix(rest, spelling) {
				l.at += len(spelling)
				if environment != "vmatrix" {
					environment = "matrix"
				}
				return token{tokenPunctuation, border + environment}
			}
		}
	}
	for _, command := range extendedCommands {
		if !strings.HasPrefix(rest, command) {
			continue
		}
		l.at += len(command)
		switch operator := relationCommands[command]; {
		case operator != "":
			return token{tokenRelation, operator}
		case command == `\ne`:
			return token{tokenRelation, "!="}
		case command == `\left` || command == `\right`:
			return l.nextExtended()
		}
		return token{tokenCommand, command}
	}
	return token{kind: tokenInvalid}
}

// extendedNumber reads a whole number as one token, with its percent sign.
func (l *lexer) extendedNumber() token {
	start := l.at
	digits := func() {
		for l.at < len(l.source) && isDigit(l.source[l.at]) {
			l.at++
		}
	}
	digits()
	for group := l.source[l.at:]; len(group) > 3 && group[0] == ',' && isDigit(group[1]) &&
		isDigit(group[2]) && isDigit(group[3]); group = l.source[l.at:] {
		l.at += 4
	}
	if rest := l.source[l.at:]; len(rest) > 1 && rest[0] == '.' && isDigit(rest[1]) {
		l.at++
		digits()
	}
	text := strings.ReplaceAll(l.source[start:l.at], ",", "")
	if strings.HasPrefix(l.source[l.at:], `\%`) {
		l.at += 2
		text += "%"
	}
	return token{tokenDigit, text}
}

// extendedAtom reads the atoms that differ from the first grammar's.
func (p *latexParser) extendedAtom() (*expr, bool) {
	t := p.peek(0)
	switch {
	case t.kind == tokenDigit:
		digits, percent := strings.CutSuffix(t.text, "%")
		value, ok := parseRational(digits, p.budget)
		if !ok {
			return nil, false
		}
		p.at++
		if percent {
			return product(rational(value), inverse(integer(100))), true
		}
		return rational(value), true
	case t.is(`\begin` + "matrix"):
		return p.matrix("matrix")
	case t.is(`\begin` + "vmatrix"):
		e, ok := p.matrix("vmatrix")
		if !ok {
			return nil, false
		}
		return p.determinant(e)
	case t.kind == tokenLetter && t.text == "e":
		p.at++
		if exponent, ok := p.script("^"); ok {
			return function("exp", exponent), true
		}
		return constant("e"), true
	case t.kind == tokenLetter && t.text == "I":
		p.at++
		return constant("i"), true
	case t.is(`\pi`):
		p.at++
		return constant("pi"), true
	case t.is(`\infty`):
		p.at++
		return infinity, true
	case t.kind == tokenCommand && slices.Contains(accents, t.text):
		start := p.at
		p.at++
		base, ok := p.braces()
		if !ok {
			p.at = start
			return nil, false
		}
		return symbol(t.text + base.String()), true
	case t.kind == tokenLetter || t.kind == tokenCommand &&
		(slices.Contains(greekLetters, t.text) || slices.Contains(otherSymbols, t.text)):
		name, ok := p.name()
		return symbol(name), ok
	}
	return nil, false
}

// matrix reads the rows of a matrix environment up to its end. Rows of
// different lengths are an error.
func (p *latexParser) matrix(environment string) (*expr, bool) {
	start := p.at
	p.at++
	m := &expr{kind: kindMatrix}
	columns := 0
	for !p.accept(`\end` + environment) {
		row := 0
		for {
			entry, ok := p.expression()
			if !ok {
				p.at = start
				return nil, false
			}
			m.args = append(m.args, entry)
			row++
			if !p.accept("&") {
				break
			}
		}
		if m.rows++; m.rows > 1 && row != columns {
			p.at = start
			return nil, false
		}
		columns = row
		if !p.accept(`\\`) && !p.peek(0).is(`\end`+environment) {
			p.at = start
			return nil, false
		}
	}
	return m, m.rows > 0
}

// determinant expands a small square matrix along its first row.
func (p *latexParser) determinant(m *expr) (*expr, bool) {
	n := m.rows
	if n*n != len(m.args) || n > 5 || !p.budget.spend(n*n*n) {
		return nil, false
	}
	if n == 1 {
		return m.args[0], true
	}
	var terms []*expr
	for column := range n {
		minor := &expr{kind: kindMatrix, rows: n - 1}
		for i, entry := range m.args[n:] {
			if i%n != column {
				minor.args = append(minor.args, entry)
			}
		}
		cofactor, ok := p.determinant(minor)
		if !ok {
			return nil, false
		}
		if column%2 == 1 {
			cofactor = negative(cofactor)
		}
		terms = append(terms, product(m.args[column], cofactor))
	}
	return sum(terms...), true
}
