//go:build goexperiment.simd && !purego

package host

import (
	"simd/archsimd"
	"unsafe"
)

type f32x16 = archsimd.Float32x16

func all16(v float32) f32x16 { return archsimd.BroadcastFloat32x16(v) }

func at16(x []float32, i int) *[16]float32 { return (*[16]float32)(unsafe.Pointer(&x[i])) }

// sixteen says that the best tier has vectors of 16.
func sixteen() bool { return len(tiers) > 0 && tiers[0].lanes == 16 }

// largestScore is largestOf, with wide vectors where they are there.
func largestScore(x []float32) float32 {
	fours, n := len(x)&^63, len(x)&^15
	if n == 0 || !sixteen() {
		return largestOf(x)
	}
	// See largestOf. Four of each do not wait for each other.
	var zero, e, f, g, h f32x16
	a := archsimd.LoadFloat32x16(at16(x, 0))
	b, c, d := a, a, a
	for i := 0; i < fours; i += 64 {
		at := (*[4][16]float32)(unsafe.Pointer(&x[i]))
		v, w := archsimd.LoadFloat32x16(&at[0]), archsimd.LoadFloat32x16(&at[1])
		y, z := archsimd.LoadFloat32x16(&at[2]), archsimd.LoadFloat32x16(&at[3])
		a, b, c, d = a.Max(v), b.Max(w), c.Max(y), d.Max(z)
		e, f, g, h = v.MulAdd(zero, e), w.MulAdd(zero, f), y.MulAdd(zero, g), z.MulAdd(zero, h)
	}
	for i := fours; i < n; i += 16 {
		v := archsimd.LoadFloat32x16(at16(x, i))
		a, e = a.Max(v), v.MulAdd(zero, e)
	}
	a, e = a.Max(b).Max(c.Max(d)), e.Add(f).Add(g.Add(h))
	top := largest(a.GetLo().Max(a.GetHi())) + lanes(e.GetLo().Add(e.GetHi()))
	archsimd.ClearAVXUpperBits()
	if n < len(x) {
		top = max(top, largestOf(x[n:]))
	}
	return top
}

// weighScores finds the largest of scores, of which those that are seen are followed by hidden ones, and of another
// number, turns them into e^(score - largest), in place or, if there are probs, as bfloat16 in these, and returns the
// largest and the sum.
func weighScores(probs []uint16, scores []float32, seen int, most float32) (top, sum float32) {
	if probs != nil { // the tier that has pairs has this, too
		_ = probs[len(scores)-1]
		return weighPairs(unsafe.Pointer(&probs[0]), unsafe.Pointer(&scores[0]), len(scores), most)
	}
	top = max(most, largestScore(scores))
	return top, exponentials(scores, seen, top)
}

// Of e^r, |r| <= ln 2 / 2, and of e^x = 2^n·e^r, n = round(x·log2 e). Added to round, n is in the last
// bits of a number, which lie before the exponent's once they are moved.
const (
	expLeast  = -87
	expRound  = 3 << 22
	expLog2E  = 1.44269504088896341
	expMinus2 = -0.693147180559945309
	exp7      = 1.9875691500e-4 // Cephes' expf
	exp6      = 1.3981999507e-3
	exp5      = 8.3334519073e-3
	exp4      = 4.1665795894e-2
	exp3      = 1.6666665459e-1
	exp2      = 5.0000001201e-1
)

// exponentials sets x, a multiple of 16 long, to e^(x - shift), none of which is above 1, and
// returns the sum of those that are seen; what follows is hidden and near 0.
func exponentials(x []float32, seen int, shift float32) (sum float32) {
	switch {
	case !vector:
		return expRowScalar(x[:seen], shift)
	case !sixteen():
		return exponentials8(x[:(seen+7)&^7], shift)
	}
	by, least, log2e, round, ln2 := all16(shift), all16(expLeast), all16(expLog2E), all16(expRound), all16(expMinus2)
	c7, c6, c5, c4, c3, c2 := all16(exp7), all16(exp6), all16(exp5), all16(exp4), all16(exp3), all16(exp2)
	one, total := all16(1), f32x16{}
	for i := 0; i < len(x); i += 16 {
		to := at16(x, i)
		v := archsimd.LoadFloat32x16(to).Sub(by).Max(least)
		n := v.MulAdd(log2e, round)
		r := n.Sub(round).MulAdd(ln2, v)
		y := c7.MulAdd(r, c6).MulAdd(r, c5).MulAdd(r, c4).MulAdd(r, c3).MulAdd(r, c2).MulAdd(r.Mul(r), r).Add(one)
		e := y.AsInt32x16().Add(n.AsInt32x16().ShiftAllLeft(23)).AsFloat32x16()
		e.Store(to)
		total = total.Add(e)
	}
	sum = lanes(total.GetLo().Add(total.GetHi()))
	archsimd.ClearAVXUpperBits()
	return sum
}

