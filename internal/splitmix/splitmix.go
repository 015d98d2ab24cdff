// Package splitmix mixes 64-bit words: counter-based random numbers that depend on their
// key alone (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators").
package splitmix

// Gamma is the step of SplitMix64's counter; Factor1 and Factor2 are what its finaliser
// multiplies by.
const (
	Gamma   uint64 = 0x9e3779b97f4a7c15
	Factor1 uint64 = 0xbf58476d1ce4e5b9
	Factor2 uint64 = 0x94d049bb133111eb
)

// Mix is one step of SplitMix64, a bijection: the counter's increment and the finaliser.
func Mix(x uint64) uint64 { return Finalise(x + Gamma) }

// Uniform returns the number in [0, 1) that the upper 53 bits of a mixed word make.
func Uniform(x uint64) float64 { return float64(x>>11) / (1 << 53) }

// Finalise is the finaliser alone, a bijection that leaves 0 where it is.
func Finalise(x uint64) uint64 {
	x = (x ^ x>>30) * Factor1
	x = (x ^ x>>27) * Factor2
	return x ^ x>>31
}
