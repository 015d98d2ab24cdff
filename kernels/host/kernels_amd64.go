//go:build goexperiment.simd

package host

import (
	"simd/archsimd"
	"unsafe"
)

// vector reports whether the kernels of this file can run here.
var vector = archsimd.X86.AVX2() && archsimd.X86.FMA()

// dotF32N: y[i][j] = Σ x[i]·w[j] over k elements, for N rows of x and 4 of w;
// with add, added to what y holds. Strides are in bytes, k a multiple of 8.

//go:noescape
func dotF321(x unsafe.Pointer, ldx uintptr, w unsafe.Pointer, ldw uintptr, k int, y unsafe.Pointer, ldy uintptr, add bool)

//go:noescape
func dotF322(x unsafe.Pointer, ldx uintptr, w unsafe.Pointer, ldw uintptr, k int, y unsafe.Pointer, ldy uintptr, add bool)

//go:noescape
func dotF323(x unsafe.Pointer, ldx uintptr, w unsafe.Pointer, ldw uintptr, k int, y unsafe.Pointer, ldy uintptr, add bool)

// dotBF16N is dotF32N with bfloat16 w.

//go:noescape
func dotBF161(x unsafe.Pointer, ldx uintptr, w unsafe.Pointer, ldw uintptr, k int, y unsafe.Pointer, ldy uintptr, add bool)

//go:noescape
func dotBF162(x unsafe.Pointer, ldx uintptr, w unsafe.Pointer, ldw uintptr, k int, y unsafe.Pointer, ldy uintptr, add bool)

//go:noescape
func dotBF163(x unsafe.Pointer, ldx uintptr, w unsafe.Pointer, ldw uintptr, k int, y unsafe.Pointer, ldy uintptr, add bool)

// dotInt8N: x is int16, w int8, the integer sum times xscale[i]·wscale[j]. k is a
// multiple of 16.

//go:noescape
func dotInt81(x unsafe.Pointer, ldx uintptr, w unsafe.Pointer, ldw uintptr, k int, y unsafe.Pointer, ldy uintptr, xscale, wscale unsafe.Pointer, add bool)

//go:noescape
func dotInt82(x unsafe.Pointer, ldx uintptr, w unsafe.Pointer, ldw uintptr, k int, y unsafe.Pointer, ldy uintptr, xscale, wscale unsafe.Pointer, add bool)

//go:noescape
func dotInt83(x unsafe.Pointer, ldx uintptr, w unsafe.Pointer, ldw uintptr, k int, y unsafe.Pointer, ldy uintptr, xscale, wscale unsafe.Pointer, add bool)

// mixF32N: y[i][c] += Σ p[i][s]·v[s][c] over n rows of v, for N rows of p and 32
// columns c.

//go:noescape
func mixF321(p unsafe.Pointer, ldp uintptr, v unsafe.Pointer, ldv uintptr, n int, y unsafe.Pointer, ldy uintptr)

//go:noescape
func mixF322(p unsafe.Pointer, ldp uintptr, v unsafe.Pointer, ldv uintptr, n int, y unsafe.Pointer, ldy uintptr)

//go:noescape
func mixF323(p unsafe.Pointer, ldp uintptr, v unsafe.Pointer, ldv uintptr, n int, y unsafe.Pointer, ldy uintptr)

// mixBF16N is mixF32N with bfloat16 v.

//go:noescape
func mixBF161(p unsafe.Pointer, ldp uintptr, v unsafe.Pointer, ldv uintptr, n int, y unsafe.Pointer, ldy uintptr)

//go:noescape
func mixBF162(p unsafe.Pointer, ldp uintptr, v unsafe.Pointer, ldv uintptr, n int, y unsafe.Pointer, ldy uintptr)

//go:noescape
func mixBF163(p unsafe.Pointer, ldp uintptr, v unsafe.Pointer, ldv uintptr, n int, y unsafe.Pointer, ldy uintptr)

// expSum: x = e^(x - shift) over n elements, a multiple of 8; sums gets the sum of
// each of eight lanes.
//
//go:noescape
func expSum(x, sums unsafe.Pointer, n int, shift float32)

// siluMul: gate = gate·σ(gate)·up over n elements, a multiple of 8.
//
//go:noescape
func siluMul(gate, up unsafe.Pointer, n int)

// maxAbs: most gets the largest magnitude of each of eight lanes; n is a multiple
// of 8.
//
//go:noescape
func maxAbs(x, most unsafe.Pointer, n int)

// quantizeRow: dst = src·up rounded to int16, over n elements, a multiple of 16.
//
//go:noescape
func quantizeRow(dst, src unsafe.Pointer, n int, up float32)
