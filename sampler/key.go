package sampler

import "github.com/stele-lm/stele/internal/splitmix"

// Key names one draw. The generator is counter-based: equal keys draw equal
// numbers, whatever was drawn before, in whatever order, on whatever machine.
type Key struct {
	Seed     uint64
	Prompt   uint64 // which prompt
	Sample   uint32 // which of its samples
	Position uint32 // which token of the sequence
}

// noise stands for the random numbers of one draw: one for each token's id and, with negative
// ids, for each block of tokens.
type noise uint64

// noise returns the key's numbers. Each word is absorbed by a step of SplitMix64, a
// bijection.
func (k Key) noise() noise {
	h := splitmix.Mix(k.Seed)
	h = splitmix.Mix(h ^ k.Prompt)
	return noise(splitmix.Mix(h ^ (uint64(k.Sample)<<32 | uint64(k.Position))))
}

// uniform returns the number of an id, in (0, 1): SplitMix64 started at the noise.
func (n noise) uniform(id int32) float64 {
	h := splitmix.Mix(uint64(n) + uint64(id)*splitmix.Gamma)
	return (float64(h>>11) + 0.5) / (1 << 53)
}
