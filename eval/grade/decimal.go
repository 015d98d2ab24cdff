package grade

import (
	"math/big"
	"regexp"
	"strings"
	"sync"
	"unicode"

	"github.com/stele-lm/stele/eval/language"
)

// Numbers in digits as the eleven languages write them.
var (
	thousands = regexp.MustCompile(`^-?[1-9]\d{0,2}(?:(?:,\d{3})+|(?: \d{3})+|(?:\.\d{3})+` +
		`|(?:'\d{3})+|(?:_\d{3})+)$`)
	thousandsTail  = regexp.MustCompile(`^-?[1-9]\d{0,2}(?:(?:,\d{3})+|(?: \d{3})+|(?:'\d{3})+)\.\d+$`)
	commaTail      = regexp.MustCompile(`^-?[1-9]\d{0,2}(?:(?:\.\d{3})+|(?: \d{3})+|(?:'\d{3})+),\d+$`)
	indianNumber   = regexp.MustCompile(`^-?[1-9]\d?(?:,\d{2})+,\d{3}(?:\.\d+)?$`)
	commaDecimal   = regexp.MustCompile(`^-?\d+,\d+$`)
	decimalPattern = regexp.MustCompile(`^-?\d*\.(\d+)(?:e[+-]?\d+)?$`)
	sciencePattern = regexp.MustCompile(`^-?\d+(?:\.\d+)?[eE][+-]?\d+$`)
	wholePattern   = regexp.MustCompile(`^-?\d+$`)
	repeating      = regexp.MustCompile(`^(-?)(\d*)[.,](\d*?)(?:\\(?:overline|bar) ?\{(\d+)\}|\((\d+)\)` +
		`|\\(?:overline|bar) ?(\d)|\\dot ?\{?(\d)\}?(?:(\d*)\\dot ?\{?(\d)\}?)?|\[(\d+)\])(?:\.\.\.)?$`)
)

// readDecimal reads a number that is nothing but digits and separators: its values, of
// which there are two for 1.250, and how many decimals it has, or -1 for a whole number.
func readDecimal(s string) (values []*big.Rat, decimals int) {
	var readings []string
	decimals = -1
	switch {
	case thousands.MatchString(s):
		readings = []string{strings.NewReplacer(",", "", " ", "", ".", "", "'", "", "_", "").Replace(s)}
		if strings.Count(s, ".") == 1 {
			readings = append(readings, s)
		}
	case thousandsTail.MatchString(s), indianNumber.MatchString(s):
		readings = []string{strings.NewReplacer(",", "", " ", "", "'", "").Replace(s)}
	case commaTail.MatchString(s):
		readings = []string{strings.NewReplacer(".", "", " ", "", "'", "", ",", ".").Replace(s)}
	case commaDecimal.MatchString(s):
		readings = []string{strings.Replace(s, ",", ".", 1)}
	case decimalPattern.MatchString(s):
		decimals = len(decimalPattern.FindStringSubmatch(s)[1])
		readings = []string{s}
	case sciencePattern.MatchString(s), wholePattern.MatchString(s):
		readings = []string{s}
	}
	for _, reading := range readings {
		if len(reading) >= 500 {
			continue
		}
		if value, ok := parseRational(strings.TrimSuffix(reading, "."), &budget{left: 1000}); ok {
			values = append(values, value)
		}
	}
	return values, decimals
}

// ambiguous is a number whose separator may stand before thousands or decimals.
var ambiguous = regexp.MustCompile(`^-?[1-9]\d{0,2}[,.]\d{3}$`)

// readPoint takes a reference such as 1.234 for the decimal that it is in the benchmarks'
// notation. Predictions may mean thousands.
func (a *answer) readPoint() {
	for _, item := range a.items {
		item.readPoint()
	}
	if len(a.values) == 2 && ambiguous.MatchString(a.text) && strings.Contains(a.text, ".") {
		a.values, a.decimals = a.values[1:], 3
	}
}

// allowComma lets a prediction such as 1,234 be a decimal, where its language may have
// decimal commas and the reference is one.
func (a *answer) allowComma(reference string, pointed bool) {
	if pointed || strings.Replace(a.text, ",", ".", 1) != reference || !ambiguous.MatchString(a.text) {
		return
	}
	if value, ok := parseRational(strings.Replace(a.text, ",", ".", 1), &budget{left: 1000}); ok {
		a.values = append(a.values, rational(value))
	}
}