// exponentials8 is exponentials by vectors of 8.
func exponentials8(x []float32, shift float32) (sum float32) {
	by, least, log2e, round, ln2 := all(shift), all(expLeast), all(expLog2E), all(expRound), all(expMinus2)
	c7, c6, c5, c4, c3, c2 := all(exp7), all(exp6), all(exp5), all(exp4), all(exp3), all(exp2)
	one, total := all(1), f32x8{}
	for i := 0; i < len(x); i += 8 {
		to := at(x, i)
		v := archsimd.LoadFloat32x8(to).Sub(by).Max(least)
		n := v.MulAdd(log2e, round)
		r := n.Sub(round).MulAdd(ln2, v)
		y := c7.MulAdd(r, c6).MulAdd(r, c5).MulAdd(r, c4).MulAdd(r, c3).MulAdd(r, c2).MulAdd(r.Mul(r), r).Add(one)
		e := y.AsInt32x8().Add(n.AsInt32x8().ShiftAllLeft(23)).AsFloat32x8()
		e.Store(to)
		total = total.Add(e)
	}
	sum = lanes(total)
	archsimd.ClearAVXUpperBits()
	return sum
}

// copyColumns is copyColumnsScalar with vectors where they are there, as is widenColumns.
func copyColumns(dst, src []uint32, rows, n, ld int) {
	if !vector || n%8 != 0 {
		copyColumnsScalar(dst, src, rows, n, ld)
		return
	}
	_, _ = dst[(rows-1)*panelSlots+n-1], src[(rows-1)*ld+n-1]
	to, from := unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0])
	for r := range rows {
		for i := 0; i < n; i += 8 {
			v := archsimd.LoadUint32x8((*[8]uint32)(unsafe.Add(from, 4*(r*ld+i))))
			v.Store((*[8]uint32)(unsafe.Add(to, 4*(r*panelSlots+i))))
		}
	}
	archsimd.ClearAVXUpperBits()
}

func widenColumns(dst []uint32, src []uint16, rows, n, ld int) {
	if !vector || n%8 != 0 {
		widenColumnsScalar(dst, src, rows, n, ld)
		return
	}
	_, _ = dst[(rows-1)*panelSlots+n-1], src[(rows-1)*ld+n-1]
	to, from := unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0])
	for r := range rows {
		for i := 0; i < n; i += 8 {
			v := archsimd.LoadUint16x8((*[8]uint16)(unsafe.Add(from, 2*(r*ld+i)))).ExtendToUint32()
			v.ShiftAllLeft(16).Store((*[8]uint32)(unsafe.Add(to, 4*(r*panelSlots+i))))
		}
	}
	archsimd.ClearAVXUpperBits()
}

// siluMulRows is SiLUMulRows, by vectors of 16 where they are there.
func siluMulRows(gate, up []float32, rows, ld, n int) {
	whole := 0
	if sixteen() && rows > 0 {
		whole = n &^ 15
		_, _ = gate[(rows-1)*ld+n-1], up[(rows-1)*ld+n-1]
	}
	if whole > 0 {
		least, most, log2e := all16(expLeast), all16(-expLeast), all16(expLog2E)
		round, ln2, one := all16(expRound), all16(expMinus2), all16(1)
		c7, c6, c5, c4, c3, c2 := all16(exp7), all16(exp6), all16(exp5), all16(exp4), all16(exp3), all16(exp2)
		for row := range rows {
			for i := row * ld; i < row*ld+whole; i += 16 {
				g := archsimd.LoadFloat32x16(at16(gate, i))
				v := f32x16{}.Sub(g).Max(least).Min(most)
				n := v.MulAdd(log2e, round)
				r := n.Sub(round).MulAdd(ln2, v)
				y := c7.MulAdd(r, c6).MulAdd(r, c5).MulAdd(r, c4).MulAdd(r, c3).MulAdd(r, c2)
				y = y.MulAdd(r.Mul(r), r).Add(one)
				e := y.AsInt32x16().Add(n.AsInt32x16().ShiftAllLeft(23)).AsFloat32x16()
				g.Div(one.Add(e)).Mul(archsimd.LoadFloat32x16(at16(up, i))).Store(at16(gate, i))
			}
		}
		archsimd.ClearAVXUpperBits()
	}
	if whole == n {
		return
	}
	for row := range rows {
		siluMul(gate[row*ld+whole:row*ld+n], up[row*ld+whole:])
	}
}
