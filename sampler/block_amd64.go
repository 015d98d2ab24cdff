//go:build goexperiment.simd && amd64 && !purego

package sampler

import (
	"math/bits"
	"simd/archsimd"

	"github.com/stele-lm/stele/kernels/isa"
)

func init() {
	if isa.InForce() >= isa.AVX2 {
		largestOf, weighOf, atLeastOf, belowOf = largestAVX2, weighAVX2, atLeastAVX2, belowAVX2
	}
}

// eight is the vector that begins at s[i].
func eight(s []float32, i int) archsimd.Float32x8 {
	return archsimd.LoadFloat32x8((*[8]float32)(s[i:]))
}

func largestAVX2(lanes [][4]float32, logits []float32) bool {
	nan := archsimd.BroadcastFloat32x8(0).IsNaN()
	for b := range lanes {
		z := logits[b*block : (b+1)*block]
		top := eight(z, 0)
		nan = nan.Or(top.IsNaN())
		for i := 8; i < block; i += 8 {
			x := eight(z, i)
			top = top.Max(x)
			nan = nan.Or(x.IsNaN())
		}
		top.GetLo().Max(top.GetHi()).Store(&lanes[b])
	}
	found := nan.ToBits() != 0
	archsimd.ClearAVXUpperBits()
	return found
}

func weighAVX2(lanes [][4]float64, weights, logits []float32, s *scale) {
	top, floor := archsimd.BroadcastFloat32x8(s.top), archsimd.BroadcastFloat32x8(s.floor)
	hi, lo := archsimd.BroadcastFloat32x8(s.hi), archsimd.BroadcastFloat32x8(s.lo)
	c7, c6 := archsimd.BroadcastFloat32x8(exp7), archsimd.BroadcastFloat32x8(exp6)
	c5, c4 := archsimd.BroadcastFloat32x8(exp5), archsimd.BroadcastFloat32x8(exp4)
	c3, c2 := archsimd.BroadcastFloat32x8(exp3), archsimd.BroadcastFloat32x8(exp2)
	c1, one := archsimd.BroadcastFloat32x8(exp1), archsimd.BroadcastFloat32x8(1)
	bias := archsimd.BroadcastInt32x8(127)
	var unread [block]float32
	for b := range lanes {
		z, to := (*[block]float32)(logits[b*block:]), &unread
		if weights != nil {
			to = (*[block]float32)(weights[b*block:])
		}
		var first, second archsimd.Float64x4
		for i := 0; i <= block-8; i += 8 {
			d := archsimd.LoadFloat32x8((*[8]float32)(z[i : i+8])).Sub(top)
			t := d.Mul(hi)
			n := t.RoundToEven()
			f := t.Sub(n).Add(d.Mul(lo))
			p := f.Mul(c7).Add(c6)
			p = f.Mul(p).Add(c5)
			p = f.Mul(p).Add(c4)
			p = f.Mul(p).Add(c3)
			p = f.Mul(p).Add(c2)
			p = f.Mul(p).Add(c1)
			p = f.Mul(p).Add(one)
			// Where d is below the floor this is anything, even NaN.
			power := n.ConvertToInt32().Add(bias).ShiftAllLeft(23).AsFloat32x8()
			w := p.Mul(power).Masked(d.GreaterEqual(floor))
			w.Store((*[8]float32)(to[i : i+8]))
			first = first.Add(w.GetLo().ConvertToFloat64())
			second = second.Add(w.GetHi().ConvertToFloat64())
		}
		first.Add(second).Store(&lanes[b])
	}
	archsimd.ClearAVXUpperBits()
}

func atLeastAVX2(indices []int32, values []float32, floor float32) []int32 {
	f := archsimd.BroadcastFloat32x8(floor)
	for b := 0; b+block <= len(values); b += block {
		v := (*[block]float32)(values[b:])
		mask := uint64(0)
		for i := 0; i <= block-8; i += 8 {
			mask |= uint64(archsimd.LoadFloat32x8((*[8]float32)(v[i:i+8])).GreaterEqual(f).ToBits()) << i
		}
		for ; mask != 0; mask &= mask - 1 {
			indices = append(indices, int32(b+bits.TrailingZeros64(mask)))
		}
	}
	archsimd.ClearAVXUpperBits()
	return indices
}

func belowAVX2(sums *[4][8]float32, values []float32, thresholds *[4]float32) {
	t0, t1 := archsimd.BroadcastFloat32x8(thresholds[0]), archsimd.BroadcastFloat32x8(thresholds[1])
	t2, t3 := archsimd.BroadcastFloat32x8(thresholds[2]), archsimd.BroadcastFloat32x8(thresholds[3])
	var s0, s1, s2, s3 archsimd.Float32x8
	for i := 0; i+8 <= len(values); i += 8 {
		v := eight(values, i)
		s0 = s0.Add(v.Masked(v.Less(t0)))
		s1 = s1.Add(v.Masked(v.Less(t1)))
		s2 = s2.Add(v.Masked(v.Less(t2)))
		s3 = s3.Add(v.Masked(v.Less(t3)))
	}
	s0.Store(&sums[0])
	s1.Store(&sums[1])
	s2.Store(&sums[2])
	s3.Store(&sums[3])
	archsimd.ClearAVXUpperBits()
}
