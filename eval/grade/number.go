package grade

import (
	"math"
	"strconv"
	"strings"
)

// parseFloat reads s as Python's float() would: digits of any script,
// surrounding white space, single underscores between digits, inf and nan.
func parseFloat(s string) (float64, bool) {
	s = asciiDigits(strip(s))
	if s == "" {
		return 0, false
	}
	unsigned := strings.ToLower(strings.TrimLeft(s, "+-"))
	switch unsigned {
	case "inf", "infinity", "nan":
	default:
		for i := range len(unsigned) {
			c := unsigned[i]
			switch {
			case isDigit(c), c == '.', c == 'e', c == '+', c == '-':
			case c == '_' && i > 0 && i+1 < len(unsigned) && isDigit(unsigned[i-1]) && isDigit(unsigned[i+1]):
			default:
				return 0, false
			}
		}
		s = strings.ReplaceAll(s, "_", "")
	}
	value, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(value, 0) { // out of range is ±Inf, as in Python
		return 0, false
	}
	return value, true
}

// isDigit reports whether c is an ASCII digit.
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// parseDigits reads a number with thousands commas or a percent sign; a
// percentage counts as a hundredth.
func parseDigits(s string) (float64, bool) {
	s = strings.ReplaceAll(s, ",", "")
	if value, ok := parseFloat(s); ok {
		return value, true
	}
	if body, ok := strings.CutSuffix(s, "%"); ok {
		value, ok := parseFloat(strings.TrimSuffix(body, `\`))
		return value / 100, ok
	}
	return 0, false
}

// relativeTolerance is the reference's: 27.001 passes for 27.
const relativeTolerance = 1e-4

// numericEqual is Python's math.isclose with the reference's tolerance.
func numericEqual(a, b float64) bool {
	if a == b {
		return true
	}
	if math.IsInf(a, 0) || math.IsInf(b, 0) || math.IsNaN(a) || math.IsNaN(b) {
		return false
	}
	return math.Abs(a-b) <= relativeTolerance*math.Max(math.Abs(a), math.Abs(b))
}

// percentEqual compares numbers and lets either be the other in percent: the
// reference accepts 0.27 and 2700 for 27.
func percentEqual(prediction, reference float64) bool {
	return numericEqual(prediction, reference/100) ||
		numericEqual(prediction, reference) ||
		numericEqual(prediction, reference*100)
}

// formatFloat writes a float as Python's repr does.
func formatFloat(v float64) string {
	if magnitude := math.Abs(v); magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e16) {
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
