package grade

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// The strict grader first brings all ways to write the same thing to one
// notation: digits and punctuation of any script, Unicode mathematics, fonts,
// spacing, decorations.

// foldRunes gives the plain form of characters with a LaTeX or ASCII one.
var foldRunes = map[rune]string{
	'π': `\pi `, '√': `\sqrt`, '∞': `\infty `, '±': `\pm `, '×': `\times `, '÷': `\div `,
	'·': `\cdot `, '⋅': `\cdot `, '≤': `\le `, '≥': `\ge `, '≠': `\ne `, '∪': `\cup `,
	'∈': `\in `, '−': "-", '–': "-", '—': "-", '‐': "-", '。': ". ", '।': ". ", '｡': ". ", '、': ",",
	'°': `\degree `, '…': "...", '⋯': "...", 'º': `\degree `, '℃': `\degree C`, '℉': `\degree F`,
	'⩽': `\le `, '≦': `\le `, '≧': `\ge `, '⩾': `\ge `, '∉': `\notin `,
	'∨': `\lor `, '∧': `\land `,
	'∖': `\setminus `, '∩': `\cap `, 'ℝ': `\mathbb{R}`, '∅': `\emptyset `, '⟨': "(", '⟩': ")", 'ᵀ': "^T",
	'㎝': "cm", '㎞': "km", '㎜': "mm", '㎏': "kg", '㎎': "mg", '㎡': "m^{2}", '㎠': "cm^{2}",
	'㎢': "km^{2}", '㎥': "m^{3}", '㎤': "cm^{3}", 'ℓ': "L", '⅓': `\frac{1}{3}`, '⅔': `\frac{2}{3}`,
	'⅕': `\frac{1}{5}`, '⅛': `\frac{1}{8}`, '￥': "", 'µ': "μ", 'Ω': "Ω", '²': "^{2}", '³': "^{3}",
	'½': `\frac{1}{2}`, '٫': ".", '٬': ",",
	'¼': `\frac{1}{4}`, '¾': `\frac{3}{4}`, '“': `"`, '”': `"`, '„': `"`, '’': "'",
	'「': `"`, '」': `"`, '\u200b': "", '\ufeff': "", '\u200e': "", '\u200f': "",
}

