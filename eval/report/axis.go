package report

import (
	"math"
	"strconv"
	"strings"
)

// axis maps values to pixels and knows its ticks.
type axis struct {
	low, high float64 // values at the ends
	from, to  float64 // pixels at the ends
	ticks     []float64
	digits    int // behind the point
}

// newAxis spans at least low to high with about n ticks at round values.
func newAxis(low, high, from, to float64, n int) axis {
	// What differs by rounding alone is one value: steps so small would not move a tick.
	if largest := max(math.Abs(low), math.Abs(high)); !(high-low > 1e-9*largest) {
		low = (low + high) / 2
		high = low
		pad := math.Abs(low) / 10
		low, high = low-pad, low+pad
		if pad == 0 {
			high = 1 // nothing but zeros
		}
	}
	raw := (high - low) / float64(max(n, 1))
	power := math.Floor(math.Log10(raw))
	step := math.Pow(10, power)
	for _, k := range []float64{1, 2, 5, 10} {
		if k*math.Pow(10, power) >= raw*0.999 {
			step = k * math.Pow(10, power)
			if k == 10 {
				power++
			}
			break
		}
	}
	first, last := math.Floor(low/step+1e-9), math.Ceil(high/step-1e-9)
	a := axis{low: first * step, high: last * step, from: from, to: to, digits: max(0, -int(power))}
	for k := first; k <= last; k++ {
		a.ticks = append(a.ticks, k*step)
	}
	return a
}

func (a axis) at(x float64) float64 {
	return a.from + (x-a.low)/(a.high-a.low)*(a.to-a.from)
}

// label formats a tick; very small and large values are written with a power.
func (a axis) label(x float64) string {
	if math.Abs(x) < 1e-12*(a.high-a.low) {
		return "0"
	}
	if largest := max(math.Abs(a.low), math.Abs(a.high)); a.digits > 4 || largest >= 1e6 {
		// One power for all ticks, that of the largest.
		power := int(math.Floor(math.Log10(largest)))
		step := int(math.Floor(math.Log10(a.ticks[1]-a.ticks[0]) + 1e-9))
		if power == 0 {
			return fixed(x, max(0, -step))
		}
		return fixed(x/math.Pow10(power), max(0, power-step)) + "·10" + superscript(power)
	}
	return fixed(x, a.digits)
}

// fixed formats x with digits behind the point and a real minus sign.
func fixed(x float64, digits int) string {
	if math.IsNaN(x) {
		return unknown
	}
	s := strconv.FormatFloat(x, 'f', digits, 64)
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-")
	}
	return minus(s)
}

func minus(s string) string { return strings.Replace(s, "-", "−", 1) }

func superscript(n int) string {
	return strings.NewReplacer("-", "⁻", "0", "⁰", "1", "¹", "2", "²", "3", "³", "4", "⁴",
		"5", "⁵", "6", "⁶", "7", "⁷", "8", "⁸", "9", "⁹").Replace(strconv.Itoa(n))
}
