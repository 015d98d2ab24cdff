package grade

import (
	"math/big"
	"slices"
	"strings"
)

// Measures in several units are one: 2 h 30 min, 5 feet 3 inches, 1 m 20 cm.

// scales are units that are counted together, with how many of the smallest each is.
var scales = []map[string]int64{
	{"wk": 604_800, "d": 86_400, "h": 3_600, "min": 60, "s": 1},
	{"yr": 12, "mo": 1},
	{"km": 1_000_000, "m": 1_000, "dm": 100, "cm": 10, "mm": 1},
	{"mi": 63_360, "yd": 36, "ft": 12, "in": 1},
	{"t": 1_000_000, "kg": 1_000, "g": 1},
	{"lb": 16, "oz": 1},
	{"L": 1_000, "ml": 1},
}

// readSeveral recognises a measure of at least two numbers with units of one scale, each
// smaller than the one before. Its values are in each of these units.
func (a *answer) readSeveral() bool {
	const longest = 200
	if len(a.text) > longest {
		return false
	}
	var scale map[string]int64
	var used []string
	total := new(big.Rat)
	for rest := a.text; rest != ""; {
		if len(used) > 0 {
			for _, and := range []string{`\land `, "and ", "und ", "et ", "y ", "na ", "и "} {
				rest = strip(strings.TrimPrefix(rest, and))
			}
		}
		isUnit := func(word string) bool { return words.unit(word) != "" }
		word := longestWord(rest, isUnit) // saa 2 na dakika 30
		rest = strings.TrimLeft(rest[len(word):], " ")
		number := literal.FindString(rest)
		values, _ := readDecimal(number)
		if len(values) != 1 {
			return false
		}
		rest = strings.TrimLeft(rest[len(number):], " ")
		if word == "" {
			word = longestWord(rest, isUnit)
			rest = strip(strings.TrimLeft(rest[len(word):], "."))
		}
		unit := words.unit(word)
		if scale == nil {
			if at := slices.IndexFunc(scales,
				func(scale map[string]int64) bool { return scale[unit] > 0 }); at >= 0 {
				scale = scales[at]
			}
		}
		size := scale[unit]
		if word == "" || size == 0 || len(used) > 0 && size >= scale[used[len(used)-1]] {
			return false
		}
		used = append(used, unit)
		total.Add(total, values[0].Mul(values[0], big.NewRat(size, 1)))
	}
	if len(used) < 2 {
		return false
	}
	for _, unit := range used {
		a.values = append(a.values, rational(new(big.Rat).Quo(total, big.NewRat(scale[unit], 1))))
	}
	a.unit = ""
	return true
}
