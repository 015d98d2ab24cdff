// Package float16 widens numbers of 16 bits, binary16 (half) and bfloat16, to float32 and rounds to them.
package float16

import "math"

// FromHalf widens a half.
func FromHalf(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exponent, fraction := uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch exponent {
	case 0: // zero or subnormal: fraction · 2^-24
		v := float32(fraction) / (1 << 24)
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}

// ToHalf rounds to nearest, ties to even.
func ToHalf(v float32) uint16 {
	b := math.Float32bits(v)
	sign := uint16(b >> 16 & 0x8000)
	switch abs := b & 0x7fffffff; {
	case abs > 0x7f800000:
		return sign | 0x7e00
	case abs >= 0x477ff000: // 65520 and above round to infinity
		return sign | 0x7c00
	case abs < 0x38800000: // below 2^-14: subnormal, in units of 2^-24
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(abs))*(1<<24)))
	default:
		rounded := abs + 0xfff + abs>>13&1
		return sign | uint16(rounded>>13-112<<10)
	}
}

// FromBFloat widens a bfloat16.
func FromBFloat(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// ToBFloat rounds to nearest, ties to even.
func ToBFloat(v float32) uint16 {
	b := math.Float32bits(v)
	if v != v {
		return uint16(b>>16) | 0x40 // keep it a NaN whatever bits are cut
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}
