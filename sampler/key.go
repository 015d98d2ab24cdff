package sampler

// Key names one draw. The generator is counter-based: equal keys draw equal
// numbers, whatever was drawn before, in whatever order, on whatever machine.
type Key struct {
	Seed     uint64
	Prompt   uint64 // which prompt
	Sample   uint32 // which of its samples
	Position uint32 // which token of the sequence
}

// SplitMix64: the step of its counter, and the factors of its finaliser.
const (
	golden  = 0x9e3779b97f4a7c15
	factor1 = 0xbf58476d1ce4e5b9
	factor2 = 0x94d049bb133111eb
)

// noise is the random numbers of one draw, one for each token and, with negative
// numbers, for each block of them.
type noise uint64

// noise returns the key's numbers. Each word is absorbed by a full round of
// SplitMix64's finaliser, a bijection.
func (k Key) noise() noise {
	h := mix(k.Seed)
	h = mix(h ^ k.Prompt)
	return noise(mix(h ^ (uint64(k.Sample)<<32 | uint64(k.Position))))
}

// uniform is the number of a token, in (0, 1): SplitMix64 started at the noise.
func (n noise) uniform(token int32) float64 {
	h := mix(uint64(n) + uint64(token)*golden)
	return (float64(h>>11) + 0.5) / (1 << 53)
}

// mix is the finaliser of SplitMix64.
func mix(x uint64) uint64 {
	x += golden
	x = (x ^ x>>30) * factor1
	x = (x ^ x>>27) * factor2
	return x ^ x>>31
}
