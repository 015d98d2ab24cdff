//go:build goexperiment.simd && !purego

package host

import (
	"simd/archsimd"
	"unsafe"
)

// vectors returns how many of n numbers fill vectors of 8; none without AVX2.
func vectors(n int) int {
	if vector {
		return n &^ 7
	}
	return 0
}

// scaleRow is scaleRowScalar with vectors where they are there, as is what follows.
func scaleRow(dst, src []float32, scale float32) {
	n := vectors(len(src))
	_ = dst[:len(src)]
	if n > 0 {
		by := all(scale)
		for i := 0; i < n; i += 8 {
			archsimd.LoadFloat32x8(at(src, i)).Mul(by).Store(at(dst, i))
		}
		archsimd.ClearAVXUpperBits()
	}
	scaleRowScalar(dst[n:], src[n:], scale)
}

func subtract(a, b []float32) {
	n := vectors(len(a))
	_ = b[:len(a)]
	for i := 0; i < n; i += 8 {
		archsimd.LoadFloat32x8(at(a, i)).Sub(archsimd.LoadFloat32x8(at(b, i))).Store(at(a, i))
	}
	if n > 0 {
		archsimd.ClearAVXUpperBits()
	}
	subtractScalar(a[n:], b[n:])
}

func ofSoftmax(of, probs, away []float32) {
	n := vectors(len(of))
	_, _ = probs[:len(of)], away[:len(of)]
	for i := 0; i < n; i += 8 {
		rest := archsimd.LoadFloat32x8(at(of, i)).Sub(archsimd.LoadFloat32x8(at(away, i)))
		archsimd.LoadFloat32x8(at(probs, i)).Mul(rest).Store(at(of, i))
	}
	if n > 0 {
		archsimd.ClearAVXUpperBits()
	}
	ofSoftmaxScalar(of[n:], probs[n:], away[n:])
}

// roundRowInPlace is roundScalar; numbers that are not finite stay so.
func roundRowInPlace(x []float32) {
	n := vectors(len(x))
	if n > 0 {
		half, one := archsimd.BroadcastUint32x8(0x7fff), archsimd.BroadcastUint32x8(1)
		high, quiet := archsimd.BroadcastUint32x8(0xffff0000), archsimd.BroadcastUint32x8(0x400000)
		for i := 0; i < n; i += 8 {
			v := archsimd.LoadFloat32x8(at(x, i))
			bits := v.AsUint32x8()
			rounded := bits.Add(half).Add(bits.ShiftAllRight(16).And(one))
			rounded = bits.Or(quiet).Merge(rounded, v.IsNaN())
			rounded.And(high).AsFloat32x8().Store(at(x, i))
		}
		archsimd.ClearAVXUpperBits()
	}
	roundScalar(x[n:])
}

func largestOf(x []float32) float32 {
	n := vectors(len(x))
	if n == 0 {
		return largestScalar(x)
	}
	// A maximum of vectors forgets NaN. 0 times what is not finite is NaN, and stays in a sum.
	var zero, wrong f32x8
	most := archsimd.LoadFloat32x8(at(x, 0))
	for i := 0; i < n; i += 8 {
		v := archsimd.LoadFloat32x8(at(x, i))
		most, wrong = most.Max(v), v.MulAdd(zero, wrong)
	}
	top := largest(most) + lanes(wrong)
	archsimd.ClearAVXUpperBits()
	for _, v := range x[n:] {
		top = max(top, v+v*0)
	}
	return top
}

// expRow is expRowScalar; lanes is memory for its use.
func expRow(x []float32, lanes *[8]float32, shift float32) (sum float32) {
	n := vectors(len(x))
	if n > 0 {
		expSum(unsafe.Pointer(&x[0]), unsafe.Pointer(lanes), n, shift)
		sum = sumLanes(lanes)
	}
	return sum + expRowScalar(x[n:], shift)
}

func interleave(dst []uint32, a, b []uint16) {
	n := vectors(len(dst))
	_, _ = a[:len(dst)], b[:len(dst)]
	wide := func(x []uint16, i int) archsimd.Uint32x8 {
		return archsimd.LoadUint16x8((*[8]uint16)(unsafe.Pointer(&x[i]))).ExtendToUint32()
	}
	for i := 0; i < n; i += 8 {
		wide(a, i).Or(wide(b, i).ShiftAllLeft(16)).Store((*[8]uint32)(unsafe.Pointer(&dst[i])))
	}
	if n > 0 {
		archsimd.ClearAVXUpperBits()
	}
	interleaveScalar(dst[n:], a[n:], b[n:])
}

// transpose sets dst [columns, rows] to src [rows, columns].
func transpose(dst, src []float32, rows, columns int) {
	wholeRows, wholeColumns := vectors(rows), vectors(columns)
	_, _ = dst[:rows*columns], src[:rows*columns]
	for r := 0; r < wholeRows; r += 8 {
		for c := 0; c < wholeColumns; c += 8 {
			transposeSquare(dst[c*rows+r:], src[r*columns+c:], rows, columns)
		}
	}
	if wholeRows > 0 {
		archsimd.ClearAVXUpperBits()
	}
	transposeScalar(dst, src, rows, columns, wholeRows, rows, 0)
	transposeScalar(dst, src, rows, columns, 0, wholeRows, wholeColumns)
}

// transposeSquare transposes 8 by 8 numbers, rows lddst and ldsrc numbers apart.
func transposeSquare(dst, src []float32, lddst, ldsrc int) {
	type words = archsimd.Uint32x8
	load := func(i int) words { return archsimd.LoadFloat32x8(at(src, i*ldsrc)).AsUint32x8() }
	store := func(i int, v words) { v.AsFloat32x8().Store(at(dst, i*lddst)) }
	low := func(a, b words) words { return a.AsUint64x4().InterleaveLoGrouped(b.AsUint64x4()).AsUint32x8() }
	high := func(a, b words) words { return a.AsUint64x4().InterleaveHiGrouped(b.AsUint64x4()).AsUint32x8() }
	a, b := load(0), load(1)
	a, b = a.InterleaveLoGrouped(b), a.InterleaveHiGrouped(b)
	c, d := load(2), load(3)
	c, d = c.InterleaveLoGrouped(d), c.InterleaveHiGrouped(d)
	a0, a1, a2, a3 := low(a, c), high(a, c), low(b, d), high(b, d)
	a, b = load(4), load(5)
	a, b = a.InterleaveLoGrouped(b), a.InterleaveHiGrouped(b)
	c, d = load(6), load(7)
	c, d = c.InterleaveLoGrouped(d), c.InterleaveHiGrouped(d)
	b0, b1, b2, b3 := low(a, c), high(a, c), low(b, d), high(b, d)
	store(0, a0.Select128FromPair(0, 2, b0))
	store(1, a1.Select128FromPair(0, 2, b1))
	store(2, a2.Select128FromPair(0, 2, b2))
	store(3, a3.Select128FromPair(0, 2, b3))
	store(4, a0.Select128FromPair(1, 3, b0))
	store(5, a1.Select128FromPair(1, 3, b1))
	store(6, a2.Select128FromPair(1, 3, b2))
	store(7, a3.Select128FromPair(1, 3, b3))
}