// fold applies foldRunes, turns full-width forms and digits of all scripts
// into ASCII, and all white space into blanks.
func fold(s string) string {
	var b strings.Builder
	for _, r := range norm.NFC.String(s) {
		plain, ok := foldRunes[r]
		switch {
		case ok:
			b.WriteString(plain)
		case r < 0x80 && r >= ' ':
			b.WriteRune(r)
		case r >= 0xff01 && r <= 0xff5e:
			b.WriteRune(r - 0xfee0)
		case isSpace(r):
			b.WriteByte(' ')
		case digitValue(r) >= 0:
			b.WriteByte(byte('0' + digitValue(r)))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

var (
	// fullStop ends a sentence between numbers: 3。5 is no decimal.
	fullStop    = regexp.MustCompile(`(\pN)\s*[。।｡]\s*(\pN)`)
	fontCommand = regexp.MustCompile(`\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|mathsf|mbox` +
		`|hbox|operatorname|boldsymbol|bm|boxed|fbox)\s*\{`)
	bold           = regexp.MustCompile(`(^|[^\w)}])\*\*([^*]+)\*\*($|[^\w({\\])`)
	looseFraction  = regexp.MustCompile(`\\frac\s+`)
	halfFraction   = regexp.MustCompile(`\\frac(\{[^{}]*\})\s*([0-9a-zA-Z])`)
	overFraction   = regexp.MustCompile(`\{\s*([^{}]*?)\s*\\over\s*([^{}]*?)\s*\}`)
	thinThousands  = regexp.MustCompile(`(\d),\s*\\!\s*(\d{3})`)
	plainRoot      = regexp.MustCompile(`\\?sqrt\s*\(([^()]*)\)`)
	namelessRoot   = regexp.MustCompile(`(^|[^\\a-zA-Z])sqrt`)
	plainPi        = regexp.MustCompile(`(^|[^\\a-zA-Z])pi($|[^a-zA-Z])`)
	rootWithoutArg = regexp.MustCompile(`\\sqrt\s*([0-9]+|[a-zA-Z])`)
	choose         = regexp.MustCompile(`\{\s*([^{}]*?)\s*\\choose\s*([^{}]*?)\s*\}`)
	realNumbers    = regexp.MustCompile(`(?i:all real numbers|the reals)|\\(?:mathbb|Bbb` +
		`|mathds)\s*\{?R\}?|\\(?:R|reals|Reals)\b`)
	rowSpacing   = regexp.MustCompile(`\\\\\[[^\]]*\]`)
	infinityWord = regexp.MustCompile(`(?i)(^|[^\\a-z])(infinity|infty|inf|oo)($|[^a-z])`)
	emptySet     = regexp.MustCompile(`(?i)^(?:(?:there (?:is|are) )?no (?:real |integer )?solutions?` +
		`|(?:the )?empty set|\\\{ ?\\\})$`)
	setBuilder = regexp.MustCompile(`^\\?\{ ?([a-zA-Z]) ?(?:\\in ?\(-\\infty ,\\infty \) ?)?(?:\||:` +
		`|\\mid) ?([^|:]*?)\\?\}$`)
	positiveReals  = regexp.MustCompile(`\\mathbb\s*\{?R\}?\s*[\^_]\s*(?:\{\s*(?:\+|>\s*0)\s*\}|\+)`)
	realsFromZero  = regexp.MustCompile(`\\mathbb\s*\{?R\}?\s*_\s*\{\s*\\ge\s*0\s*\}`)
	realsNotZero   = regexp.MustCompile(`\\mathbb\s*\{?R\}?\s*\^\s*\{?\s*(?:\*|\\ast)\s*\}?`)
	unitInBrackets = regexp.MustCompile(`([0-9}\]) ,]) ?\( ?(\\(?:text|mathrm)\{[^{}]*\}(?:\^\{?\d\}?)?)` +
		` ?\)$`)
	matrixKind     = regexp.MustCompile(`\\(begin|end)\{(?:p|b|B|small)matrix\*?\}(?:\[[lcr]+\])?`)
	matrixBody     = regexp.MustCompile(`\\begin\{matrix\}(.*?)\\end\{matrix\}`)
	digitComma     = regexp.MustCompile(`(\d),(\d)`)
	carriageReturn = regexp.MustCompile(`\\cr($|[^a-zA-Z])`)
	dollarPrefix   = regexp.MustCompile(`(^|[^A-Za-z])(?:US|AU|CA|NT|HK|R|S|C|A) ?\\?\$ ?(-?\d)`)
	degreeScale    = regexp.MustCompile(`\\degree ?(?:\\unit ?\{ ?([CF]) ?\}|([CF])(?:$| ))`)
	transposition  = regexp.MustCompile(`(\\end\{matrix\}|[)\]]) ?\^ ?\{? ?(?:T|\\top|\\intercal) ?\}?$`)
	micro          = regexp.MustCompile(`\\mu\s*(\\(?:text|mathrm|rm))\s*\{\s*`)
	unitFraction   = regexp.MustCompile(`\\[dt]?frac\s*\{\s*\\(?:text|mathrm` +
		`|rm)\s*\{([^{}]*)\}\s*\}\s*\{\s*\\(?:text|mathrm|rm)\s*\{([^{}]*)\}(\^\{?\d\}?)?\s*\}`)
	bareFraction = regexp.MustCompile(`^(-?[\d.,]+) ?\\[dt]?frac\s*\{\s*(k?m|cm|mm|mi|ft|k?g|mg|L|J` +
		`|N)\s*\}\s*\{\s*(s|h|min|hr|mol|k?g|m|cm|mm|L)(\^\{?\d\}?)?\s*\}$`)
	siunitx      = regexp.MustCompile(`\\(?:SI|qty)\s*\{([^{}]*)\}\s*\{\\?([^{}\\]*)\}`)
	spaceCommand = regexp.MustCompile(`\\(?:hspace|mspace)\*?\s*\{[^{}]*\}|\\(?:thinspace|enspace` +
		`|enskip|nobreakspace|space)(?:$|[^a-zA-Z])`)
	mathT         = regexp.MustCompile(`\\math(?:sf|rm|bf|it)\s+T`)
	shillings     = regexp.MustCompile(`(\d) ?/[=\-]$`)
	manyBlanks    = regexp.MustCompile(` +`)
	leadingTimes  = regexp.MustCompile(`([{(])\s*(?:\*|\\cdot|\\times)`)
	bareSuperCirc = regexp.MustCompile(`\^\s*(?:\{\s*\\?circ\s*\}|\\?circ)`)
)

var notation = strings.NewReplacer(
	`\leqslant`, `\le`, `\geqslant`, `\ge`, `\leqq`, `\le`, `\geqq`, `\ge`, `\lt`, "<", `\gt`, ">", `\vee`,
	`\lor `, `\wedge`, `\land `,
	`\smallsetminus`, `\setminus `, `\bigcup`, `\cup `, `\bigcap`, `\cap `,
	`\dfrac`, `\frac`, `\tfrac`, `\frac`, `\cfrac`, `\frac`,
	`\left`, "", `\right`, "", `\bigl`, "", `\bigr`, "", `\Bigl`, "", `\Bigr`, "",
	`\displaystyle`, "", `\quad`, " ", `\qquad`, " ", `\,`, " ", `\;`, " ", `\:`, " ", `\!`, "",
	`\\`, `\\`, `\ `, " ", "~", " ", `\$`, "", "$", "", `\(`, "", `\)`, "",
	`\leq`, `\le`, `\geq`, `\ge`, `\neq`, `\ne`, `{,}`, ",", "**", "^",
	`\lvert`, "|", `\rvert`, "|", `\langle`, "(", `\rangle`, ")", `\lbrace`, `\{`, `\rbrace`, `\}`, `\ldots`,
	"...", `\dots`, "...", `\cdots`, "...",
	`\degrees`, `\degree `, `\varnothing`, `\emptyset`, "€", "", "£", "", "¥", "", "₹", "", "৳", "", "₽", "",
	"฿", "",
)

// writeAlike brings an answer to the notation that the strict grader reads.
func writeAlike(s string) string {
	s = fullStop.ReplaceAllString(s, "$1; $2")
	s = bold.ReplaceAllString(strip(fold(overDigits(s))), "$1$2$3")
	if strings.Contains(s, `\`) {
		s = unitInBrackets.ReplaceAllString(s, "$1 $2")
	}
	s = shillings.ReplaceAllString(s, "$1")
	s = dollarPrefix.ReplaceAllString(s, "$1$2")
	if strings.Contains(s, `\`) {
		s = micro.ReplaceAllString(s, "$1{μ")
		s = unitFraction.ReplaceAllString(s, `\text{$1/$2$3}`)
		s = bareFraction.ReplaceAllStringFunc(s, func(match string) string {
			m := bareFraction.FindStringSubmatch(match)
			if words.units[m[2]] == "" || words.units[m[3]] == "" {
				return match
			}
			return m[1] + `\unit{` + m[2] + "/" + m[3] + m[4] + "}"
		})
		s = siunitx.ReplaceAllString(s, `$1\text{ $2}`)
		s = mathT.ReplaceAllString(s, "T")
		s = spaceCommand.ReplaceAllString(s, " ")
		s = quadList.ReplaceAllString(s, "$1; $2")
		s = thinThousands.ReplaceAllString(s, "$1,$2")
		s = thinThousands.ReplaceAllString(s, "$1,$2")
		s = rowSpacing.ReplaceAllString(s, `\\`)
		s = arrayBegin.ReplaceAllString(s, `\begin{matrix}`)
		s = strings.ReplaceAll(s, `\end{array}`, `\end{matrix}`)
		s = matrixKind.ReplaceAllString(s, `\$1{matrix}`)
		s = carriageReturn.ReplaceAllString(s, `\\$1`)
	}
	s = notation.Replace(s)
	s = bareSuperCirc.ReplaceAllString(s, `\degree `)
	s = degreeScale.ReplaceAllString(dropFonts(markUpright(operatorNames.Replace(s))), ` \unit{°$1$2}`)
	if strings.Contains(s, `\`) {
		s = overFraction.ReplaceAllString(s, `\frac{$1}{$2}`)
		s = choose.ReplaceAllString(s, `\binom{$1}{$2}`)
	}
	s = plainRoot.ReplaceAllString(s, `\sqrt{$1}`)
	s = namelessRoot.ReplaceAllString(s, `$1\sqrt`)
	s = rootWithoutArg.ReplaceAllString(s, `\sqrt{$1}`)
	s = leadingTimes.ReplaceAllString(s, "$1")
	s = plainPi.ReplaceAllString(s, `$1\pi $2`)
	s = infinityWord.ReplaceAllString(s, `$1\infty $3`)
	s = strings.Trim(strip(s), `"'`)
	if s = strip(s); !strings.HasSuffix(s, "...") {
		s = strip(strings.TrimRight(s, ".;,"))
	}
	if strings.Contains(s, `\`) {
		s = looseFraction.ReplaceAllString(s, `\frac`)
		s = halfFraction.ReplaceAllString(braceFractions(s), `\frac$1{$2}`)
		s = positiveReals.ReplaceAllString(s, `(0,\infty )`)
		s = realsFromZero.ReplaceAllString(s, `[0,\infty )`)
		s = realsNotZero.ReplaceAllString(s, `(-\infty ,0)\cup (0,\infty )`)
	}
	s = realNumbers.ReplaceAllString(s, `(-\infty ,\infty )`)
	s = emptySet.ReplaceAllString(strip(manyBlanks.ReplaceAllString(s, " ")), `\emptyset`)
	s = transposition.ReplaceAllString(turnBrackets(matrixBody.ReplaceAllStringFunc(s, matrixCommas)), "$1^T")
	if m := setBuilder.FindStringSubmatch(s); m != nil && strings.Contains(m[2], m[1]) &&
		strings.ContainsAny(m[2], `<>\`) {
		s = strip(m[2]) // {x | x > 0} is x > 0
	}
	return s
}

// matrixCommas makes the commas of a matrix points where its entries hold one at most.
func matrixCommas(matrix string) string {
	if !strings.Contains(matrix, ",") || !strings.Contains(matrix, "&") && !strings.Contains(matrix, `\\`) {
		return matrix
	}
	for row := range strings.SplitSeq(matrix, `\\`) {
		for entry := range strings.SplitSeq(row, "&") {
			if commas := strings.Count(entry, ","); commas > 1 ||
				commas != len(digitComma.FindAllString(entry, -1)) {
				return matrix
			}
		}
	}
	return digitComma.ReplaceAllString(matrix, "$1.$2")
}

// overDigits writes digits under a combining line or dot as LaTeX does.
func overDigits(s string) string {
	if !strings.ContainsAny(s, "\u0305\u0307") {
		return s
	}
	return combined.ReplaceAllStringFunc(s, func(match string) string {
		digits := strings.NewReplacer("\u0305", "", "\u0307", "").Replace(match)
		if strings.Contains(match, "\u0305") {
			return `\overline{` + digits + `}`
		}
		return `\dot{` + digits + `}`
	})
}

var combined = regexp.MustCompile("(?:[0-9]\u0305)+|[0-9]\u0307")

// reversible is an interval, its brackets turned or not.
var reversible = regexp.MustCompile(`^[\[\](](?:[^\[\]()]|\([^()]*\))*[,;](?:[^\[\]()]|\([^()]*\))*[\[\])]`)

// turnBrackets writes ]a,b[ as (a,b).
func turnBrackets(s string) string {
	if !strings.ContainsAny(s, "[]") {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		const longest = 400
		m := ""
		if strings.ContainsRune("[](", rune(s[i])) {
			m = reversible.FindString(s[i:min(len(s), i+longest)])
		}
		open, shut := "", ""
		if m != "" {
			open, shut = m[:1], m[len(m)-1:]
			after := firstRune(strings.TrimLeft(s[i+len(m):], " "))
			if (open == "]" || shut == "[") && after != 0 && !strings.ContainsRune(`\,;U)]}`, after) {
				m = ""
			}
		}
		if m == "" {
			out.WriteByte(s[i])
			continue
		}
		out.WriteString(strings.Replace(open, "]", "(", 1) + m[1:len(m)-1] +
			strings.Replace(shut, "[", ")", 1))
		i += len(m) - 1
	}
	return out.String()
}

// operatorNames are functions by other names.
var operatorNames = strings.NewReplacer(
	`\operatorname{atan}`, `\arctan`, `\operatorname{asin}`, `\arcsin`, `\operatorname{acos}`, `\arccos`,
	`\bmod`, `\mod`,
)

// dropFonts replaces font commands by their content between blanks; one that
// is not closed runs to the end.
func dropFonts(s string) string {
	for range 8 { // they may be nested
		at := fontCommand.FindStringIndex(s)
		if at == nil {
			return s
		}
		for at != nil {
			content := boxed(s[at[1]-1:])
			rest := s[min(at[1]+len(content)+1, len(s)):]
			s = s[:at[0]] + " " + content + " " + rest
			next := fontCommand.FindStringIndex(rest)
			if next == nil {
				break
			}
			offset := len(s) - len(rest)
			at = []int{offset + next[0], offset + next[1]}
		}
	}
	return s
}

// compact drops all blanks but those between digits: 3 1/2 is not 31/2.
func compact(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if s[i] != ' ' || i > 0 && i+1 < len(s) && isDigit(s[i-1]) && isDigit(s[i+1]) {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// wordsOf keeps an answer's letters and digits, in lower case, for comparing
// prose.
func wordsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// isProse reports whether an answer is words: no digit, no command, and a run
// of at least three letters, which are no Roman numeral.
func isProse(s string) bool {
	run, longest, roman := 0, 0, true
	for _, r := range s {
		switch {
		case unicode.IsLetter(r) || unicode.IsMark(r):
			if run++; !strings.ContainsRune("IVX", r) {
				roman = false
			}
			if !roman {
				longest = max(longest, run)
			}
			if r >= 0x2e80 && chineseDigits[r] == 0 && r != '〇' && r != '零' {
				longest = 3
			}
		case strings.ContainsRune(`\{}_^=<>+*/0123456789|[]`, r):
			return false
		default:
			run, roman = 0, true
		}
	}
	return longest >= 3
}
