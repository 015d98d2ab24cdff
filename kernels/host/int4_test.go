package host

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// int4Matrix quantises values [out, in].
func int4Matrix(t testing.TB, values []float32, out, in int) Matrix {
	t.Helper()
	var memory Memory
	t.Cleanup(memory.Close)
	m, err := Int4Matrix(NewTeam(1), &memory, source(values, out, in))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestInt4Bits: every tier, plain Go among them, gives the same bits, whatever the number of
// rows and of outputs.
func TestInt4Bits(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	type shape struct{ n, out, in int }
	want := map[shape][]float32{}
	for _, s := range []shape{
		{1, 16, 32}, {1, 64, 576}, {1, 200, 96}, {2, 33, 48}, {5, 130, 70}, {6, 32, 1536}, {7, 40, 20},
		{12, 48, 64}, {13, 100, 160}, {16, 576, 128}, {29, 17, 33}, {100, 64, 32},
	} {
		values, x := random(r, s.out*s.in), random(r, s.n*s.in)
		eachTier(t, func(t *testing.T) {
			m := int4Matrix(t, values, s.out, s.in)
			for _, size := range []int{1, 3} {
				team := NewTeam(size)
				got := multiply(team, &m, x, s.n)
				team.Close()
				if want[s] == nil {
					want[s] = got
				} else if !slices.Equal(got, want[s]) {
					t.Errorf("%v, team of %d: other bits", s, size)
				}
			}
		})
	}
}

// TestInt4Extremes: the kernels hold the largest sums that codes and activations can have.
func TestInt4Extremes(t *testing.T) {
	const out, in = 32, 64
	for _, sign := range []float32{1, -1} {
		values, x := make([]float32, out*in), make([]float32, 3*in)
		for i := range values {
			values[i] = 7 // code 15
			if i%spanIn == 1 {
				values[i] = -8 // what the grid follows from
			}
		}
		for i := range x {
			x[i] = 127 * sign
		}
		eachTier(t, func(t *testing.T) {
			team := NewTeam(1)
			defer team.Close()
			m := int4Matrix(t, values, out, in)
			row := make([]float32, in)
			m.Row(row, 0)
			if !slices.Equal(row, values[:in]) {
				t.Fatalf("row 0 is %v", row)
			}
			want := sign * 127 * 2 * (31*7 - 8)
			for i, got := range multiply(team, &m, x, 3) {
				if got != want {
					t.Fatalf("sum %d is %g, want %g", i, got, want)
				}
			}
		})
	}
}

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
	m := int4Matrix(t, values, out, in)
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
	m = int4Matrix(t, values, 16, 64)
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

// TestQuantizeSpans: vectors round as plain Go does, spans of zeroes and of what is next to
// nothing too.
func TestQuantizeSpans(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	x := random(r, 12*spanIn)
	for i := range x {
		x[i] *= float32(math.Exp2(float64(i/spanIn*20 - 130)))
	}
	clear(x[:spanIn])
	x[5*spanIn+3] = -50
	for _, stride := range []int{1, 3} {
		got, want := make([]rowSpan, 12*stride), make([]rowSpan, 12*stride)
		quantizeRowSpans(got, stride, x)
		quantizeRowSpansScalar(want, stride, x)
		if !slices.Equal(got, want) {
			t.Errorf("stride %d: %v, want %v", stride, got, want)
		}
		for i, s := range want {
			sum := int32(0)
			for j, q := range s.q {
				sum += int32(q)
				if v := x[i/stride*spanIn+j]; i%stride == 0 && abs(float32(q)*s.scale-v) > 0.51*s.scale+1e-30 {
					t.Errorf("span %d: %g became %d · %g", i, v, q, s.scale)
				}
			}
			if s.offset != -8*sum {
				t.Errorf("span %d: offset %d, sum %d", i, s.offset, sum)
			}
		}
	}
	for i := range spanIn {
		span, none := [2][]rowSpan{make([]rowSpan, 1), make([]rowSpan, 1)}, make([]float32, spanIn)
		none[i], none[(i+1)%spanIn] = float32(math.NaN()), 1e30
		quantizeRowSpans(span[0], 1, none)
		quantizeRowSpansScalar(span[1], 1, none)
		for _, s := range span {
			if !math.IsNaN(float64(s[0].scale)) {
				t.Errorf("NaN at %d: scale %g", i, s[0].scale)
			}
		}
	}
}
