package grade

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// The replacements of the reference, grouped where their order allows it.
var (
	// Environments are called pmatrix whatever they were.
	arrayBegin = regexp.MustCompile(`\\begin\{array\}\{.*?\}`)
	// A \text in the middle gives way to its content, an \mbox vanishes.
	textCommand = regexp.MustCompile(`\\text\{(.*?)\}`)
	mboxCommand = regexp.MustCompile(`\\mbox\{.*?\}`)
	// \sqrt2 means \sqrt{2}; like the reference, \sqrt23 becomes \sqrt{23}.
	bareRoot = regexp.MustCompile(`\\sqrt([\p{L}\p{N}_]+)`)
	// 3.000 is 3, with or without something after it.
	zeroDecimals    = regexp.MustCompile(`(\p{Nd}+)\.0*([^\p{Nd}])`)
	zeroDecimalsEnd = regexp.MustCompile(`(\p{Nd}+)\.0*$`)

	fractions = strings.NewReplacer("tfrac", "frac", "dfrac", "frac")
	dollars   = strings.NewReplacer(`\$`, "", "$", "")
	percent   = strings.NewReplacer(`\%`, "", "%", "")
)

// variablePrefixes are removed wherever they occur in an answer.
var variablePrefixes = []string{
	"x=", "y=", "z=", `x\in`, `y\in`, `z\in`, `x\to`, `y\to`, `z\to`,
}

// normalize is the reference's strip_string: it brings a raw answer to the
// form that is compared. keepUnits leaves unit words in place, as the
// reference does for the data sets in unitDataSets.
//
// It is not idempotent: the pipeline applies it twice to predictions and once
// to references.
func normalize(s string, keepUnits bool) string {
	s = strings.ReplaceAll(strip(s), "\n", "")
	s = strings.TrimRight(s, ".")
	s = strings.ReplaceAll(s, `\!`, "")
	s = normalizeCommands(s)
	s = cutTrailingText(s)
	if !keepUnits {
		s = removeUnits(s)
	}
	s = strings.ReplaceAll(s, `^{\circ}`, "")
	s = strings.ReplaceAll(s, `^\circ`, "")
	s = dollars.Replace(s)
	s = strings.ReplaceAll(s, `\(`, "")
	s = strings.ReplaceAll(s, `\)`, "")
	s = convertNumberWords(s)
	if strings.Contains(s, `\text{`) {
		s = textCommand.ReplaceAllString(s, "$1")
	}
	for _, prefix := range variablePrefixes {
		s = strings.ReplaceAll(s, prefix, "")
	}
	s = strings.ReplaceAll(s, `\emptyset`, "{}")
	s = strings.ReplaceAll(s, `(-\infty,\infty)`, `\mathbb{R}`)
	s = percent.Replace(s)
	s = strings.ReplaceAll(s, " .", " 0.")
	s = strings.ReplaceAll(s, "{.", "{0.")
	// The reference means to drop brackets around a plain word here, but asks
	// whether the bracketed string is alphanumeric, which none is.
	s = strings.ReplaceAll(s, "infinity", `\infty`)
	if !strings.Contains(s, `\infty`) {
		s = strings.ReplaceAll(s, "inf", `\infty`)
	}
	s = strings.ReplaceAll(s, `+\inity`, `\infty`)
	s = strings.ReplaceAll(s, "and", "")
	s = strings.ReplaceAll(s, `\mathbf`, "")
	if strings.Contains(s, `\mbox{`) {
		s = mboxCommand.ReplaceAllString(s, "")
	}
	if strings.Contains(s, "j") && !strings.Contains(s, "i") {
		s = strings.ReplaceAll(s, "j", "i") // the engineers' imaginary unit
	}
	if strings.Contains(s, ".") {
		s = zeroDecimals.ReplaceAllString(s, "$1$2")
		s = zeroDecimalsEnd.ReplaceAllString(s, "$1")
	}
	if s == "" {
		return s
	}
	if s[0] == '.' {
		s = "0" + s
	}
	s = dropShortLeft(s)
	if strings.Contains(s, `\sqrt`) {
		s = bareRoot.ReplaceAllString(s, `\sqrt{$1}`)
	}
	s = strings.ReplaceAll(s, " ", "")
	s = braceFractions(s)
	return slashToFraction(s)
}

