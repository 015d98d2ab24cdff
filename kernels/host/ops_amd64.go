//go:build goexperiment.simd

package host

import (
	"math"
	"simd/archsimd"
	"unsafe"
)

type f32x8 = archsimd.Float32x8

func all(v float32) f32x8 { return archsimd.BroadcastFloat32x8(v) }

func at(x []float32, i int) *[8]float32 { return (*[8]float32)(unsafe.Pointer(&x[i])) }

// expVector is e^x in eight lanes: x = n·ln 2 + r, a polynomial of degree 6 for
// e^r (Cephes' expf; largest error 2 units in the last place), and 2^n through the
// exponent. Below -87 it is 2^-126.
func expVector(x f32x8) f32x8 {
	x = x.Max(all(-87)).Min(all(88))
	n := x.Mul(all(1.4426950408889634)).RoundToEven()
	r := n.MulAdd(all(-0.693359375), x)
	r = n.MulAdd(all(2.12194440e-4), r)
	p := all(1.9875691500e-4)
	p = p.MulAdd(r, all(1.3981999507e-3))
	p = p.MulAdd(r, all(8.3334519073e-3))
	p = p.MulAdd(r, all(4.1665795894e-2))
	p = p.MulAdd(r, all(1.6666665459e-1))
	p = p.MulAdd(r, all(5.0000001201e-1))
	y := p.MulAdd(r.Mul(r), r).Add(all(1))
	e := n.ConvertToInt32().Add(archsimd.BroadcastInt32x8(127)).ShiftAllLeft(23).AsFloat32x8()
	return y.Mul(e)
}

// lanes sums eight lanes in one order.
func lanes(x f32x8) float32 {
	var l [8]float32
	x.Store(&l)
	return ((l[0] + l[4]) + (l[1] + l[5])) + ((l[2] + l[6]) + (l[3] + l[7]))
}

func largest(x f32x8) float32 {
	var l [8]float32
	x.Store(&l)
	return max(l[0], l[1], l[2], l[3], l[4], l[5], l[6], l[7])
}

// RMSNorm is dst = x / √(mean(x²) + ε) · weight.
func RMSNorm(dst, x, weight []float32, epsilon float32) {
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
		archsimd.LoadFloat32x8(at(x, i)).Mul(inverse).Mul(archsimd.LoadFloat32x8(at(weight, i))).Store(at(dst, i))
	}
	archsimd.ClearAVXUpperBits()
}

// SiLUMul is gate = gate·σ(gate)·up.
func SiLUMul(gate, up []float32) {
	if !vector {
		siluMulScalar(gate, up)
		return
	}
	n := len(gate) &^ 7
	_ = up[:len(gate)]
	one := all(1)
	for i := 0; i < n; i += 8 {
		g := archsimd.LoadFloat32x8(at(gate, i))
		s := g.Div(one.Add(expVector(all(0).Sub(g))))
		s.Mul(archsimd.LoadFloat32x8(at(up, i))).Store(at(gate, i))
	}
	archsimd.ClearAVXUpperBits()
	siluMulScalar(gate[n:], up[n:])
}

// softmax is x = e^(x - max) / Σ, in place.
func softmax(x []float32) {
	if !vector {
		softmaxScalar(x)
		return
	}
	n := len(x) &^ 7
	top := float32(math.Inf(-1))
	for _, v := range x[n:] {
		top = max(top, v)
	}
	if n > 0 {
		most := archsimd.LoadFloat32x8(at(x, 0))
		for i := 8; i < n; i += 8 {
			most = most.Max(archsimd.LoadFloat32x8(at(x, i)))
		}
		top = max(top, largest(most))
	}
	shift := all(top)
	var sums f32x8
	for i := 0; i < n; i += 8 {
		e := expVector(archsimd.LoadFloat32x8(at(x, i)).Sub(shift))
		sums = sums.Add(e)
		e.Store(at(x, i))
	}
	archsimd.ClearAVXUpperBits()
	sum := lanes(sums)
	for i := n; i < len(x); i++ {
		x[i] = float32(math.Exp(float64(x[i] - top)))
		sum += x[i]
	}
	inverse := 1 / sum
	factor := all(inverse)
	for i := 0; i < n; i += 8 {
		archsimd.LoadFloat32x8(at(x, i)).Mul(factor).Store(at(x, i))
	}
	archsimd.ClearAVXUpperBits()
	for i := n; i < len(x); i++ {
		x[i] *= inverse
	}
}

// widenVector turns bfloat16 bits into float32.
func widenVector(dst []float32, src []uint16) {
	n := len(src) &^ 7
	_ = dst[:len(src)]
	for i := 0; i < n; i += 8 {
		bits := archsimd.LoadUint16x8((*[8]uint16)(unsafe.Pointer(&src[i])))
		bits.ExtendToUint32().ShiftAllLeft(16).AsFloat32x8().Store(at(dst, i))
	}
	archsimd.ClearAVXUpperBits()
	widen(dst[n:], src[n:])
}

// quantize rounds src to integers of at most levels in magnitude and returns their
// scale.
func quantize(dst []int16, src []float32) (scale float32) {
	if !vector || len(src)%16 != 0 {
		return quantizeScalar(dst, src)
	}
	_ = dst[:len(src)]
	var most f32x8
	for i := 0; i < len(src); i += 8 {
		v := archsimd.LoadFloat32x8(at(src, i))
		most = most.Max(v.Max(all(0).Sub(v)))
	}
	top := largest(most)
	if top == 0 {
		clear(dst)
		archsimd.ClearAVXUpperBits()
		return 0
	}
	up := all(levels / top)
	for i := 0; i < len(src); i += 8 {
		q := archsimd.LoadFloat32x8(at(src, i)).Mul(up).RoundToEven().ConvertToInt32()
		var wide [8]int32
		q.Store(&wide)
		for l, v := range wide {
			dst[i+l] = int16(v)
		}
	}
	archsimd.ClearAVXUpperBits()
	return top / levels
}
