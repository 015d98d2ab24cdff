//go:build goexperiment.simd && !purego

package host

import "simd/archsimd"

// eight returns values 8c to 8c+7.
func eight(values *[spanIn]float32, c int) f32x8 {
	return archsimd.LoadFloat32x8((*[8]float32)(values[8*c:]))
}

// levels4 is nearest4 for eight values.
func levels4(v, up f32x8) f32x8 {
	shift := all(roundingShift)
	return v.Mul(up).Add(shift).Sub(shift).Min(all(7)).Max(all(-8))
}

// extremes is extremesScalar with vectors where they are there; so are project and encodeSpan.
func extremes(values *[spanIn]float32) (low, high float32) {
	if !vector {
		return extremesScalar(values)
	}
	a, b := eight(values, 0), eight(values, 0)
	for c := 1; c < 4; c++ {
		v := eight(values, c)
		a, b = a.Min(v), b.Max(v)
	}
	var l [8]float32
	a.Store(&l)
	low, high = min(l[0], l[1], l[2], l[3], l[4], l[5], l[6], l[7]), largest(b)
	archsimd.ClearAVXUpperBits()
	return low, high
}

func project(values *[spanIn]float32, up float32) (product, square float32) {
	if !vector {
		return projectScalar(values, up)
	}
	by := all(up)
	var products, squares f32x8
	for c := range 4 {
		v := eight(values, c)
		q := levels4(v, by)
		products, squares = products.Add(v.Mul(q)), squares.Add(q.Mul(q))
	}
	product, square = lanes(products), lanes(squares)
	archsimd.ClearAVXUpperBits()
	return product, square
}

func encodeSpan(codes *[spanIn / 2]uint8, values *[spanIn]float32, up float32) {
	if !vector {
		encodeSpanScalar(codes, values, up)
		return
	}
	for c := range 4 {
		q := levels4(eight(values, c), all(up)).Add(all(8))
		high := q.GetHi()
		for range 4 { // times 16
			high = high.Add(high)
		}
		var both [4]int32
		q.GetLo().Add(high).ConvertToInt32().Store(&both)
		for j, code := range both {
			codes[4*c+j] = uint8(code)
		}
	}
	archsimd.ClearAVXUpperBits()
}
