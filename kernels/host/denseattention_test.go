package host

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// plainAttention is attention and its gradient written plainly in float64, and the logarithms of
// sums: what Forward and Backward compute.
func plainAttention(d DensePass, all, adjoint []float32) (mixed, logSum, gradient []float64) {
	M, E, J, width := d.Tokens(), d.E, d.H/d.K, d.StateWidth()
	mixed, logSum = make([]float64, M*d.H*E), make([]float64, M*d.H)
	gradient = make([]float64, M*width)
	round := func(v float32) float64 {
		if d.Round {
			v = math.Float32frombits(uint32(bfloat16Bits(v)) << 16)
		}
		return float64(v)
	}
	scale := 1 / math.Sqrt(float64(E))
	for m := range M {
		sees := visible(d, m)
		for h := range d.H {
			at := func(m, head, e int) int { return m*width + head*E + e }
			k, v := d.H+h/J, d.H+d.K+h/J
			scores := make([]float64, len(sees))
			top := math.Inf(-1)
			for i, s := range sees {
				for e := range E {
					scores[i] += round(all[at(m, h, e)]*float32(scale)) * round(all[at(s, k, e)])
				}
				top = max(top, scores[i])
			}
			sum := 0.0
			for _, z := range scores {
				sum += math.Exp(z - top)
			}
			log := top + math.Log(sum)
			logSum[m*d.H+h] = log
			for i, s := range sees {
				for e := range E {
					mixed[(m*d.H+h)*E+e] += math.Exp(scores[i]-log) * round(all[at(s, v, e)])
				}
			}
			away := 0.0
			for e := range E {
				away += mixed[(m*d.H+h)*E+e] * float64(adjoint[(m*d.H+h)*E+e])
			}
			for i, s := range sees {
				p, of := math.Exp(scores[i]-log), -away
				for e := range E {
					of += round(adjoint[(m*d.H+h)*E+e]) * round(all[at(s, v, e)])
				}
				for e := range E {
					gradient[at(m, h, e)] += p * of * round(all[at(s, k, e)]) * scale
					gradient[at(s, k, e)] += p * of * round(all[at(m, h, e)]*float32(scale))
					gradient[at(s, v, e)] += p * round(adjoint[(m*d.H+h)*E+e])
				}
			}
		}
	}
	return mixed, logSum, gradient
}

// visible lists the tokens that token m sees.
func visible(d DensePass, m int) (all []int) {
	prompts := d.Prompts() * d.Prompt
	if m < prompts {
		for s := m / d.Prompt * d.Prompt; s <= m; s++ {
			all = append(all, s)
		}
		return all
	}
	row, i := (m-prompts)/d.T, (m-prompts)%d.T
	first := prompts + row*d.T
	from := max(0, i-int(d.Position[m]))
	if d.Group > 0 {
		p := row / d.Group
		length := int(d.Position[prompts+p*d.Group*d.T])
		for s := range length {
			all = append(all, p*d.Prompt+s)
		}
		from = i - (int(d.Position[m]) - length)
	}
	for s := from; s <= i; s++ {
		all = append(all, first+s)
	}
	return all
}

// drawPass draws rows that hold whole sequences, or groups that share prompts.
func drawPass(r *rand.Rand, d DensePass) DensePass {
	M := d.Tokens()
	d.Position = make([]int32, M)
	if d.Group == 0 {
		for b := range d.B {
			position := 0
			for i := range d.T {
				if r.IntN(60) == 0 {
					position = 0
				}
				d.Position[b*d.T+i] = int32(position)
				position++
			}
		}
		return d
	}
	P := d.Prompts()
	for p := range P {
		length := 1 + r.IntN(d.Prompt)
		for i := range d.Prompt {
			d.Position[p*d.Prompt+i] = int32(i)
		}
		for g := range d.Group {
			at := 0
			for i := range d.T {
				if d.Several && r.IntN(30) == 0 {
					at = 0 // another sequence begins
				}
				d.Position[P*d.Prompt+(p*d.Group+g)*d.T+i] = int32(length + at)
				at++
			}
		}
	}
	return d
}

