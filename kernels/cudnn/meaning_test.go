package cudnn

import (
	"math"
	"math/rand/v2"
	"testing"
)

// random are n numbers as bfloat16 has them.
func random(r *rand.Rand, n int) []uint16 {
	all := make([]float32, n)
	for i := range all {
		all[i] = float32(r.NormFloat64())
	}
	return Bits(all)
}

// near compares numbers, the difference by the largest that is wanted.
func near(t *testing.T, what string, got, want []float32, tolerance float64) {
	t.Helper()
	size, off := 0.0, 0.0
	for i, w := range want {
		size = max(size, math.Abs(float64(w)))
		off = max(off, math.Abs(float64(got[i]-w)))
	}
	if !(off <= tolerance*size) {
		t.Errorf("%s: off by %g of %g", what, off, size)
	}
}

// numericalGradient is the gradient of Σ weight·result by differences, of the numbers of one operand. The
// result is computed here, from numbers that are not rounded.
func numericalGradient(c Call, in [3][]float64, weight []float64, which int) []float32 {
	value := func() float64 {
		J, sum := c.H/c.K, 0.0
		for b := range c.B {
			for h := range c.H {
				for i := range c.T {
					seen := c.S
					if c.Causal {
						seen = min(i+1, c.S)
					}
					total, mixed := 0.0, make([]float64, c.E)
					for j := range seen {
						score := 0.0
						for x := range c.E {
							score += in[0][((b*c.T+i)*c.H+h)*c.E+x] * in[1][((b*c.S+j)*c.K+h/J)*c.E+x]
						}
						e := math.Exp(score * c.Scale())
						total += e
						for x := range c.E {
							mixed[x] += e * in[2][((b*c.S+j)*c.K+h/J)*c.E+x]
						}
					}
					for x := range c.E {
						sum += mixed[x] / total * weight[((b*c.T+i)*c.H+h)*c.E+x]
					}
				}
			}
		}
		return sum
	}
	gradient := make([]float32, len(in[which]))
	for i, x := range in[which] {
		const step = 1e-4
		in[which][i] = x + step
		above := value()
		in[which][i] = x - step
		gradient[i] = float32((above - value()) / (2 * step))
		in[which][i] = x
	}
	return gradient
}

func float64s(bits []uint16) []float64 {
	all := make([]float64, len(bits))
	for i, b := range bits {
		all[i] = number(b)
	}
	return all
}

// TestGradient: the gradient is that of the result, by differences.
func TestGradient(t *testing.T) {
	for _, c := range []Call{
		{B: 2, T: 5, S: 5, H: 4, K: 2, E: 8, Causal: true}, {B: 1, T: 4, S: 6, H: 2, K: 2, E: 8},
	} {
		r := rand.New(rand.NewPCG(1, 2))
		q, k, v := random(r, c.B*c.T*c.H*c.E), random(r, c.B*c.S*c.K*c.E), random(r, c.B*c.S*c.K*c.E)
		out, sums, weight := make([]uint16, len(q)), make([]float32, c.B*c.H*c.T), random(r, len(q))
		if err := c.Attend(q, k, v, Masks{}, 2, out, sums); err != nil {
			t.Fatal(err)
		}
		of := [3][]uint16{make([]uint16, len(q)), make([]uint16, len(k)), make([]uint16, len(v))}
		if err := c.Gradient(q, k, v, Results{sums, weight, out}, Masks{}, 2, of[0], of[1], of[2]); err != nil {
			t.Fatal(err)
		}
		for i, what := range []string{"queries", "keys", "values"} {
			in := [3][]float64{float64s(q), float64s(k), float64s(v)}
			near(t, "gradient of "+what, Floats(of[i]), numericalGradient(c, in, float64s(weight), i), 0.01)
		}
	}
}

// TestMerge: keys that are divided among two calls give, merged by the logarithms of sums, the result of one
// call, and the gradients of both calls, given the merged sums and result, are that of the one.
func TestMerge(t *testing.T) {
	const B, T, first, second, H, K, E = 2, 6, 5, 9, 4, 2, 16
	r := rand.New(rand.NewPCG(3, 4))
	whole := Call{B: B, T: T, S: first + second, H: H, K: K, E: E}
	q, ofOut := random(r, B*T*H*E), random(r, B*T*H*E)
	k, v := random(r, B*whole.S*K*E), random(r, B*whole.S*K*E)
	attend := func(c Call, k, v []uint16) ([]float32, []float32) {
		out, sums := make([]uint16, len(q)), make([]float32, c.B*c.H*c.T)
		if err := c.Attend(q, k, v, Masks{}, 2, out, sums); err != nil {
			t.Fatal(err)
		}
		return Floats(out), sums
	}
	gradient := func(c Call, k, v []uint16, out []uint16, sums []float32) [3][]float32 {
		of := [3][]uint16{make([]uint16, len(q)), make([]uint16, len(k)), make([]uint16, len(v))}
		if err := c.Gradient(q, k, v, Results{sums, ofOut, out}, Masks{}, 2, of[0], of[1], of[2]); err != nil {
			t.Fatal(err)
		}
		return [3][]float32{Floats(of[0]), Floats(of[1]), Floats(of[2])}
	}
	part := func(x []uint16, lo, hi int) (some []uint16) {
		for b := range B {
			some = append(some, x[(b*whole.S+lo)*K*E:(b*whole.S+hi)*K*E]...)
		}
		return some
	}
	one, oneSums := attend(whole, k, v)
	calls := [2]Call{whole, whole}
	calls[0].S, calls[1].S = first, second
	keys := [2][]uint16{part(k, 0, first), part(k, first, whole.S)}
	values := [2][]uint16{part(v, 0, first), part(v, first, whole.S)}
	merged, sums := make([]float32, len(one)), make([]float32, len(oneSums))
	var outs, logs [2][]float32
	for i, c := range calls {
		outs[i], logs[i] = attend(c, keys[i], values[i])
	}
	for b := range B {
		for h := range H {
			for i := range T {
				n := (b*H+h)*T + i
				sums[n] = float32(math.Log(math.Exp(float64(logs[0][n])) + math.Exp(float64(logs[1][n]))))
				for x := range E {
					at := ((b*T+i)*H+h)*E + x
					for p := range outs {
						merged[at] += float32(math.Exp(float64(logs[p][n]-sums[n]))) * outs[p][at]
					}
				}
			}
		}
	}
	near(t, "result", merged, one, 0.01)
	near(t, "logarithms of sums", sums, oneSums, 1e-6)
	want := gradient(whole, k, v, Bits(one), oneSums)
	got := [2][3][]float32{}
	for i, c := range calls {
		got[i] = gradient(c, keys[i], values[i], Bits(merged), sums)
	}
	for i := range got[0][0] {
		got[0][0][i] += got[1][0][i]
	}
	near(t, "gradient of queries", got[0][0], want[0], 0.02)
	for i, what := range []string{"keys", "values"} {
		for p, bounds := range [2][2]int{{0, first}, {first, whole.S}} {
			near(t, "gradient of "+what, got[p][i+1], Floats(part(Bits(want[i+1]), bounds[0], bounds[1])), 0.02)
		}
	}
}

