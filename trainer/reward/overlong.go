package reward

// Overlong is DAPO's soft punishment of long completions (Yu et al., "DAPO",
// Eq. 13): nothing up to most-buffer tokens, then falling linearly to -penalty at
// most tokens. buffer 0 is off.
func Overlong(tokens, most, buffer int, penalty float64) float64 {
	over := tokens - (most - buffer)
	if buffer <= 0 || over <= 0 {
		return 0
	}
	return -min(float64(over)/float64(buffer), 1) * penalty
}
