package sampler

// Key names one draw. The generator is counter-based: equal keys draw equal
// numbers, whatever was drawn before, in whatever order, on whatever machine.
type Key struct {
	Seed     uint64
	Prompt   uint64 // which prompt
	Sample   uint32 // which of its samples
	Position uint32 // which token of the sequence
}

// Uniform returns the key's number in [0, 1), with 53 random bits.
func (k Key) Uniform() float64 {
	// Each word is absorbed by a full round of SplitMix64's finaliser, a bijection
	// that passes BigCrush as a counter-based generator.
	h := mix(k.Seed)
	h = mix(h ^ k.Prompt)
	h = mix(h ^ (uint64(k.Sample)<<32 | uint64(k.Position)))
	return float64(h>>11) / (1 << 53)
}

func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
