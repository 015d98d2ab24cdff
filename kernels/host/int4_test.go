package host

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestInt4Quantised: a weight is off by little more than half a step of its span's grid; the
// squared error is below that of Q4_0, whose largest weight has level -8; what is no finite number
// stays none, and zeroes and what is next to nothing are zero.
func TestInt4Quantised(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	const out, in = 64, 256
	values := random(r, out*in)
	for i := range values {
		values[i] *= float32(math.Exp2(float64(i/in%60*2 - 60)))
	}
	m := inSpans(t, formatInt4, values, out, in)
	row, ours, theirs := make([]float32, in), 0.0, 0.0
	for o := range out {
		m.Row(row, o)
		for lo := 0; lo < in; lo += spanIn {
			span, most := values[o*in+lo:o*in+lo+spanIn], float32(0)
			for _, v := range span {
				if abs(v) > abs(most) {
					most = v
				}
			}
			size := math.Abs(float64(most))
			for i, v := range span {
				off := math.Abs(float64(row[lo+i]-v)) / size
				if off > 0.2 {
					t.Errorf("weight %g became %g in a span up to %g", v, row[lo+i], most)
				}
				ours += off * off
				q := math.Max(-8, math.Min(7, math.RoundToEven(float64(v)*-8/float64(most))))
				off = (q*float64(most)/-8 - float64(v)) / size
				theirs += off * off
			}
		}
	}
	t.Logf("squared error %.4f, of Q4_0 %.4f", ours, theirs)
	if ours > 0.9*theirs {
		t.Errorf("squared error %.4f, of Q4_0 %.4f", ours, theirs)
	}

	values = make([]float32, 16*64)
	values[5] = float32(math.NaN())
	values[64+5] = float32(math.Inf(1))
	values[128+5] = 1e-38
	m = inSpans(t, formatInt4, values, 16, 64)
	row = make([]float32, 64)
	for o, none := range []bool{true, true, false, false} {
		m.Row(row, o)
		if (math.IsNaN(float64(row[5])) || math.IsInf(float64(row[5]), 0)) != none || row[40] != 0 {
			t.Errorf("row %d: %g and %g", o, row[5], row[40])
		}
	}
}

// TestFitSpan: vectors fit a scale and encode bit for bit as plain Go does.
func TestFitSpan(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	for range 100 {
		v := (*[spanIn]float32)(random(r, spanIn))
		low, high := extremes(v)
		if a, b := extremesScalar(v); a != low || b != high {
			t.Fatalf("extremes %g, %g, want %g, %g", low, high, a, b)
		}
		up := -8 / low
		product, square := project(v, up)
		if a, b := projectScalar(v, up); a != product || b != square {
			t.Fatalf("sums %g, %g, want %g, %g", product, square, a, b)
		}
		var got, want [spanIn / 2]uint8
		encodeSpan(&got, v, up)
		encodeSpanScalar(&want, v, up)
		if got != want {
			t.Fatalf("codes %v, want %v", got, want)
		}
	}
}
