package answer

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"
)

// Integer is a whole number, Number any number. Thousands separators are taken out of
// references.
var (
	Integer = Register(mathematics{name: "integer", read: readNumber("whole number", true)})
	Number  = Register(mathematics{name: "number", read: readNumber("number", false)})
)

// numeral is a number as answers have it; its exponent is short, since what it
// stands for is written out when it is compared.
var numeral = regexp.MustCompile(`^[+-]?(\d+(\.\d*)?([eE][+-]?\d{1,3})?|\.\d+|\d+/\d+)$`)

func readNumber(what string, whole bool) *reading {
	read := reading(func(reference string) (string, error) {
		number := strings.ReplaceAll(strings.TrimSpace(reference), ",", "")
		value, ok := new(big.Rat), len(number) < 1000 && numeral.MatchString(number)
		if ok {
			_, ok = value.SetString(number)
		}
		if !ok || whole && !value.IsInt() {
			return "", fmt.Errorf("answer is %.60q: expected a %s", reference, what)
		}
		return number, nil
	})
	return &read
}
