package host

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestW8A8Quantised: a weight is off by at most half a step of its span's grid, which is that of its largest
// magnitude but for the rounding of the scale; what is no finite number stays none, and zeroes and what is
// next to nothing are zero.
func TestW8A8Quantised(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	const out, in = 64, 256
	values := random(r, out*in)
	for i := range values {
		values[i] *= float32(math.Exp2(float64(i/in%60*2 - 60)))
	}
	m, row := inSpans(t, formatW8A8, values, out, in), make([]float32, in)
	for o := range out {
		m.Row(row, o)
		for lo := 0; lo < in; lo += spanIn {
			span, most := values[o*in+lo:o*in+lo+spanIn], float32(0)
			for _, v := range span {
				most = max(most, abs(v))
			}
			for i, v := range span {
				step := most / 127 * (1 + 1./256)
				bound := 0.5 * step
				if abs(v) > 126*most/127 { // a code of more than 127 is 127
					bound = 0.8 * step
				}
				if abs(row[lo+i]-v) > bound {
					t.Errorf("weight %g became %g in a span up to %g", v, row[lo+i], most)
				}
			}
		}
	}

	values = make([]float32, 16*64)
	values[5] = float32(math.NaN())
	values[64+5] = float32(math.Inf(1))
	values[128+5] = 1e-38
	m, row = inSpans(t, formatW8A8, values, 16, 64), make([]float32, 64)
	for o, none := range []bool{true, true, false, false} {
		m.Row(row, o)
		if (math.IsNaN(float64(row[5])) || math.IsInf(float64(row[5]), 0)) != none || row[40] != 0 {
			t.Errorf("row %d: %g and %g", o, row[5], row[40])
		}
	}
}
