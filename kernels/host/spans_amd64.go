//go:build goexperiment.simd && !purego

package host

import "unsafe"

// quantizeRowSpans is quantizeRowSpansScalar with vectors where they are there.
func quantizeRowSpans(spans []rowSpan, stride int, values []float32, shift int) {
	if !vector {
		quantizeRowSpansScalar(spans, stride, values, shift)
		return
	}
	n := len(values) / spanIn
	_ = spans[(n-1)*stride]
	to, from, apart := unsafe.Pointer(&spans[0]), unsafe.Pointer(&values[0]), uintptr(stride)*unsafe.Sizeof(rowSpan{})
	if fours := n &^ 3; fours > 0 && sixteen() {
		quantizeSpans512(to, from, fours, apart, shift)
		if n -= fours; n == 0 {
			return
		}
		to, from = unsafe.Add(to, uintptr(fours)*apart), unsafe.Pointer(&values[fours*spanIn])
	}
	quantizeSpans(to, from, n, apart, shift)
}
