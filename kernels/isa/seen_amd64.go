//go:build goexperiment.simd && !purego

package isa

import (
	"simd/archsimd"

	"golang.org/x/sys/cpu"
)

// seen is the highest tier that Go finds, which GODEBUG can lower.
func seen() Tier {
	x := archsimd.X86
	switch {
	case !x.AVX2() || !x.FMA():
		return Scalar
	case !x.AVX512():
		return AVX2
	case !cpu.X86.HasAVX512BF16:
		return AVX512
	case !(cpu.X86.HasAMXTile && cpu.X86.HasAMXBF16 && cpu.X86.HasAMXInt8) && !emulatesTiles:
		return AVX512BF16
	}
	return AMX
}
