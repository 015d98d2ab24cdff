package grade

import (
	"regexp"
	"strings"
	"unicode"
)

// The strict grader first brings all ways to write the same thing to one
// notation: digits and punctuation of any script, Unicode mathematics, fonts,
// spacing, decorations.

// foldRunes gives the plain form of characters with a LaTeX or ASCII one.
var foldRunes = map[rune]string{
	'π': `\pi `, '√': `\sqrt`, '∞': `\infty `, '±': `\pm `, '×': `\times `, '÷': `\div `,
	'·': `\cdot `, '⋅': `\cdot `, '≤': `\le `, '≥': `\ge `, '≠': `\ne `, '∪': `\cup `,
	'∈': `\in `, '−': "-", '–': "-", '—': "-", '‐': "-", '。': ".", '।': ".", '、': ",",
	'°': `\degree `, '℃': `\degree `, '²': "^{2}", '³': "^{3}", '½': `\frac{1}{2}`,
	'¼': `\frac{1}{4}`, '¾': `\frac{3}{4}`, '“': `"`, '”': `"`, '„': `"`, '’': "'",
	'「': `"`, '」': `"`, '\u200b': "", '\ufeff': "", '\u200e': "", '\u200f': "",
}

// fold applies foldRunes, turns full-width forms and digits of all scripts
// into ASCII, and all white space into blanks.
func fold(s string) string {
	var b strings.Builder
	for _, r := range s {
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
	fontCommand    = regexp.MustCompile(`\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|mathsf|mbox|hbox|operatorname|boldsymbol|bm|boxed|fbox)\s*\{`)
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
	realNumbers    = regexp.MustCompile(`(?i)all real numbers|\\mathbb\s*\{?R\}?|\\mathbb R`)
	rowSpacing     = regexp.MustCompile(`\\\\\[[^\]]*\]`)
	infinityWord   = regexp.MustCompile(`(?i)(^|[^\\a-z])(infinity|infty|inf|oo)($|[^a-z])`)
	emptySet       = regexp.MustCompile(`(?i)^(?:(?:there (?:is|are) )?no (?:real |integer )?solutions?|(?:the )?empty set|\\\{ ?\\\})$`)
	setBuilder     = regexp.MustCompile(`^\\\{ ?([a-zA-Z]) ?(?:\\in ?\(-\\infty ,\\infty \) ?)?(?:\||:|\\mid) ?([^|:]*)\\\}$`)
	manyBlanks     = regexp.MustCompile(` +`)
	leadingTimes   = regexp.MustCompile(`([{(])\s*(?:\*|\\cdot|\\times)`)
	bareSuperCirc  = regexp.MustCompile(`\^\s*(?:\{\s*\\?circ\s*\}|\\?circ)`)
)

var notation = strings.NewReplacer(
	`\dfrac`, `\frac`, `\tfrac`, `\frac`, `\cfrac`, `\frac`,
	`\left`, "", `\right`, "", `\bigl`, "", `\bigr`, "", `\Bigl`, "", `\Bigr`, "",
	`\displaystyle`, "", `\quad`, " ", `\qquad`, " ", `\,`, " ", `\;`, " ", `\:`, " ", `\!`, "",
	`\\`, `\\`, `\ `, " ", "~", " ", `\$`, "", "$", "", `\(`, "", `\)`, "",
	`\leq`, `\le`, `\geq`, `\ge`, `\neq`, `\ne`, `{,}`, ",", "**", "^",
	`\lvert`, "|", `\rvert`, "|", `\langle`, "(", `\rangle`, ")", `\lbrace`, `\{`, `\rbrace`, `\}`, `\ldots`, "...", `\dots`, "...", `\cdots`, "...",
	`\degrees`, `\degree `, `\varnothing`, `\emptyset`, "€", "", "£", "", "¥", "", "₹", "", "৳", "", "₽", "", "฿", "",
)

// writeAlike brings an answer to the notation that the strict grader reads.
func writeAlike(s string) string {
	s = bold.ReplaceAllString(strip(fold(s)), "$1$2$3")
	s = thinThousands.ReplaceAllString(s, "$1,$2")
	s = thinThousands.ReplaceAllString(s, "$1,$2")
	s = rowSpacing.ReplaceAllString(s, `\\`)
	s = arrayBegin.ReplaceAllString(s, `\begin{matrix}`)
	s = strings.ReplaceAll(s, `\end{array}`, `\end{matrix}`)
	s = notation.Replace(s)
	s = bareSuperCirc.ReplaceAllString(s, `\degree `)
	s = dropFonts(operatorNames.Replace(s))
	s = overFraction.ReplaceAllString(s, `\frac{$1}{$2}`)
	s = choose.ReplaceAllString(s, `\binom{$1}{$2}`)
	s = plainRoot.ReplaceAllString(s, `\sqrt{$1}`)
	s = namelessRoot.ReplaceAllString(s, `$1\sqrt`)
	s = rootWithoutArg.ReplaceAllString(s, `\sqrt{$1}`)
	s = leadingTimes.ReplaceAllString(s, "$1")
	s = plainPi.ReplaceAllString(s, `$1\pi $2`)
	s = infinityWord.ReplaceAllString(s, `$1\infty $3`)
	s = strings.Trim(strip(s), `"'`)
	if s = strip(s); !strings.HasSuffix(s, "...") {
		s = strip(strings.TrimRight(s, ".;"))
	}
	s = looseFraction.ReplaceAllString(s, `\frac`)
	s = halfFraction.ReplaceAllString(braceFractions(s), `\frac$1{$2}`)
	s = realNumbers.ReplaceAllString(s, `(-\infty ,\infty )`)
	s = emptySet.ReplaceAllString(strip(manyBlanks.ReplaceAllString(s, " ")), `\emptyset`)
	if m := setBuilder.FindStringSubmatch(s); m != nil && strings.Contains(m[2], m[1]) && strings.ContainsAny(m[2], `<>\`) {
		s = strip(m[2]) // {x | x > 0} is x > 0
	}
	return s
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

// compact drops all blanks.
func compact(s string) string { return strings.ReplaceAll(s, " ", "") }

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