// hasNativeDigits reports whether a text has digits of another script: Bengali, Telugu and
// Thai numbers have decimal points.
func hasNativeDigits(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return r >= 0x80 && r < 0xff00 && digitValue(r) >= 0
	}) >= 0
}

// pointScripts are the scripts of the study's languages that write decimal points; in Latin
// script some of them do and some do not.
var pointScripts = sync.OnceValue(func() (tables []*unicode.RangeTable) {
	for _, code := range language.Study() {
		if l := language.Builtin().Lookup(code); l.Decimal == "." && l.Scripts[0] != "Latin" {
			tables = append(tables, l.Tables()...)
		}
	}
	return tables
})

// writesPoint reports whether an output is in a language that writes decimal points, by
// its script or, of English and Swahili, its frequent words.
func writesPoint(output string) bool {
	const longest = 4_000
	output = strings.ToLower(output[max(0, len(output)-longest):])
	scripts := pointScripts()
	if strings.IndexFunc(output, func(r rune) bool { return r >= 0x80 && unicode.In(r, scripts...) }) >= 0 {
		return true
	}
	for word := range strings.FieldsSeq(output) {
		switch strings.Trim(word, ".,:;") {
		case "the", "is", "of", "ni", "ya", "kwa":
			return true
		}
	}
	return false
}

// repeatingDecimal reads 0.1\overline{6}, 0,1(6), 0.\dot{3}, 0.\dot{1}4\dot{2} and
// 0.1666...
func repeatingDecimal(s string) (*big.Rat, bool) {
	var whole, fixed, cycle string
	s = strings.NewReplacer(`}\bar{`, "", `}\overline{`, "").Replace(s)
	if m := repeating.FindStringSubmatch(s); m != nil {
		whole, fixed, cycle = m[1]+m[2], m[3], strings.Join(m[4:], "")
	} else {
		s = strings.Replace(s, ",", ".", 1)
		digits, ok := strings.CutSuffix(s, "...")
		decimals := digits[strings.Index(digits, ".")+1:]
		if !ok || len(decimals) < 3 || len(decimals) == len(digits) ||
			digitsEnd(decimals, 0) != len(decimals) {
			return nil, false
		}
		whole, cycle = digits[:len(digits)-len(decimals)-1], repeatedEnd(decimals)
		if cycle == "" {
			return nil, false
		}
		fixed = decimals
		for strings.HasSuffix(fixed, cycle) {
			fixed = strings.TrimSuffix(fixed, cycle)
		}
	}
	if len(fixed)+len(cycle) > 100 {
		return nil, false
	}
	// x.fc with cycle c is x.f plus c / (10^|c| - 1) / 10^|f|.
	value, ok := new(big.Rat).SetString(strings.TrimPrefix(whole, "-") + "." + fixed + "0")
	if !ok {
		if value, ok = new(big.Rat).SetString("0." + fixed + "0"); !ok {
			return nil, false
		}
	}
	nines, _ := new(big.Int).SetString(strings.Repeat("9", len(cycle))+strings.Repeat("0", len(fixed)), 10)
	digits, _ := new(big.Int).SetString(cycle, 10)
	value.Add(value, new(big.Rat).SetFrac(digits, nines))
	if strings.HasPrefix(whole, "-") {
		value.Neg(value)
	}
	return value, true
}

// repeatedEnd returns the digit that the decimals end with twice, or the group of at most
// six digits that they are repetitions of, else "".
func repeatedEnd(decimals string) string {
	if n := len(decimals); decimals[n-1] == decimals[n-2] {
		return decimals[n-1:]
	}
	for length := 2; length <= 6 && 2*length <= len(decimals); length++ {
		if cycle := decimals[:length]; strings.HasPrefix(strings.Repeat(cycle, len(decimals)/length+1),
			decimals) {
			// Begun again in the middle, it goes on from there.
			rest := len(decimals) % length
			return cycle[rest:] + cycle[:rest]
		}
	}
	return ""
}
