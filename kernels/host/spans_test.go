package host

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// inSpans makes a matrix in spans of values [out, in].
func inSpans(t testing.TB, f format, values []float32, out, in int) Matrix {
	t.Helper()
	var memory Memory
	t.Cleanup(memory.Close)
	quantise := Int4Matrix
	if f == formatW8A8 {
		quantise = W8A8Matrix
	}
	m, err := quantise(NewTeam(1), &memory, source(values, out, in))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// eachCode runs a test for every format in spans.
func eachCode(t *testing.T, test func(t *testing.T, f format)) {
	for name, f := range map[string]format{"int4": formatInt4, "w8a8": formatW8A8} {
		t.Run(name, func(t *testing.T) { test(t, f) })
	}
}

// TestSpanBits: every tier, plain Go among them, gives the same bits, whatever the number of
// rows and of outputs.
func TestSpanBits(t *testing.T) { eachCode(t, testSpanBits) }

func testSpanBits(t *testing.T, f format) {
	r := rand.New(rand.NewPCG(11, 12))
	type shape struct{ n, out, in int }
	want := map[shape][]float32{}
	for _, s := range []shape{
		{1, 16, 32}, {1, 64, 576}, {1, 200, 96}, {2, 33, 48}, {5, 130, 70}, {6, 32, 1536}, {7, 40, 20},
		{12, 48, 64}, {13, 100, 160}, {16, 576, 128}, {29, 17, 33}, {70, 48, 96}, {100, 64, 32},
	} {
		values, x := random(r, s.out*s.in), random(r, s.n*s.in)
		eachTier(t, func(t *testing.T) {
			m := inSpans(t, f, values, s.out, s.in)
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

// TestSpanExtremes: the kernels hold the largest sums that codes and activations can have.
func TestSpanExtremes(t *testing.T) { eachCode(t, testSpanExtremes) }

func testSpanExtremes(t *testing.T, f format) {
	const out, in = 32, 64
	high, low := float32(7), float32(-8) // codes 15 and 0; the grid follows from the lower
	if f == formatW8A8 {
		high, low = 127, -127
	}
	for _, sign := range []float32{1, -1} {
		values, x := make([]float32, out*in), make([]float32, 14*in)
		for i := range values {
			values[i] = high
			if i%spanIn == 1 {
				values[i] = low
			}
		}
		for i := range x {
			x[i] = 127 * sign
		}
		check := func(t *testing.T) {
			team := NewTeam(1)
			defer team.Close()
			m := inSpans(t, f, values, out, in)
			row := make([]float32, in)
			m.Row(row, 0)
			if !slices.Equal(row, values[:in]) {
				t.Fatalf("row 0 is %v", row)
			}
			want := sign * 127 * 2 * (31*high + low)
			for _, n := range []int{1, 3, 14} {
				for i, got := range multiply(team, &m, x, n) {
					if got != want {
						t.Fatalf("%d rows: sum %d is %g, want %g", n, i, got, want)
					}
				}
			}
		}
		eachTier(t, check)
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
		shift := stride * 3 // of any zero
		got, want := make([]rowSpan, 12*stride), make([]rowSpan, 12*stride)
		quantizeRowSpans(got, stride, x, shift)
		quantizeRowSpansScalar(want, stride, x, shift)
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
			if s.offset != -sum<<shift {
				t.Errorf("span %d: offset %d, sum %d", i, s.offset, sum)
			}
		}
	}
	for i := range spanIn {
		span, none := [2][]rowSpan{make([]rowSpan, 1), make([]rowSpan, 1)}, make([]float32, spanIn)
		none[i], none[(i+1)%spanIn] = float32(math.NaN()), 1e30
		quantizeRowSpans(span[0], 1, none, 3)
		quantizeRowSpansScalar(span[1], 1, none, 3)
		for _, s := range span {
			if !math.IsNaN(float64(s[0].scale)) {
				t.Errorf("NaN at %d: scale %g", i, s[0].scale)
			}
		}
	}
}

// TestSetPart: rows that are set some columns at a time are those that are set at once, bit for bit, where the
// last columns fill no span, too.
func TestSetPart(t *testing.T) { eachTier(t, testSetPart) }

func testSetPart(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	team := NewTeam(1)
	defer team.Close()
	for _, n := range []int{5, 40} {
		for _, in := range []int{4 * blockOut, 3*blockOut + 20, 50 * blockOut} {
			const out = 48
			weights, values := random(r, out*in), random(r, n*in)
			m, err := W8A8Matrix(team, &Memory{}, Source{Out: out, In: in, Row: func(to []float32, o int) {
				copy(to, weights[o*in:])
			}})
			if err != nil {
				t.Fatal(err)
			}
			bits := make([]uint16, len(weights))
			narrow(bits, weights)
			for _, m := range []Matrix{m, BFloat16Matrix(bits, out, in), Float32Matrix(weights, out, in)} {
				var whole, parts Rows
				if !parts.SetParts(n, in, &m) {
					continue
				}
				whole.Set(team, values, n, in, &m)
				for lo := 0; lo < in; lo += blockOut {
					hi := min(lo+blockOut, in)
					var part []float32
					for i := range n {
						part = append(part, values[i*in+lo:i*in+hi]...)
					}
					if row := partRows; parts.inLanes > row { // rows in two parts, too
						parts.SetPart(part[row*(hi-lo):], row, lo, hi, &m)
						part = part[:row*(hi-lo)]
					}
					parts.SetPart(part, 0, lo, hi, &m)
				}
				var s Scratch
				want, got := make([]float32, n*out), make([]float32, n*out)
				m.Product(&whole, want, out, 0, m.Blocks(), &s)
				m.Product(&parts, got, out, 0, m.Blocks(), &s)
				if !slices.Equal(got, want) {
					t.Errorf("%d rows of %d in format %d: other bits in parts", n, in, m.format)
				}
				if whole.inLanes < 2*partRows {
					continue
				}
				clear(got)
				for _, x := range []*Rows{&whole, &parts} {
					for i := range 2 {
						part, from := x.Part(i, 2)
						m.Product(&part, got[from*out:], out, 0, m.Blocks(), &s)
					}
					if !slices.Equal(got, want) {
						t.Errorf("%d rows of %d in format %d: other bits by parts of rows", n, in, m.format)
					}
				}
			}
		}
	}
}
