//go:build goexperiment.simd

package host

import "simd/archsimd"

// readAll adds up x but for a rest of at most 63.
func readAll(x []int32) int32 {
	if !vector {
		return readAllScalar(x)
	}
	var s0, s1, s2, s3, s4, s5, s6, s7 archsimd.Int32x8
	load := func(i int) archsimd.Int32x8 { return archsimd.LoadInt32x8((*[8]int32)(x[i:])) }
	for i := 0; i+64 <= len(x); i += 64 {
		s0 = s0.Add(load(i))
		s1 = s1.Add(load(i + 8))
		s2 = s2.Add(load(i + 16))
		s3 = s3.Add(load(i + 24))
		s4 = s4.Add(load(i + 32))
		s5 = s5.Add(load(i + 40))
		s6 = s6.Add(load(i + 48))
		s7 = s7.Add(load(i + 56))
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
