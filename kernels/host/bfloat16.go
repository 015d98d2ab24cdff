package host

import "math"

// widen turns bfloat16 bits into float32.
func widen(dst []float32, src []uint16) {
	for i, v := range src {
		dst[i] = math.Float32frombits(uint32(v) << 16)
	}
}

// narrow rounds to bfloat16, ties to even; NaN stays NaN.
func narrow(dst []uint16, src []float32) {
	for i, v := range src {
		dst[i] = bfloat16Bits(v)
	}
}

// bfloat16Bits rounds one number as narrow does.
func bfloat16Bits(v float32) uint16 {
	b := math.Float32bits(v)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}
