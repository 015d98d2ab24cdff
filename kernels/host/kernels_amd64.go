//go:build goexperiment.simd && !purego

package host

import (
	"unsafe"

	"golang.org/x/sys/cpu"

	"github.com/stele-lm/stele/kernels/isa"
)

// vector says that the kernels of AVX2 can run here.
var vector = isa.InForce() >= isa.AVX2

// tiers lists those that can run here, the best first.
var tiers = func() (list []*tier) {
	if isa.InForce() >= isa.AVX512 && cpu.X86.HasAVX512VNNI { // which came a year later
		t := tier512
		if isa.InForce() < isa.AVX512BF16 {
			t.dot[formatBF16] = nil
		}
		list = append(list, &t)
	}
	if vector {
		t := tier256
		if len(list) == 0 && isa.InForce() == isa.Machine() && cpu.X86.HasAVXVNNI {
			t.dot[formatInt4], t.stream[formatInt4] = dot256VNNI, stream256VNNI
		}
		list = append(list, &t)
	}
	return list
}()

// roundRow sets dst to src rounded to bfloat16, ties to even, over n elements, a
// multiple of 16. It needs AVX512_BF16.
//
//go:noescape
func roundRow(dst, src unsafe.Pointer, n int)

// expSum sets x to e^(x - shift) over n elements, a multiple of 8, and sums to the sum of each
// of eight lanes.
//
//go:noescape
func expSum(x, sums unsafe.Pointer, n int, shift float32)

// siluMulRow sets gate to gate·σ(gate)·up over n elements, a multiple of 8.
//
//go:noescape
func siluMulRow(gate, up unsafe.Pointer, n int)

// maxAbs sets most to the largest magnitude of each of eight lanes; n is a multiple
// of 8.
//
//go:noescape
func maxAbs(x, most unsafe.Pointer, n int)

// quantizeRow sets dst to src·up rounded to int16, over n elements, a multiple of 16.
//
//go:noescape
func quantizeRow(dst, src unsafe.Pointer, n int, up float32)

// widenRow sets dst to src, bfloat16, over n elements, a multiple of 8.
//
//go:noescape
func widenRow(dst, src unsafe.Pointer, n int)

// quantizeSpans sets n spans, stride bytes apart, as quantizeRowSpansScalar does.
//
//go:noescape
func quantizeSpans(dst, src unsafe.Pointer, n int, stride uintptr)

// stripRows turn 4 rows of k numbers, a multiple of 8, into k fours in a strip, by format; strides are
// in bytes.
var stripRows = [formatCount]func(dst, src unsafe.Pointer, k int, lddst, ldsrc uintptr){
	formatF32: stripRowsF32, formatWide: stripRowsWide, formatBF16: stripRowsF32,
}

// fetchLines asks for n bytes, more than none, from p on to be brought into the
// second-level cache; it does not wait, and any address will do.
//
//go:noescape
func fetchLines(p unsafe.Pointer, n int)

// exchangeControl sets this thread's MXCSR and returns what it was.
func exchangeControl(next uint32) (before uint32)

// KeepSubnormals runs f with the floating-point settings of Go's own threads. XLA's flush
// subnormal numbers, below 2^-126, to zero, and a sum's bits must not depend on which of a team's
// threads took it. The caller must be locked to its thread, as a callback is.
func KeepSubnormals(f func()) {
	const ofGo = 0x1f80
	before := exchangeControl(ofGo)
	defer exchangeControl(before)
	f()
}
