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
		if isa.InForce() >= isa.AMX {
			t.amx = amxTier
		}
		list = append(list, &t)
	}
	if vector {
		t := tier256
		if len(list) == 0 && isa.InForce() == isa.Machine() && cpu.X86.HasAVXVNNI {
			t.dot[formatInt4], t.stream[formatInt4] = dot256Int4VNNI, stream256Int4VNNI
			t.dot[formatW8A8], t.stream[formatW8A8] = dot256W8A8VNNI, stream256W8A8VNNI
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

// weighPairs sets probs to e^(score - top) of n scores, a multiple of 16, rounded to bfloat16: top is the largest of
// these and of most, or not a number where one is not finite. sum is of what was rounded. It needs AVX512_BF16.
//
//go:noescape
func weighPairs(probs, scores unsafe.Pointer, n int, most float32) (top, sum float32)

// roundRows rounds rows of 32 elements, which in dst begin stride bytes apart. It needs AVX512_BF16.
//
//go:noescape
func roundRows(dst, src unsafe.Pointer, rows int, stride uintptr)

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
func quantizeSpans(dst, src unsafe.Pointer, n int, stride uintptr, shift int)

// quantizeSpans512 is quantizeSpans for a multiple of four spans, with AVX-512 and VNNI.
//
//go:noescape
func quantizeSpans512(dst, src unsafe.Pointer, n int, stride uintptr, shift int)

// stripRows turn 4 rows of k numbers, a multiple of 8, into k fours in a strip, by format; strides are
// in bytes.
var stripRows = [formatCount]func(dst, src unsafe.Pointer, k int, lddst, ldsrc uintptr){
	formatF32: stripRowsF32, formatWide: stripRowsWide, formatBF16: stripRowsF32,
}

// rounds says that roundRow can run here.
var rounds = isa.InForce() >= isa.AVX512BF16

// wide says that what turns tiles for AMX and back can use AVX-512.
var wide = isa.InForce() >= isa.AVX512

// turnTile is turnTileScalar with vectors where they are there; so are foldInt8 and splitLevels.
func turnTile(dst, src unsafe.Pointer, rows, columns int, lddst, ldsrc, add uintptr) {
	if !wide {
		turnTileScalar(dst, src, rows, columns, lddst, ldsrc, add)
		return
	}
	turnTile512(dst, src, rows, columns, lddst, ldsrc, add)
}

func foldInt8(y, sums unsafe.Pointer, rows, outs int, ldy uintptr, xscale, wscale unsafe.Pointer, add uintptr) {
	if !wide {
		foldInt8Scalar(y, sums, rows, outs, ldy, xscale, wscale, add)
		return
	}
	foldInt8512(y, sums, rows, outs, ldy, xscale, wscale, add)
}

func splitLevels(high, low []int8, levels []int16) {
	if n := len(high); wide && n > 0 && n%32 == 0 {
		_, _ = low[n-1], levels[n-1]
		splitLevels512(unsafe.Pointer(&high[0]), unsafe.Pointer(&low[0]), unsafe.Pointer(&levels[0]), n)
		return
	}
	splitLevelsScalar(high, low, levels)
}

//go:noescape
func turnTile512(dst, src unsafe.Pointer, rows, columns int, lddst, ldsrc, add uintptr)

//go:noescape
func foldInt8512(y, sums unsafe.Pointer, rows, outs int, ldy uintptr, xscale, wscale unsafe.Pointer, add uintptr)

// splitLevels512 needs n to be a multiple of 32.
//
//go:noescape
func splitLevels512(high, low, src unsafe.Pointer, n int)

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
