//go:build goexperiment.simd && !purego

package host

import (
	"math"
	"simd/archsimd"
	"slices"
	"unsafe"
)

type f32x8 = archsimd.Float32x8

func all(v float32) f32x8 { return archsimd.BroadcastFloat32x8(v) }

func at(x []float32, i int) *[8]float32 { return (*[8]float32)(unsafe.Pointer(&x[i])) }

// lanes adds up eight lanes in one order.
func lanes(x f32x8) float32 {
	var l [8]float32
	x.Store(&l)
	return sumLanes(&l)
}

func largest(x f32x8) float32 {
	var l [8]float32
	x.Store(&l)
	return max(l[0], l[1], l[2], l[3], l[4], l[5], l[6], l[7])
}

// rmsNorm is RMSNorm with vectors where they are there.
func rmsNorm(dst, x, weight []float32, epsilon float32) {
	if !vector || len(x)%8 != 0 {
		rmsNormScalar(dst, x, weight, epsilon)
		return
	}
	_, _ = dst[len(x)-1], weight[len(x)-1]
	var sum f32x8
	for i := 0; i < len(x); i += 8 {
		v := archsimd.LoadFloat32x8(at(x, i))
		sum = v.MulAdd(v, sum)
	}
	inverse := all(float32(1 / math.Sqrt(float64(lanes(sum))/float64(len(x))+float64(epsilon))))
	for i := 0; i < len(x); i += 8 {
		v, w := archsimd.LoadFloat32x8(at(x, i)), archsimd.LoadFloat32x8(at(weight, i))
		v.Mul(inverse).Mul(w).Store(at(dst, i))
	}
	archsimd.ClearAVXUpperBits()
}

// rotate turns the pairs (a, b), bit for bit as rotateScalar does.
func rotate(a, b, cos, sin []float32, scale float32) {
	n := len(a) &^ 7
	if !vector || n == 0 {
		rotateScalar(a, b, cos, sin, scale)
		return
	}
	_, _, _ = b[:len(a)], cos[:len(a)], sin[:len(a)]
	load := func(x []float32, i int) f32x8 { return archsimd.LoadFloat32x8(at(x, i)) }
	by := all(scale)
	for i := 0; i < n; i += 8 {
		u, v, c, s := load(a, i), load(b, i), load(cos, i), load(sin, i)
		u.Mul(c).Sub(v.Mul(s)).Mul(by).Store(at(a, i))
		v.Mul(c).Add(u.Mul(s)).Mul(by).Store(at(b, i))
	}
	archsimd.ClearAVXUpperBits()
	rotateScalar(a[n:], b[n:], cos[n:], sin[n:], scale)
}

// add is Add with vectors where they are there, bit for bit as addScalar does.
func add(a, b []float32) {
	n := 0
	if vector {
		n = len(a) &^ 7
	}
	_ = b[:len(a)]
	for i := 0; i < n; i += 8 {
		archsimd.LoadFloat32x8(at(a, i)).Add(archsimd.LoadFloat32x8(at(b, i))).Store(at(a, i))
	}
	if n > 0 {
		archsimd.ClearAVXUpperBits()
	}
	addScalar(a[n:], b[n:])
}

// addRows is AddRows with vectors where they are there.
func addRows(y, x, m []float32, stride int) {
	const width = 32 // numbers of y whose sums are in registers
	n := 0
	if vector && len(x) > 0 {
		n = len(y) / width * width
		_ = m[(len(x)-1)*stride+len(y)-1]
	}
	const vectorBytes = 32
	part := func(p unsafe.Pointer, i int) *[8]float32 { return (*[8]float32)(unsafe.Add(p, i*vectorBytes)) }
	for i := 0; i < n; i += width {
		to, row := unsafe.Pointer(&y[i]), unsafe.Pointer(&m[i])
		a, b := archsimd.LoadFloat32x8(part(to, 0)), archsimd.LoadFloat32x8(part(to, 1))
		c, d := archsimd.LoadFloat32x8(part(to, 2)), archsimd.LoadFloat32x8(part(to, 3))
		for k, v := range x {
			by, at := all(v), unsafe.Add(row, k*stride*4)
			a = archsimd.LoadFloat32x8(part(at, 0)).MulAdd(by, a)
			b = archsimd.LoadFloat32x8(part(at, 1)).MulAdd(by, b)
			c = archsimd.LoadFloat32x8(part(at, 2)).MulAdd(by, c)
			d = archsimd.LoadFloat32x8(part(at, 3)).MulAdd(by, d)
		}
		a.Store(part(to, 0))
		b.Store(part(to, 1))
		c.Store(part(to, 2))
		d.Store(part(to, 3))
	}
	if n > 0 {
		archsimd.ClearAVXUpperBits()
	}
	if n < len(y) {
		addRowsScalar(y[n:], x, m[n:], stride)
	}
}

// siluMul is SiLUMul with vectors where they are there.
func siluMul(gate, up []float32) {
	n := 0
	if vector {
		n = len(gate) &^ 7
	}
	_ = up[:len(gate)]
	if n > 0 {
		siluMulRow(unsafe.Pointer(&gate[0]), unsafe.Pointer(&up[0]), n)
	}
	siluMulScalar(gate[n:], up[n:])
}

// widenVector turns bfloat16 bits into float32.
func widenVector(dst []float32, src []uint16) {
	n := 0
	if vector {
		n = len(src) &^ 7
	}
	_ = dst[:len(src)]
	if n > 0 {
		widenRow(unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0]), n)
	}
	widen(dst[n:], src[n:])
}

// quantize rounds src to integers of at most levels in magnitude and returns their
// scale.
func quantize(dst []int16, src []float32) (scale float32) {
	if !vector || len(src)%16 != 0 {
		return quantizeScalar(dst, src)
	}
	_ = dst[:len(src)]
	var most [8]float32
	maxAbs(unsafe.Pointer(&src[0]), unsafe.Pointer(&most), len(src))
	top := slices.Max(most[:])
	if top == 0 {
		clear(dst)
		return 0
	}
	quantizeRow(unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0]), len(src), levels/top)
	return top / levels
}

// roundBlock is roundBlockScalar with vectors where they are there.
func roundBlock(dst []uint16, ld int, src []float32) {
	n := len(src) / blockOut
	if !rounds || n == 0 {
		roundBlockScalar(dst, ld, src)
		return
	}
	_ = dst[(n-1)*ld+blockOut-1]
	roundRows(unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0]), n, uintptr(ld)*2)
}

// roundBits rounds src, a multiple of 16 long, to bfloat16.
func roundBits(dst []uint16, src []float32) {
	if !rounds {
		narrow(dst, src)
		return
	}
	roundRow(unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0]), len(src))
}
