//go:build goexperiment.simd && !purego

package host

import (
	"simd/archsimd"
	"unsafe"
)

// readAll adds up x, all but a rest of at most 255 bytes, and reads it as a product of
// one row reads weights: in four streams at once.
func readAll(x []int32) int32 {
	if !vector {
		return readAllScalar(x)
	}
	var s0, s1, s2, s3, s4, s5, s6, s7 archsimd.Int32x8
	part := len(x) / 4
	load := func(at unsafe.Pointer, ints int) archsimd.Int32x8 {
		return archsimd.LoadInt32x8((*[8]int32)(unsafe.Add(at, 4*ints)))
	}
	for i := 0; i+16 <= part; i += 16 {
		at := unsafe.Pointer(&x[i])
		s0, s1 = s0.Add(load(at, 0)), s1.Add(load(at, 8))
		s2, s3 = s2.Add(load(at, part)), s3.Add(load(at, part+8))
		s4, s5 = s4.Add(load(at, 2*part)), s5.Add(load(at, 2*part+8))
		s6, s7 = s6.Add(load(at, 3*part)), s7.Add(load(at, 3*part+8))
	}
	var lanes [8]int32
	s0.Add(s1).Add(s2.Add(s3)).Add(s4.Add(s5).Add(s6.Add(s7))).Store(&lanes)
	archsimd.ClearAVXUpperBits()
	sum := int32(0)
	for _, lane := range lanes {
		sum += lane
	}
	return sum
}
