package grade

import (
	"strings"
	"unicode/utf8"
)

// units are the words that the reference takes for units and removes, in its
// order, which matters: a removal can expose the next. Most come from MathQA,
// fragments and misprints included; a full stop inside one stands for any
// character, because the reference uses the words as regular expressions.
var units = func() []string {
	list := strings.Split("east|degree|mph|kmph|ft|m sqaure| m east|sq m|deg|mile|"+
		"q .|monkey|prime|ratio|profit of rs|rd|o|gm|p . m|lb|tile|per|dm|lt|gain|"+
		"ab|way|west|a .|b .|c .|d .|e .|f .|g .|h .|t|a|h|no change|men|soldier|"+
		"pie|bc|excess|st|inches|noon|percent|by|gal|kmh|c|acre|rise|a . m|th|"+
		"π r 2|sq|mark|l|toy|coin|sq . m|gallon|° f|profit|minw|yr|women|feet|am|"+
		"pm|hr|cu cm|square|v â € ™|are|rupee|rounds|cubic|cc|mtr|s|ohm|number|"+
		"kmph|day|hour|minute|min|second|man|woman|sec|cube|mt|sq inch|mp|∏ cm ³|"+
		"hectare|more|sec|unit|cu . m|cm 2|rs .|rs|kg|g|month|km|m|cm|mm|apple|"+
		"liter|loss|yard|pure|year|increase|decrease|d|less|Surface|litre|pi sq m|"+
		"s .|metre|meter|inch", "|")
	for _, unit := range list {
		list = append(list, unit+"s")
	}
	return list
}()

// removeUnits removes, twice over, every unit that stands between characters
// that are not letters, digits or underscores. A text that is nothing but a
// unit is left alone.
func removeUnits(s string) string {
	for range 2 {
		for _, unit := range units {
			if removed := removeUnit(s, unit); removed != "" {
				s = removed
			}
		}
	}
	return s
}

// removeUnit removes one unit. A match uses up the characters on its both
// sides, so that of "m m" only the first m goes.
func removeUnit(s, unit string) string {
	stem, _, _ := strings.Cut(unit, ".")
	if !strings.Contains(s, stem) {
		return s
	}
	var out strings.Builder
	copied, used := 0, 0 // how far s is copied to out, how far matches reach
	for from := 0; ; {
		found := strings.Index(s[from:], stem)
		if found < 0 {
			break
		}
		at := from + found
		from = at + 1
		before, width := utf8.DecodeLastRuneInString(s[used:at])
		if at > 0 && (width == 0 || isWord(before)) {
			continue
		}
		length, ok := matchUnit(s[at:], unit)
		end := at + length
		after, width := utf8.DecodeRuneInString(s[end:])
		if !ok || (width > 0 && isWord(after)) {
			continue
		}
		out.WriteString(s[copied:at])
		copied, used = end, end+width
		from = used
	}
	out.WriteString(s[copied:])
	return out.String()
}

// matchUnit matches unit at the start of s, a full stop matching any one
// character, and returns the matched length in bytes.
func matchUnit(s, unit string) (int, bool) {
	at := 0
	for _, want := range unit {
		got, width := utf8.DecodeRuneInString(s[at:])
		if width == 0 || (want != '.' && got != want) || got == '\n' {
			return at, false
		}
		at += width
	}
	return at, true
}
