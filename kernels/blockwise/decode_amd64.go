//go:build goexperiment.simd && !purego

package blockwise

import (
	"simd/archsimd"
	"unsafe"

	"github.com/stele-lm/stele/kernels/isa"
)

// vector says that the instructions of AVX2 may be used.
var vector = isa.InForce() >= isa.AVX2

type (
	f32x8 = archsimd.Float32x8
	u32x8 = archsimd.Uint32x8
)

// Shifts that bring codes of NF4 into the lower bits of their lanes: of eight in a word, the earlier of two
// in a byte being in its upper half, and of the first and the last four of each word of two.
var (
	wordShifts  = [8]uint32{4, 0, 12, 8, 20, 16, 28, 24}
	firstShifts = [8]uint32{4, 0, 12, 8, 4, 0, 12, 8}
	lastShifts  = [8]uint32{20, 16, 28, 24, 20, 16, 28, 24}
	eachWord    = [8]uint32{0, 0, 0, 0, 1, 1, 1, 1}
)

// nf4Lanes is the values of NF4 times a block's largest magnitude.
type nf4Lanes struct{ low, high f32x8 }

func newNF4Lanes(absmax float32, rounded bool) nf4Lanes {
	scale := archsimd.BroadcastFloat32x8(absmax)
	low := archsimd.LoadFloat32x8((*[8]float32)(NF4Values[:8])).Mul(scale)
	high := archsimd.LoadFloat32x8((*[8]float32)(NF4Values[8:])).Mul(scale)
	if rounded {
		low, high = roundLanes(low), roundLanes(high)
	}
	return nf4Lanes{low, high}
}

// look returns the values of codes, of which the lower four bits count.
func (v nf4Lanes) look(codes u32x8) f32x8 {
	upper := codes.ShiftAllLeft(28).AsInt32x8().Less(archsimd.Int32x8{})
	return v.high.Permute(codes).Merge(v.low.Permute(codes), upper)
}

// roundLanes rounds to bfloat16, ties to even.
func roundLanes(x f32x8) f32x8 {
	bits := x.AsUint32x8()
	odd := bits.ShiftAllRight(16).And(archsimd.BroadcastUint32x8(1))
	bits = bits.Add(archsimd.BroadcastUint32x8(0x7fff)).Add(odd)
	return bits.And(archsimd.BroadcastUint32x8(0xffff0000)).AsFloat32x8()
}

// int8Lanes returns eight numbers of Int8's codes.
func int8Lanes(codes *byte, scale f32x8, rounded bool) f32x8 {
	eight := archsimd.BroadcastUint64x2(*(*uint64)(unsafe.Pointer(codes))).AsUint8x16().ExtendLo8ToUint32()
	x := eight.AsInt32x8().Sub(archsimd.BroadcastInt32x8(Zero)).ConvertToFloat32().Mul(scale)
	if rounded {
		return roundLanes(x)
	}
	return x
}

// decodeWhole decodes the codes of a whole block, and reports whether it could.
func (t *Tensor) decodeWhole(dst *[Block]float32, codes []byte, absmax float32) bool {
	if !vector {
		return false
	}
	_ = codes[t.BlockBytes()-1]
	if t.Code == Int8 {
		scale := archsimd.BroadcastFloat32x8(absmax * Part)
		for i := 0; i < Block; i += 8 {
			int8Lanes(&codes[i], scale, t.Rounded).Store((*[8]float32)(dst[i:]))
		}
	} else {
		values, shifts := newNF4Lanes(absmax, t.Rounded), archsimd.LoadUint32x8(&wordShifts)
		for i := 0; i < Block; i += 8 {
			word := archsimd.BroadcastUint32x8(*(*uint32)(unsafe.Pointer(&codes[i/2])))
			values.look(word.ShiftRight(shifts)).Store((*[8]float32)(dst[i:]))
		}
	}
	archsimd.ClearAVXUpperBits()
	return true
}

// decodeWholeBFloat16 is decodeWhole to bfloat16.
func (t *Tensor) decodeWholeBFloat16(dst *[Block]uint16, codes []byte, absmax float32) bool {
	if !vector {
		return false
	}
	_ = codes[t.BlockBytes()-1]
	// pack stores 16 numbers, of which a has the first and the third four.
	pack := func(i int, a, b f32x8) {
		upper := func(x f32x8) archsimd.Int32x8 { return x.AsUint32x8().ShiftAllRight(16).AsInt32x8() }
		upper(a).SaturateToUint16ConcatGrouped(upper(b)).Store((*[16]uint16)(dst[i:]))
	}
	if t.Code == Int8 {
		scale := archsimd.BroadcastFloat32x8(absmax * Part)
		for i := 0; i < Block; i += 16 {
			x, y := int8Lanes(&codes[i], scale, true), int8Lanes(&codes[i+8], scale, true)
			pack(i, x.SetHi(y.GetLo()), y.SetLo(x.GetHi()))
		}
	} else {
		values, words := newNF4Lanes(absmax, true), archsimd.LoadUint32x8(&eachWord)
		first, last := archsimd.LoadUint32x8(&firstShifts), archsimd.LoadUint32x8(&lastShifts)
		for i := 0; i < Block; i += 16 {
			two := archsimd.BroadcastUint64x4(*(*uint64)(unsafe.Pointer(&codes[i/2]))).AsUint32x8().Permute(words)
			pack(i, values.look(two.ShiftRight(first)), values.look(two.ShiftRight(last)))
		}
	}
	archsimd.ClearAVXUpperBits()
	return true
}