// TestDenseAttention compares attention and its gradient with the plain form on every tier, and
// their bits on teams of two sizes with each other.
func TestDenseAttention(t *testing.T) {
	teams := []*Team{NewTeam(1), NewTeam(3)}
	defer teams[0].Close()
	defer teams[1].Close()
	heads := []DensePass{
		{H: 3, K: 3, E: 8}, {H: 4, K: 2, E: 20}, {H: 3, K: 1, E: 64}, {H: 2, K: 1, E: 96}, {H: 2, K: 2, E: 128},
	}
	r := rand.New(rand.NewPCG(1, 2))
	var cases []*denseCase
	for i, s := range []Sequences{
		{B: 1, T: 1}, {B: 1, T: 7}, {B: 2, T: 49}, {B: 1, T: 200}, {B: 2, T: 130},
		{B: 2, T: 5, Group: 2, Prompt: 3}, {B: 4, T: 65, Group: 2, Prompt: 33}, {B: 2, T: 70, Group: 2, Prompt: 150},
		{B: 4, T: 150, Group: 2, Prompt: 33, Several: true},
	} {
		for j, d := range heads {
			if testing.Short() && (i+j)%3 != 0 {
				continue // under the race detector
			}
			d.Sequences, d.Round = s, (i+j)%2 == 0
			cases = append(cases, newDenseCase(r, d))
			if d.E == 64 {
				d.Round = !d.Round
				cases = append(cases, newDenseCase(r, d))
			}
		}
	}
	eachTier(t, func(t *testing.T) {
		for _, c := range cases {
			c.compare(t, teams)
		}
	})
}

// TestDenseAttentionHeld: Held is what a pass and its gradient leave, but for some numbers a token that all heads
// share, on every tier.
func TestDenseAttentionHeld(t *testing.T) {
	team := NewTeam(1)
	defer team.Close()
	r := rand.New(rand.NewPCG(5, 6))
	eachTier(t, func(t *testing.T) {
		for _, pass := range []DensePass{
			{Sequences: Sequences{B: 2, T: 300}, H: 4, K: 2, E: 64},
			{Sequences: Sequences{B: 2, T: 300}, H: 4, K: 2, E: 64, Round: true},
			{Sequences: Sequences{B: 4, T: 130, Group: 2, Prompt: 70}, H: 3, K: 1, E: 128, Round: true},
			{Sequences: Sequences{B: 4, T: 60, Group: 4, Prompt: 200}, H: 2, K: 2, E: 20, Round: true},
		} {
			c := newDenseCase(r, pass)
			a := NewDenseAttention(team)
			out, gradient := make([]float32, c.Tokens()*c.ForwardWidth()), make([]float32, len(c.all))
			if err := a.Forward(c.DensePass, c.all, out); err != nil {
				t.Fatal(err)
			}
			adjoint := Adjoint{OfResult: make([]float32, c.Tokens()*c.H*c.E), LogSum: make([]float32, c.Tokens()*c.H),
				Away: make([]float32, c.Tokens()*c.H)}
			if err := a.Backward(c.DensePass, c.all, adjoint, gradient); err != nil {
				t.Fatal(err)
			}
			s := &a.scratch[0]
			held := 4 * (cap(a.ofKeys) + cap(a.ofValues) + cap(s.ofQueries) + cap(s.ofQueryRows))
			for _, st := range []*denseStates{&s.stem, &s.branch} {
				for _, m := range []*denseMatrix{&st.queries, &st.keys, &st.values, &st.adjoint} {
					held += 4 * (cap(m.rows) + cap(m.cols) + cap(m.rowPairs) + cap(m.colPairs))
					held += 2 * (cap(m.rowBits) + cap(m.colBits))
				}
			}
			if want := c.Held(1); int64(held) > want || float64(held) < 0.9*float64(want) {
				t.Errorf("%+v: %d bytes are held, not %d", pass, held, want)
			}
			if one, four := c.Held(1), c.Held(4); four <= one {
				t.Errorf("%+v: %d bytes with one thread, %d with four", pass, one, four)
			}
		}
	})
}

// TestDenseAttentionNotFinite: a query that is not a number, or infinite, makes its result so, and its
// gradient with it; on no tier is it taken for numbers.
func TestDenseAttentionNotFinite(t *testing.T) {
	team := NewTeam(1)
	defer team.Close()
	eachTier(t, func(t *testing.T) {
		for _, wrong := range []float64{math.NaN(), math.Inf(1)} {
			pass := DensePass{Sequences: Sequences{B: 1, T: 30}, H: 2, K: 1, E: 64}
			c := newDenseCase(rand.New(rand.NewPCG(3, 4)), pass)
			const token = 20
			c.all[token*c.StateWidth()] = float32(wrong) // of head 0
			a, out := NewDenseAttention(team), make([]float32, c.Tokens()*c.ForwardWidth())
			if err := a.Forward(c.DensePass, c.all, out); err != nil {
				t.Fatal(err)
			}
			for e := range c.E {
				if got := out[token*c.ForwardWidth()+e]; got == got {
					t.Fatalf("with %v a number of the result is %g", wrong, got)
				}
				if got := out[token*c.ForwardWidth()+c.E+e]; got != got {
					t.Fatal("another head has no number")
				}
			}
		}
	})
}