// TestMasks: what a bias hides and what is beyond a row's keys changes nothing, and what is beyond them is NaN.
func TestMasks(t *testing.T) {
	const H, K, E, T, S, seen = 2, 1, 8, 4, 6, 3
	r := rand.New(rand.NewPCG(5, 6))
	q, ofOut, k, v := random(r, T*H*E), random(r, T*H*E), random(r, S*K*E), random(r, S*K*E)
	type result struct{ out, sums, ofQ, ofK, ofV []float32 }
	compute := func(c Call, k, v []uint16, m Masks) result {
		out, sums := make([]uint16, len(q)), make([]float32, c.H*c.T)
		if err := c.Attend(q, k, v, m, 2, out, sums); err != nil {
			t.Fatal(err)
		}
		of := [3][]uint16{make([]uint16, len(q)), make([]uint16, len(k)), make([]uint16, len(v))}
		if err := c.Gradient(q, k, v, Results{sums, ofOut, out}, m, 2, of[0], of[1], of[2]); err != nil {
			t.Fatal(err)
		}
		return result{Floats(out), sums, Floats(of[0]), Floats(of[1]), Floats(of[2])}
	}
	want := compute(Call{B: 1, T: T, S: seen, H: H, K: K, E: E}, k[:seen*K*E], v[:seen*K*E], Masks{})
	bias := make([]float32, T*S)
	for i := range bias {
		if i%S >= seen {
			bias[i] = Hidden
		}
	}
	whole := Call{B: 1, T: T, S: S, H: H, K: K, E: E}
	biased, counted := whole, whole
	biased.Biased, counted.Counted = true, true
	for what, got := range map[string]result{
		"bias":   compute(biased, k, v, Masks{Bias: Bits(bias)}),
		"counts": compute(counted, k, v, Masks{Queries: []int32{T}, Keys: []int32{seen}}),
	} {
		near(t, what+": result", got.out, want.out, 0)
		near(t, what+": logarithms of sums", got.sums, want.sums, 0)
		near(t, what+": gradient of queries", got.ofQ, want.ofQ, 0)
		near(t, what+": gradient of keys", got.ofK[:seen*K*E], want.ofK, 0)
		near(t, what+": gradient of values", got.ofV[:seen*K*E], want.ofV, 0)
		if last := got.ofK[len(got.ofK)-1]; (last == 0) != (what == "bias") || (last != last) != (what == "counts") {
			t.Errorf("%s: the gradient of a key that is not seen is %g", what, last)
		}
	}
	counted.Causal = true
	if err := counted.Attend(q, k, v, Masks{Queries: []int32{T}, Keys: []int32{S + 1}}, 1, q, nil); err == nil {
		t.Error("a row with more keys than it has is computed")
	}
}

// TestConfig: a call is known again by its numbers, and the mask says what it is.
func TestConfig(t *testing.T) {
	for _, x := range []struct {
		call Call
		mask string
	}{
		{Call{B: 1, T: 2, S: 3, H: 4, K: 2, E: 8}, "NO_MASK"},
		{Call{B: 1, T: 2, S: 2, H: 4, K: 2, E: 8, Causal: true}, "CAUSAL"},
		{Call{B: 1, T: 2, S: 3, H: 4, K: 2, E: 8, Counted: true}, "PADDING"},
		{Call{B: 1, T: 2, S: 2, H: 4, K: 2, E: 8, Causal: true, Counted: true}, "PADDING_CAUSAL"},
		{Call{B: 1, T: 2, S: 2, H: 4, K: 2, E: 8, Causal: true, Biased: true}, "CAUSAL"},
	} {
		if again, err := FromNumbers(x.call.Numbers()); err != nil || again != x.call {
			t.Errorf("%+v is %+v again, %v", x.call, again, err)
		}
		if got := x.call.mask(); got != x.mask {
			t.Errorf("the mask of %+v is %s, want %s", x.call, got, x.mask)
		}
	}
}
