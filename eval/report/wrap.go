package report

import "strings"

// wrapped breaks a text into lines of a width, at its spaces; none of an empty text.
func wrapped(s string, width, size float64, bold bool) []string {
	var lines []string
	for _, word := range strings.Fields(s) {
		if n := len(lines); n > 0 && widthAt(lines[n-1]+" "+word, size, bold) <= width {
			lines[n-1] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}

// cut shortens a label to a width.
func cut(s string, width float64) string {
	if textWidth(s) <= width {
		return s
	}
	r := []rune(s)
	for len(r) > 1 && textWidth(string(r)+"…") > width {
		r = r[:len(r)-1]
	}
	return string(r) + "…"
}
