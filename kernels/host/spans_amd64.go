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
	quantizeSpans(unsafe.Pointer(&spans[0]), unsafe.Pointer(&values[0]), n,
		uintptr(stride)*unsafe.Sizeof(rowSpan{}), shift)
}
