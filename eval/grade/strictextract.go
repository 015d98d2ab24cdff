package grade

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// answerPhrases announce an answer, in the eleven languages.
var answerPhrases = func() *regexp.Regexp {
	var phrases []string
	for _, phrase := range words.answers {
		phrases = append(phrases, regexp.QuoteMeta(phrase))
	}
	return regexp.MustCompile(`(?i)(?:` + strings.Join(phrases, "|") + `)[ :：]*`)
}()

// strictExtract returns the raw final answer: the last box that holds
// something, Minerva's sentence, the last announced answer, the last number.
func strictExtract(output string) string {
	output = tail(output)
	if _, after, ok := strings.Cut(output, "final answer is $"); ok {
		if answer, _, ok := strings.Cut(after, "$. I hope"); ok {
			return answer
		}
	}
	if answer, ok := lastBox(output); ok {
		return answer
	}
	if at := answerPhrases.FindAllStringIndex(output, -1); at != nil {
		answer, _, _ := strings.Cut(strip(strings.TrimLeft(output[at[len(at)-1][1]:], "* ")), "\n")
		if first := sentence(answer); first != answer && len(strings.Fields(first)) <= 3 {
			if number := loneNumber(first); number != "" {
				return number // what follows is about it
			}
		}
		if number := loneNumber(answer); number != "" {
			return number
		}
		if utf8.RuneCountInString(answer) <= 12 && !strings.ContainsAny(fold(answer), `0123456789\`) {
			if number := signedChinese(answer); number != "" {
				return number
			}
		}
		if !isExplanation(answer) {
			return sentence(answer)
		}
	}
	return strictLastNumber(output)
}

// tail returns the end of a long output, where the answer is.
func tail(output string) string {
	const length = 8_000
	return strings.ToValidUTF8(output[max(0, len(output)-length):], "")
}

// isExplanation reports whether an announced answer turns out to be an account
// of several sentences or sums, which ends in the answer.
func isExplanation(s string) bool {
	words := strings.Fields(s)
	prose := 0
	for _, word := range words {
		if isProse(word) {
			prose++
		}
	}
	return prose >= 4 && grouped.MatchString(s)
}

// lastBox returns the content of the last \boxed that is not empty. A box in
// the box is opened.
func lastBox(s string) (string, bool) {
	const tries = 20
	for end, n := len(s), 0; n < tries; n++ {
		at := strings.LastIndex(s[:end], "boxed")
		if at < 0 {
			break
		}
		end = at
		content := strip(boxed(s[at+len("boxed"):]))
		if content == "" {
			continue
		}
		if inner, ok := lastBox(content); ok {
			return inner, true
		}
		// An outer box may hold this one and nothing else.
		return strings.TrimSuffix(content, `\`), true
	}
	return "", false
}

// Box returns the content of the last \boxed in a text that is not empty.
func Box(output string) (string, bool) { return lastBox(tail(output)) }

// Announced returns the line after the last words in a text that announce an answer, in
// the languages of the lexicon.
func Announced(output string) (string, bool) {
	output = tail(output)
	at := answerPhrases.FindAllStringIndex(output, -1)
	if at == nil {
		return "", false
	}
	line, _, _ := strings.Cut(strip(strings.TrimLeft(output[at[len(at)-1][1]:], "* ")), "\n")
	return line, true
}

// sentence cuts a sentence off at its end.
func sentence(s string) string {
	for i, r := range s {
		width := utf8.RuneLen(r)
		rest := s[min(i+max(width, 1), len(s)):]
		stop := r == '.' && !strings.HasSuffix(s[:i], ".") && (rest == "" || rest[0] == ' ')
		if stop || r == '。' || r == '।' {
			return s[:i]
		}
	}
	return s
}

// grouped matches numbers with thousands separators of the eleven languages.
var grouped = regexp.MustCompile(`-?[1-9]\d?(?:,\d{2})+,\d{3}(?:\.\d+)?|-?\d+(?:[., ]\d{3})*(?:[.,]\d+)?|-?\.\d+`)

// numbersIn returns where the numbers of a text begin and end. Three digits before a fourth are no group: 3.1415 has
// decimals, and 12 3456 are two numbers.
func numbersIn(s string) (all [][]int) {
	for from := 0; ; {
		at := grouped.FindStringIndex(s[from:])
		if at == nil {
			return all
		}
		begin, end := from+at[0], from+at[1]
		if more := len(s[end:]) - len(strings.TrimLeft(s[end:], "0123456789")); more > 0 {
			mark := begin + strings.LastIndexAny(s[begin:end], "., ")
			if s[mark] == ' ' || strings.IndexByte(s[begin:mark], s[mark]) >= 0 {
				end = mark
			} else {
				end += more
			}
		}
		all = append(all, []int{begin, end})
		from = end
	}
}

// loneLetter is a variable in a short text.
var loneLetter = regexp.MustCompile(`(?:^|[^\pL\pM])[a-zA-Z](?:$|[^\pL\pM])`)

// loneNumber returns the number in a short text that has no mathematics
// besides, such as "57 500 euros." or "14.00。".
func loneNumber(s string) string {
	s = fold(s)
	if rest, ok := strings.CutPrefix(strings.TrimLeft(s, "$ "), "- "); ok {
		s = "-" + rest
	}
	if len(numbersIn(s)) != 1 || strings.ContainsAny(s, `\^_=(){}[]/+%<>|!`) || loneLetter.MatchString(s) {
		return ""
	}
	return lastNumeral(s)
}

var (
	// formula matches a text between LaTeX's marks.
	formula = regexp.MustCompile(`\$\$([^$]+)\$\$|\$([^$\n]+)\$|\\\((.+?)\\\)|\\\[((?s:.+?))\\\]`)
	// money is a text to below a dollar that follows a number as another before it does: 5$ or 6$, 5 $ or 6 $.
	money = regexp.MustCompile(`\d(?:\$| \$ )[^$]*\d$`)
	// bracedMark is a separator in braces, which TeX then sets without a space: 12{,}345 and 3{,}5.
	bracedMark = regexp.MustCompile(`(\d)\{([.,])\}(\d)`)
	// spacedGroup is a space of LaTeX's, or a mark that no decimals follow, before digits.
	spacedGroup = regexp.MustCompile(`(\d)(?:,?\\[,;:! ]|,?\\thinspace ?|~|[_'])(\d+)`)
	// slashed is a fraction or a mixed number at the end of a text.
	slashed = regexp.MustCompile(`(?:^|[^\d/.,])(-?(?:\d+\s+)?\d+\s?/\s?\d+)$`)
	// fracture is a fraction or a mixed number in LaTeX.
	fracture = regexp.MustCompile(`-?(?:\d+\s*(?:\\ )?)?\\[dt]?frac\s*(?:\{[^{}]*\}|\d)\s*(?:\{[^{}]*\}|\d)`)
)

// groupAlike gives a number's digits the separators that stand in plain text.
func groupAlike(s string) string {
	for range 2 { // the second time what shares a digit with the one before
		s = bracedMark.ReplaceAllString(s, "$1$2$3")
		s = spacedGroup.ReplaceAllStringFunc(s, func(group string) string {
			if m := spacedGroup.FindStringSubmatch(group); len(m[2]) == 3 {
				return m[1] + " " + m[2]
			}
			return group // 1990~2000
		})
	}
	return s
}

// lastFormula returns the last formula of a text, from its last equals sign on, if the last number stands in it; else
// nothing. Amounts of money are none: prose stands between their dollars.
func lastFormula(s string) string {
	all := formula.FindAllStringSubmatchIndex(s, -1)
	if all == nil {
		return ""
	}
	at := all[len(all)-1]
	if s[at[0]] == '$' && money.MatchString(s[:at[0]]+strings.TrimRight(s[at[0]:at[1]-1], " ")) {
		return ""
	}
	hasDigit := func(s string) bool { return strings.ContainsFunc(s, func(r rune) bool { return digitValue(r) >= 0 }) }
	if hasDigit(s[at[1]:]) {
		return ""
	}
	content := ""
	for i := 2; i < len(at); i += 2 {
		if at[i] >= 0 {
			content = s[at[i]:at[i+1]]
		}
	}
	for _, word := range strings.Fields(fontCommand.ReplaceAllString(content, `\text{`)) {
		if isProse(word) && !strings.Contains(content, `\text{`) {
			return ""
		}
	}
	if equals := strings.LastIndexByte(content, '='); equals >= 0 && !strings.Contains(content, ",") {
		content = content[equals+1:]
	}
	if !hasDigit(content) {
		return ""
	}
	return strip(content)
}

// strictLastNumber returns the last formula of a text that ends with one, or its last number, or the last Chinese
// numeral if there is no other.
func strictLastNumber(s string) string {
	if content := lastFormula(s); content != "" {
		return content
	}
	s = groupAlike(fold(s))
	if number := lastNumeral(s); number != "" {
		return number
	}
	return signedChinese(s)
}

// signedChinese is lastChinese with the numeral's sign.
func signedChinese(s string) string {
	number := lastChinese(s)
	before := s[:strings.LastIndex(s, number)]
	for _, sign := range chineseSigns {
		if number != "" && strings.HasSuffix(before, sign) {
			return "-" + number
		}
	}
	return number
}

// lastNumeral returns the last number in digits, with the magnitude words around it.
func lastNumeral(s string) string {
	const most = 12 // numbers that may belong to the last numeral
	all := numbersIn(s)
	last, end := "", 0
	fractures := fracture.FindAllStringIndex(s, -1)
	for _, at := range all[max(0, len(all)-most):] {
		if at[0] < end {
			continue // part of the numeral before: 3万5千
		}
		from := at[0]
		for {
			before := strings.TrimRight(s[end:from], " ")
			word := before[strings.LastIndexByte(before, ' ')+1:]
			if !words.first[strings.ToLower(word)] {
				break
			}
			from = end + len(before) - len(word) // elfu 3
		}
		_, sign := strings.CutPrefix(s[from:], "-")
		digits := strings.TrimPrefix(s[from:], "-")
		last, end = decimalComma(s[at[0]:at[1]]), at[1]
		if m := slashed.FindStringSubmatch(s[max(0, at[1]-40):at[1]]); m != nil && !strings.HasPrefix(s[at[1]:], "/") {
			last = m[1]
		}
		for _, whole := range fractures {
			if whole[0] <= at[0] && at[1] <= whole[1] {
				last, end = s[whole[0]:whole[1]], whole[1]
			}
		}
		const longest = 200
		digits = strings.ToValidUTF8(digits[:min(len(digits), longest)], "")
		if _, rest, ok := readMagnitude(digits, &budget{left: maxSteps / 100}); ok {
			last = digits[:len(digits)-len(rest)]
			end = max(end, at[0]+len(last))
			if sign {
				last = "-" + last
			}
		}
	}
	return last
}

// decimalComma turns the comma of "3,50" into a point.
func decimalComma(s string) string {
	if commaDecimal.MatchString(s) {
		return strings.ReplaceAll(s, ",", ".")
	}
	return s
}

// judgeChoice decides a multiple-choice question: the box must name the letter
// and no other; without a box, the first letter after the last announcement
// counts; without that, capital letters that stand alone, if they agree.
func judgeChoice(output, reference string) judgement {
	output = tail(output)
	judge := func(letter string) judgement {
		if strings.ToUpper(letter) == reference {
			return right
		}
		return wrong
	}
	// short judges a text that should be nothing but the letter.
	short := func(plain string) judgement {
		switch m := fiveLetters.only.FindStringSubmatch(plain); {
		case fiveLetters.two.MatchString(plain):
			return wrong
		case m != nil:
			return judge(m[1])
		case utf8.RuneCountInString(plain) <= 8 && len(choiceLetters(plain)) > 0:
			return wrong // 2A, C + 1, not C
		}
		return unsure
	}
	if content, ok := lastBox(output); ok {
		return short(writeAlike(content))
	}
	if at := answerPhrases.FindAllStringIndex(output, -1); at != nil {
		after := strip(output[at[len(at)-1][1]:])
		line, _, _ := strings.Cut(after, "\n")
		if plain := writeAlike(sentence(line)); utf8.RuneCountInString(plain) <= 8 {
			if verdict := short(plain); verdict != unsure {
				return verdict
			}
		}
		if m := fiveLetters.leading.FindStringSubmatch(writeAlike(after)); m != nil {
			return judge(m[1])
		}
	}
	if _, after, ok := strings.Cut(output, "final answer is $"); ok {
		if answer, _, ok := strings.Cut(after, "$. I hope"); ok {
			plain := writeAlike(answer)
			if m := fiveLetters.only.FindStringSubmatch(plain); m != nil &&
				!fiveLetters.two.MatchString(plain) {
				return judge(m[1])
			}
			return wrong
		}
	}
	if len(choiceLetters(strings.ReplaceAll(fold(output), "a", ""))) == 0 {
		return wrong // nothing but the article
	}
	return unsure
}
