package grade

import (
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/eval/language"
)

// TestWrittenNumbers: the strict grader reads a number as each language of the study writes
// it, in the digits and with the separators that its entry names.
func TestWrittenNumbers(t *testing.T) {
	want := big.NewRat(12345675, 10)
	for _, code := range language.Study() {
		l := language.Builtin().Lookup(code)
		digits := []rune("0123456789")
		if l.Digits != "" {
			digits = []rune(l.Digits)
		}
		written := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return digits[r-'0']
			}
			return r
		}, "1"+l.Grouping+"234"+l.Grouping+"567"+l.Decimal+"5")
		values, _ := readDecimal(fold(written))
		if !slices.ContainsFunc(values, func(v *big.Rat) bool { return v.Cmp(want) == 0 }) {
			t.Errorf("%s: %s is read as %v", code, written, values)
		}
		if l.Scripts[0] != "Latin" && writesPoint("5 "+l.Native) != (l.Decimal == ".") {
			t.Errorf("%s: decimal points %v, want %q", code, writesPoint("5 "+l.Native), l.Decimal)
		}
	}
	for code := range lexicons {
		if code != "" && !slices.Contains(language.Study(), code) {
			t.Errorf("words to grade by of %s, which is not in the study", code)
		}
	}
}