// normalizeCommands unifies spellings of the same command.
func normalizeCommands(s string) string {
	if !strings.Contains(s, `\`) && !strings.Contains(s, "rac") && !strings.Contains(s, "matrix") {
		return s
	}
	s = arrayBegin.ReplaceAllString(s, `\begin{pmatrix}`)
	s = strings.ReplaceAll(s, `\end{array}`, `\end{pmatrix}`)
	s = strings.ReplaceAll(s, "bmatrix", "pmatrix")
	s = fractions.Replace(s)
	s = strings.ReplaceAll(s, `\neq`, `\ne`)
	s = strings.ReplaceAll(s, `\leq`, `\le`)
	s = strings.ReplaceAll(s, `\geq`, `\ge`)
	s = strings.ReplaceAll(s, `\left`, "")
	s = strings.ReplaceAll(s, `\right`, "")
	s = strings.ReplaceAll(s, `\{`, "{")
	return strings.ReplaceAll(s, `\}`, "}")
}

// cutTrailingText drops a final \text{...}, which is mostly a unit, and white
// space; with several, everything from the first one on goes.
func cutTrailingText(s string) string {
	cut := strip(s)
	if at := strings.Index(s, `\text{`); at >= 0 && strings.HasSuffix(s, "}") {
		cut = strip(s[:at])
	}
	if cut != "" {
		return cut
	}
	return s
}

// dropShortLeft turns "k = 5" into " 5" where the left side has at most two
// characters, blanks included.
func dropShortLeft(s string) string {
	left, right, found := strings.Cut(s, "=")
	if !found || strings.Contains(right, "=") || utf8.RuneCountInString(left) > 2 {
		return s
	}
	return right
}

// braceFractions writes \frac12 as \frac{1}{2} and \frac1{72} as
// \frac{1}{72}. A \frac with less than two characters after it leaves the
// whole string as it is.
func braceFractions(s string) string {
	parts := strings.Split(s, `\frac`)
	if len(parts) == 1 {
		return s
	}
	var out strings.Builder
	out.WriteString(parts[0])
	for _, part := range parts[1:] {
		out.WriteString(`\frac`)
		if strings.HasPrefix(part, "{") {
			out.WriteString(part)
			continue
		}
		a, widthA := utf8.DecodeRuneInString(part)
		b, widthB := utf8.DecodeRuneInString(part[widthA:])
		if widthA == 0 || widthB == 0 {
			return s
		}
		out.WriteString("{" + string(a) + "}")
		if b == '{' {
			out.WriteString(part[widthA:])
		} else {
			out.WriteString("{" + string(b) + "}" + part[widthA+widthB:])
		}
	}
	return out.String()
}

// slashToFraction writes a/b as \frac{a}{b} where both sides are plain
// integers or mention a root.
func slashToFraction(s string) string {
	a, b, found := strings.Cut(s, "/")
	if !found || strings.Contains(b, "/") || !fractionPart(a) || !fractionPart(b) {
		return s
	}
	return `\frac{` + a + `}{` + b + `}`
}

// fractionPart accepts text with "sqrt" in it and integers as Python prints
// them.
func fractionPart(s string) bool {
	return strings.Contains(s, "sqrt") || isCanonicalInteger(s)
}

func isCanonicalInteger(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	if digits == "0" {
		return s == "0"
	}
	if digits == "" || digits[0] == '0' || len(digits) > maxIntDigits {
		return false
	}
	for i := range len(digits) {
		if !isDigit(digits[i]) {
			return false
		}
	}
	return true
}
