//go:build !amd64 || !goexperiment.simd || purego

package host

import "unsafe"

// vector is false: there is only plain Go here.
const vector = false

// tiers is empty.
var tiers []*tier

// stripRows are none.
var stripRows [formatCount]func(dst, src unsafe.Pointer, k int, lddst, ldsrc uintptr)

// KeepSubnormals runs f with the floating-point settings of Go's own threads; here it need not
// change any.
func KeepSubnormals(f func()) { f() }

func fetchLines(unsafe.Pointer, int)                    {}
func widenVector(dst []float32, src []uint16)           { widen(dst, src) }
func quantize(dst []int16, src []float32) float32       { return quantizeScalar(dst, src) }
func rmsNorm(dst, x, weight []float32, epsilon float32) { rmsNormScalar(dst, x, weight, epsilon) }
func siluMul(gate, up []float32)                        { siluMulScalar(gate, up) }
func rotate(a, b, cos, sin []float32, scale float32)    { rotateScalar(a, b, cos, sin, scale) }
func add(a, b []float32)                                { addScalar(a, b) }
func addRows(y, x, m []float32, stride int)             { addRowsScalar(y, x, m, stride) }
func readAll(x []int32) int32                           { return readAllScalar(x) }
func quantizeRowSpans(s []rowSpan, stride int, x []float32, shift int) {
	quantizeRowSpansScalar(s, stride, x, shift)
}
func extremes(v *[spanIn]float32) (low, high float32)                  { return extremesScalar(v) }
func project(v *[spanIn]float32, up float32) (product, square float32) { return projectScalar(v, up) }
func encodeSpan(codes *[spanIn / 2]uint8, v *[spanIn]float32, up float32) {
	encodeSpanScalar(codes, v, up)
}
func turnTile(dst, src unsafe.Pointer, rows, columns int, lddst, ldsrc, add uintptr) {
	turnTileScalar(dst, src, rows, columns, lddst, ldsrc, add)
}
func foldInt8(y, sums unsafe.Pointer, rows, outs int, ldy uintptr, xscale, wscale unsafe.Pointer, add uintptr) {
	foldInt8Scalar(y, sums, rows, outs, ldy, xscale, wscale, add)
}
func splitLevels(high, low []int8, levels []int16) { splitLevelsScalar(high, low, levels) }
func roundBits(dst []uint16, src []float32)        { narrow(dst, src) }
func roundBlock(dst []uint16, ld int, src []float32) {
	roundBlockScalar(dst, ld, src)
}

func scaleRow(dst, src []float32, scale float32)           { scaleRowScalar(dst, src, scale) }
func subtract(a, b []float32)                              { subtractScalar(a, b) }
func ofSoftmax(of, probs, away []float32)                  { ofSoftmaxScalar(of, probs, away) }
func roundRowInPlace(x []float32)                          { roundScalar(x) }
func largestOf(x []float32) float32                        { return largestScalar(x) }
func expRow(x []float32, _ *[8]float32, s float32) float32 { return expRowScalar(x, s) }
func largestScore(x []float32) float32                     { return largestScalar(x) }
func interleave(dst []uint32, a, b []uint16)               { interleaveScalar(dst, a, b) }
func transpose(dst, src []float32, rows, columns int) {
	transposeScalar(dst, src, rows, columns, 0, rows, 0)
}

func exponentials(x []float32, seen int, shift float32) float32 { return expRowScalar(x[:seen], shift) }
func weighScores(_ []uint16, scores []float32, seen int, most float32) (top, sum float32) {
	top = max(most, largestScore(scores))
	return top, exponentials(scores, seen, top)
}
func copyColumns(dst, src []uint32, rows, n, ld int) { copyColumnsScalar(dst, src, rows, n, ld) }
func widenColumns(dst []uint32, src []uint16, rows, n, ld int) {
	widenColumnsScalar(dst, src, rows, n, ld)
}
func siluMulRows(gate, up []float32, rows, ld, n int) {
	for row := range rows {
		siluMul(gate[row*ld:row*ld+n], up[row*ld:])
	}
}
