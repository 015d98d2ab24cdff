package metric

// Indicator returns 1 where a condition holds and 0 where it does not.
func Indicator(ok bool) float64 {
	if ok {
		return 1
	}
	return 0
}
