package grade

import (
	"math/big"
	"strconv"
	"strings"
)

// chineseDigits are the digits of Chinese and Japanese numerals above zero.
var chineseDigits = map[rune]int64{
	'一': 1, '二': 2, '两': 2, '兩': 2, '三': 3, '四': 4, '五': 5, '六': 6, '七': 7, '八': 8, '九': 9,
	'十': 10, '百': 100, '千': 1_000, '万': 10_000, '萬': 10_000, '亿': 100_000_000, '億': 100_000_000,
}

// chineseSigns stand before a negative numeral.
var chineseSigns = []string{"-", "负", "負", "マイナス"}

// parseChinese reads a numeral such as 三百二十一, or a fraction such as
// 二分之一, with an optional sign.
func parseChinese(s string) (*big.Rat, bool) {
	for _, sign := range chineseSigns {
		if rest, ok := strings.CutPrefix(s, sign); ok {
			value, ok := parseChinese(rest)
			if !ok {
				return nil, false
			}
			return value.Neg(value), true
		}
	}
	for _, and := range []string{"又", "と"} { // 一又二分之一
		if whole, part, ok := strings.Cut(s, and); ok && strings.Contains(part, "分") {
			n, okN := chineseInteger(strip(whole))
			value, ok := parseChinese(strip(part))
			if !okN || !ok {
				return nil, false
			}
			return value.Add(value, big.NewRat(n, 1)), true
		}
	}
	if bottom, top, ok := strings.Cut(strings.Replace(s, "分の", "分之", 1), "分之"); ok {
		bottom, top = strip(bottom), strip(top)
		d, okD := chineseInteger(bottom)
		n, okN := chineseInteger(top)
		if !okD || !okN || d == 0 {
			return nil, false
		}
		return big.NewRat(n, d), true
	}
	n, ok := chineseInteger(s)
	return big.NewRat(n, 1), ok
}

// chineseInteger adds up the digits, their units (ten to thousand), and the
// groups of four places.
func chineseInteger(s string) (int64, bool) {
	const limit = 1 << 40
	var total, group, digit, largest int64
	if s == "" {
		return 0, false
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 && n < limit {
		return n, true
	}
	for _, r := range s {
		value := chineseDigits[r]
		switch {
		case r == '零' || r == '〇':
		case value == 0:
			return 0, false
		case value < 10:
			if digit != 0 {
				return 0, false
			}
			digit = value
		case value < 10_000:
			group += max(digit, 1) * value
			digit = 0
		default:
			if value > largest { // 一万亿
				total, largest = (total+group+digit)*value, value
			} else { // 一亿两千万
				total += (group + digit) * value
			}
			group, digit = 0, 0
		}
		if total > limit {
			return 0, false
		}
	}
	return total + group + digit, true
}

// lastChinese returns the last numeral in the text.
func lastChinese(s string) string {
	inNumeral := func(r rune) bool {
		return chineseDigits[r] != 0 || r == '零' || r == '〇' || r == '分' || r == '之'
	}
	fields := strings.FieldsFunc(s, func(r rune) bool { return !inNumeral(r) })
	for i := len(fields) - 1; i >= 0; i-- {
		if _, ok := parseChinese(fields[i]); ok {
			return fields[i]
		}
	}
	return ""
}
