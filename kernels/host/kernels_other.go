//go:build !amd64 || !goexperiment.simd

package host

import "unsafe"

// vector: this machine has only the forms in plain Go, and none of what follows
// is called.
const vector = false

func dotF32(x unsafe.Pointer, ldx uintptr, rows int, w unsafe.Pointer, ldw uintptr, k int, y unsafe.Pointer, ldy uintptr, add bool) {
	panic("host: no vector kernels")
}

func dotBF16(x unsafe.Pointer, ldx uintptr, rows int, w unsafe.Pointer, ldw uintptr, k int, y unsafe.Pointer, ldy uintptr, add bool) {
	panic("host: no vector kernels")
}

func dotInt8(x unsafe.Pointer, ldx uintptr, rows int, w unsafe.Pointer, ldw uintptr, k int, y unsafe.Pointer, ldy uintptr, xscale, wscale unsafe.Pointer, add bool) {
	panic("host: no vector kernels")
}

func mixF32(p unsafe.Pointer, ldp uintptr, rows int, v unsafe.Pointer, ldv uintptr, n int, y unsafe.Pointer, ldy uintptr) {
	panic("host: no vector kernels")
}

func mixBF16(p unsafe.Pointer, ldp uintptr, rows int, v unsafe.Pointer, ldv uintptr, n int, y unsafe.Pointer, ldy uintptr) {
	panic("host: no vector kernels")
}

func widenVector(dst []float32, src []uint16)           { widen(dst, src) }
func quantize(dst []int16, src []float32) float32       { return quantizeScalar(dst, src) }
func RMSNorm(dst, x, weight []float32, epsilon float32) { rmsNormScalar(dst, x, weight, epsilon) }
func SiLUMul(gate, up []float32)                        { siluMulScalar(gate, up) }
func softmax(x []float32)                               { softmaxScalar(x) }
func readAll(x []float32) float32                       { return readAllScalar(x) }
