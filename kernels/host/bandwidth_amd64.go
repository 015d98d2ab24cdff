//go:build goexperiment.simd

package host

import "simd/archsimd"

// readAll adds up x, whose length is a multiple of 64.
func readAll(x []float32) float32 {
	if !vector {
		return readAllScalar(x)
	}
	var s0, s1, s2, s3, s4, s5, s6, s7 f32x8
	for i := 0; i+64 <= len(x); i += 64 {
		s0 = s0.Add(archsimd.LoadFloat32x8(at(x, i)))
		s1 = s1.Add(archsimd.LoadFloat32x8(at(x, i+8)))
		s2 = s2.Add(archsimd.LoadFloat32x8(at(x, i+16)))
		s3 = s3.Add(archsimd.LoadFloat32x8(at(x, i+24)))
		s4 = s4.Add(archsimd.LoadFloat32x8(at(x, i+32)))
		s5 = s5.Add(archsimd.LoadFloat32x8(at(x, i+40)))
		s6 = s6.Add(archsimd.LoadFloat32x8(at(x, i+48)))
		s7 = s7.Add(archsimd.LoadFloat32x8(at(x, i+56)))
	}
	sum := lanes(s0.Add(s1).Add(s2.Add(s3)).Add(s4.Add(s5).Add(s6.Add(s7))))
	archsimd.ClearAVXUpperBits()
	return sum
}
