package grade

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// currencySigns are signs that are dropped before an answer is read. The sign of yen and
// yuan is the same.
var currencySigns = []struct{ sign, name string }{
	{`\$`, "dollar"}, {"€", "euro"}, {"£", "pound"}, {"₹", "rupee"}, {"৳", "taka"}, {"₽", "ruble"},
	{"฿", "baht"},
}

// currency names the money that an answer is in, or is "" where it names none. Cents are
// apart from dollars.
func currency(s string) string {
	for _, money := range currencySigns {
		if strings.Contains(s, money.sign) {
			return money.name
		}
	}
	for i := range s {
		before, _ := utf8.DecodeLastRuneInString(s[:i])
		if unicode.IsMark(firstRune(s[i:])) || unicode.IsLetter(before) && !isUnspaced(before) {
			continue
		}
		word := longestWord(s[i:], func(word string) bool {
			if words.currencies[word] == "" {
				return words.units[word] == "cent"
			}
			return utf8.RuneCountInString(word) > 2 || isUnspaced(firstRune(word))
		})
		if word = strings.ToLower(word); word != "" {
			if name := words.currencies[word]; name != "" {
				return name
			}
			return "cent"
		}
	}
	return ""
}
