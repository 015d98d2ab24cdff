package op

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Noise returns pseudo-random uint32 numbers in the shape of x that depend on key, a
// uint32 scalar, and on an element's index alone: Murmur3's finaliser of
// index·2654435769 + key.
func Noise(x, key *Node) *Node {
	shape := x.Shape().Clone()
	shape.DType = dtypes.Uint32
	flat := shape.Clone()
	flat.Dimensions = []int{shape.Size()}
	h := Add(MulScalar(Iota(x.Graph(), flat, 0), uint32(noiseStep)), key)
	h = BitwiseXor(h, BitwiseShiftRightLogicalScalar(h, uint32(16)))
	h = MulScalar(h, uint32(0x85ebca6b))
	h = BitwiseXor(h, BitwiseShiftRightLogicalScalar(h, uint32(13)))
	h = MulScalar(h, uint32(0xc2b2ae35))
	h = BitwiseXor(h, BitwiseShiftRightLogicalScalar(h, uint32(16)))
	return Reshape(h, shape.Dimensions...)
}

// noiseStep is what the key of an element's noise has more than that of the one before.
const noiseStep = 2654435769

// NoiseFrom is what to add to a key for the noise of a tensor's elements from number n on.
func NoiseFrom(n int) uint32 { return uint32(uint64(n) * noiseStep) }

// Dither rounds x, float32, to bfloat16, up or down with the probability that keeps
// its mean, by 16 of the bits of noise, uint32 of x's shape. A sum of many small
// steps then moves on where rounding to nearest would leave it standing.
func Dither(x, noise *Node) *Node {
	bits := Bitcast(x, dtypes.Uint32)
	bits = Add(bits, BitwiseShiftRightLogicalScalar(noise, uint32(16)))
	bits = BitwiseAnd(bits, Scalar(x.Graph(), dtypes.Uint32, uint32(0xffff0000)))
	return ConvertDType(Bitcast(bits, dtypes.Float32), dtypes.BFloat16)
}