// denseCase is a pass with random numbers and what is expected of it.
type denseCase struct {
	DensePass
	all, adjoint         []float32
	mixed, logSum, ofAll []float64
}

func newDenseCase(r *rand.Rand, d DensePass) *denseCase {
	c := &denseCase{DensePass: drawPass(r, d)}
	c.all, c.adjoint = make([]float32, d.Tokens()*d.StateWidth()), make([]float32, d.Tokens()*d.H*d.E)
	for _, numbers := range [][]float32{c.all, c.adjoint} {
		for i := range numbers {
			numbers[i] = float32(r.NormFloat64())
		}
	}
	c.mixed, c.logSum, c.ofAll = plainAttention(c.DensePass, c.all, c.adjoint)
	return c
}

func (c *denseCase) compare(t *testing.T, teams []*Team) {
	t.Helper()
	d, all, adjoint, mixed, logSum, gradient := c.DensePass, c.all, c.adjoint, c.mixed, c.logSum, c.ofAll
	M, E, width := d.Tokens(), d.E, d.StateWidth()
	name := fmt.Sprintf("%+v, %d and %d heads, %d wide, rounded %v", d.Sequences, d.H, d.K, d.E, d.Round)
	tolerance := 2e-5
	if d.Round { // probabilities are rounded as well
		tolerance = 2e-2
	}
	near := func(what string, at int, got float32, want, tolerance float64) {
		t.Helper()
		if !(math.Abs(float64(got)-want) <= tolerance*max(1, math.Abs(want))) {
			t.Fatalf("%s: %s %d is %g, expected %g", name, what, at, got, want)
		}
	}
	var first []float32
	for _, team := range teams {
		a := NewDenseAttention(team)
		out := make([]float32, M*d.ForwardWidth())
		if err := a.Forward(d, all, out); err != nil {
			t.Fatal(err)
		}
		back := Adjoint{OfResult: adjoint, LogSum: make([]float32, M*d.H), Away: make([]float32, M*d.H)}
		for m := range M {
			o := out[m*d.ForwardWidth():]
			copy(back.LogSum[m*d.H:(m+1)*d.H], o[d.H*E:])
			for h := range d.H {
				for e := range E {
					back.Away[m*d.H+h] += o[h*E+e] * adjoint[(m*d.H+h)*E+e]
					near("result", (m*d.H+h)*E+e, o[h*E+e], mixed[(m*d.H+h)*E+e], tolerance)
				}
				near("sum", m*d.H+h, o[d.H*E+h], logSum[m*d.H+h], tolerance/10)
			}
		}
		got := make([]float32, M*width)
		for i := range got {
			got[i] = float32(math.NaN())
		}
		if err := a.Backward(d, all, back, got); err != nil {
			t.Fatal(err)
		}
		for i, g := range got {
			near("gradient", i, g, gradient[i], 4*tolerance)
		}
		if first == nil {
			first = append(out, got...)
			continue
		}
		for i, v := range append(out, got...) {
			if math.Float32bits(v) != math.Float32bits(first[i]) {
				t.Fatalf("%s: number %d depends on the team's size", name, i)
			}
		}
	}
}

// BenchmarkDenseAttention times attention and its gradient with SmolLM2's heads over 4,096 tokens in
// rows of several lengths.
func BenchmarkDenseAttention(b *testing.B) {
	team := NewTeam(0)
	defer team.Close()
	for _, round := range []bool{false, true} {
		for _, T := range []int{128, 512, 4096} {
			b.Run(fmt.Sprintf("round=%v/%d", round, T), func(b *testing.B) {
				d := DensePass{Sequences: Sequences{B: 4096 / T, T: T}, H: 9, K: 3, E: 64, Round: round}
				for i := range 4096 {
					d.Position = append(d.Position, int32(i%T))
				}
				r := rand.New(rand.NewPCG(1, 2))
				gradient, all := make([]float32, 4096*d.StateWidth()), make([]float32, 4096*d.StateWidth())
				out, sums := make([]float32, 4096*d.ForwardWidth()), make([]float32, 4096*d.H)
				for i := range all {
					all[i] = float32(r.NormFloat64())
				}
				for i := range sums {
					sums[i] = 20
				}
				a := NewDenseAttention(team)
				for b.Loop() {
					if err := a.Forward(d, all, out); err != nil {
						b.Fatal(err)
					}
					if err := a.Backward(d, all, Adjoint{all[:4096*d.H*d.E], sums, sums}, gradient); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
