package gguf

import (
	"encoding/binary"
	"math"

	"github.com/stele-lm/stele/internal/float16"
)

// The functions here decode one block, in the arithmetic of gguf's quants.py: every product and every
// difference is rounded to float32, which the conversions ask Go for. Offsets of fields are those of
// ggml-common.h's structures.

func decodeF32(dst []float32, b []byte) { dst[0] = math.Float32frombits(binary.LittleEndian.Uint32(b)) }

func decodeF16(dst []float32, b []byte) { dst[0] = half(b) }

func decodeBF16(dst []float32, b []byte) {
	dst[0] = float16.FromBFloat(binary.LittleEndian.Uint16(b))
}

// half reads a number of 16 bits.
func half(b []byte) float32 { return float16.FromHalf(binary.LittleEndian.Uint16(b)) }

// nibble returns element i of 32: elements 0 to 15 are the lower halves of 16 bytes, the others the upper.
func nibble(codes []byte, i int) byte { return codes[i&15] >> (i >> 4 << 2) & 15 }

func decodeQ4_0(dst []float32, b []byte) {
	d := half(b)
	for i := range 32 {
		dst[i] = d * float32(int(nibble(b[2:], i))-8)
	}
}

func decodeQ4_1(dst []float32, b []byte) {
	d, least := half(b), half(b[2:])
	for i := range 32 {
		dst[i] = float32(d*float32(nibble(b[4:], i))) + least
	}
}

func decodeQ5_0(dst []float32, b []byte) {
	d, high := half(b), binary.LittleEndian.Uint32(b[2:])
	for i := range 32 {
		dst[i] = d * float32(int(nibble(b[6:], i))|int(high>>i&1)<<4-16)
	}
}

func decodeQ5_1(dst []float32, b []byte) {
	d, least, high := half(b), half(b[2:]), binary.LittleEndian.Uint32(b[4:])
	for i := range 32 {
		dst[i] = float32(d*float32(uint32(nibble(b[8:], i))|high>>i&1<<4)) + least
	}
}

func decodeQ8_0(dst []float32, b []byte) {
	d := half(b)
	for i := range 32 {
		dst[i] = float32(int8(b[2+i])) * d
	}
}

// pair returns element i of 256 that lie in 64 bytes, 2 bits each: in each half of them, one after another
// the lowest bits of 32 bytes, the next ones, and so on.
func pair(codes []byte, i int) byte { return codes[i>>7<<5|i&31] >> (i >> 5 & 3 << 1) & 3 }

func decodeQ2_K(dst []float32, b []byte) {
	scales, codes, d, least := b[:16], b[16:80], half(b[80:]), half(b[82:])
	for i := range 256 {
		s := scales[i>>4]
		scale, offset := float32(d*float32(s&15)), float32(least*float32(s>>4))
		dst[i] = float32(scale*float32(pair(codes, i))) - offset
	}
}

func decodeQ3_K(dst []float32, b []byte) {
	mask, codes, scales, d := b[:32], b[32:96], b[96:108], half(b[108:])
	for i := range 256 {
		k := i >> 4
		s := int(scales[k&7]>>(k>>3<<2)&15) | int(scales[8+k&3]>>(k>>2<<1)&3)<<4
		q := int(pair(codes, i))
		if mask[i&31]>>(i>>5)&1 == 0 {
			q -= 4
		}
		dst[i] = float32(d*float32(s-32)) * float32(q)
	}
}

// packedScale returns the scale and the offset, of 6 bits each, of 32 elements out of 256.
func packedScale(s []byte, k int) (scale, offset byte) {
	if k < 4 {
		return s[k] & 63, s[k+4] & 63
	}
	return s[k+4]&15 | s[k-4]>>6<<4, s[k+4]>>4 | s[k]>>6<<4
}

func decodeQ4_K(dst []float32, b []byte) {
	d, least, scales, codes := half(b), half(b[2:]), b[4:16], b[16:]
	for k := range 8 {
		s, m := packedScale(scales, k)
		scale, offset := float32(d*float32(s)), float32(least*float32(m))
		for i, c := range codes[k>>1<<5:][:32] {
			dst[k<<5|i] = float32(scale*float32(c>>(k&1<<2)&15)) - offset
		}
	}
}

func decodeQ5_K(dst []float32, b []byte) {
	d, least, scales, high, codes := half(b), half(b[2:]), b[4:16], b[16:48], b[48:]
	for k := range 8 {
		s, m := packedScale(scales, k)
		scale, offset := float32(d*float32(s)), float32(least*float32(m))
		for i, c := range codes[k>>1<<5:][:32] {
			q := c>>(k&1<<2)&15 | high[i]>>k&1<<4
			dst[k<<5|i] = float32(scale*float32(q)) - offset
		}
	}
}

func decodeQ6_K(dst []float32, b []byte) {
	low, high, scales, d := b[:128], b[128:192], b[192:208], half(b[208:])
	for k := range 16 {
		scale := float32(d * float32(int8(scales[k])))
		for i := k << 4; i < (k+1)<<4; i++ {
			q := low[i>>7<<6|i&63] >> (i >> 6 & 1 << 2) & 15
			q |= pair(high, i) << 4
			dst[i] = scale * float32(int(q)-32)
		}
	}
}
