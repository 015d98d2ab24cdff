package sampler

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// plainly computes what an Adjustment says, position by position, from the whole sequence.
func plainly(logits []float32, a Adjustment, prompt, completion, ends []int32) []float64 {
	z := make([]float64, len(logits))
	for t := range z {
		token := int32(t)
		z[t] = float64(logits[t]) + a.Bias[token]
		if len(completion) < a.MinTokens && slices.Contains(ends, token) {
			z[t] = math.Inf(-1)
		}
		if a.Repetition > 0 && (slices.Contains(prompt, token) || slices.Contains(completion, token)) {
			if z[t] > 0 {
				z[t] /= a.Repetition
			} else {
				z[t] *= a.Repetition
			}
		}
		for i, have := range completion {
			if have == token {
				z[t] -= a.Frequency
				if slices.Index(completion, have) == i {
					z[t] -= a.Presence
				}
			}
		}
	}
	return z
}

// TestAdjusted: a sequence that grows token by token has the logits that its whole says, and greedy draws take
// the largest of them with the log-probability of the model.
func TestAdjusted(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for round := range 50 {
		V := 2 + random.IntN(100)
		a := Adjustment{Bias: map[int32]float64{}, MinTokens: random.IntN(6)}
		for range random.IntN(4) {
			a.Bias[int32(random.IntN(V))] = random.NormFloat64() * 3
		}
		if random.IntN(2) == 0 {
			a.Repetition = 0.5 + random.Float64()
		}
		if random.IntN(2) == 0 {
			a.Presence, a.Frequency = random.NormFloat64(), random.NormFloat64()
		}
		tokens := func(n int) (out []int32) {
			for range n {
				out = append(out, int32(random.IntN(V)))
			}
			return out
		}
		prompt, completion, ends := tokens(random.IntN(9)), []int32(nil), tokens(1)
		adjuster := NewAdjuster(&a, prompt, ends)
		if (adjuster == nil) != a.IsZero() {
			t.Fatalf("%+v: an adjuster %v", a, adjuster)
		}
		if adjuster == nil {
			continue
		}
		var s Sampler
		for position := range 10 {
			logits := randomLogits(uint64(100*round+position), V)
			before := slices.Clone(logits)
			want := plainly(logits, a, prompt, completion, ends)
			got := slices.Clone(adjuster.Adjusted(logits))
			for i := range want {
				if math.Abs(float64(got[i])-want[i]) > 1e-5*max(1, math.Abs(want[i])) {
					t.Fatalf("%+v, token %d at position %d: logit %g, want %g", a, i, position, got[i], want[i])
				}
			}
			token, logprob, err := s.SampleAdjusted(logits, adjuster, Params{}, Key{})
			if err != nil {
				t.Fatal(err)
			}
			if got[token] != slices.Max(got) {
				t.Fatalf("greedy drew token %d of logit %g, the largest is %g", token, got[token], slices.Max(got))
			}
			if own, _, _ := s.Score(before, token, 1); logprob != own {
				t.Fatalf("log-probability %g, the model's is %g", logprob, own)
			}
			if !slices.Equal(before, logits) {
				t.Fatal("the model's logits were changed")
			}
			adjuster.Add(token)
			completion = append(completion, token)
		}
	}
}

// TestAdjustedDraw: what is off changes no draw, and a forbidden token is never drawn.
func TestAdjustedDraw(t *testing.T) {
	logits := randomLogits(5, 300)
	p := Params{Temperature: 1, TopP: 0.9}
	var s Sampler
	off := NewAdjuster(&Adjustment{Presence: 1}, nil, nil) // of a completion that holds nothing yet
	best, _ := s.argmax(logits)
	without := NewAdjuster(&Adjustment{Bias: map[int32]float64{best: math.Inf(-1)}}, nil, nil)
	for position := range uint32(500) {
		key := Key{Seed: 1, Position: position}
		want, logprob, _ := s.Sample(logits, p, key)
		token, own, err := s.SampleAdjusted(logits, off, p, key)
		if err != nil || token != want || own != logprob {
			t.Fatalf("position %d: token %d (%g), want %d (%g), %v", position, token, own, want, logprob, err)
		}
		if token, _, _ = s.SampleAdjusted(logits, without, p, key); token == best {
			t.Fatalf("position %d: the forbidden token was drawn", position)
		}
	}
	all := Adjustment{Bias: map[int32]float64{0: math.Inf(-1), 1: math.Inf(-1)}}
	_, _, err := s.SampleAdjusted([]float32{1, 2}, NewAdjuster(&all, nil, nil), p, Key{})
	if !errors.Is(err, ErrNothingLeft) {
		t.Errorf("all tokens are forbidden: %v", err)
	}
	lower := NewAdjuster(&Adjustment{Bias: map[int32]float64{1: -1}}, nil, nil)
	_, _, err = s.SampleAdjusted([]float32{float32(math.NaN()), 2}, lower, p, Key{})
	if !errors.Is(err, ErrNotFinite) {
		t.Errorf("logits that are NaN: %v", err)
	}
}

// TestTop: the likeliest tokens are those of sorting everything, with the log-probabilities of Score.
func TestTop(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 8))
	var s Sampler
	for range 60 {
		V := 1 + random.IntN(400)
		logits := randomLogits(random.Uint64(), V)
		for i := range logits { // many are equal
			logits[i] = float32(math.Round(float64(logits[i]) * 2))
		}
		order := make([]int32, V)
		for i := range order {
			order[i] = int32(i)
		}
		slices.SortStableFunc(order, func(a, b int32) int { return int(logits[b] - logits[a]) })
		n, temperature := 1+random.IntN(25), 0.5+random.Float64()
		top, err := s.Top(logits, n, temperature)
		if err != nil || len(top) != min(n, V) {
			t.Fatalf("%d of %d likeliest tokens of %d, %v", len(top), n, V, err)
		}
		for i, have := range top {
			want, _, _ := s.Score(logits, order[i], temperature)
			if have.Token != order[i] || have.LogProb != want {
				t.Fatalf("number %d is token %d (%g), want %d (%g)", i, have.Token, have.LogProb, order[i], want)
			}
		}
	}
}

func TestAdjustmentRefused(t *testing.T) {
	nan := math.NaN()
	for _, a := range []Adjustment{
		{Repetition: -1}, {Repetition: nan}, {Presence: nan}, {Frequency: math.Inf(1)}, {MinTokens: -1},
		{Bias: map[int32]float64{10: 1}}, {Bias: map[int32]float64{-1: 1}}, {Bias: map[int32]float64{1: nan}},
		{Bias: map[int32]float64{1: math.Inf(1)}},
	} {
		if a.Validate(10) == nil {
			t.Errorf("%+v is not refused", a)
		}
	}
	if err := (&Adjustment{Repetition: 1.1, Bias: map[int32]float64{9: math.Inf(-1)}}).Validate(10); err != nil {
		t.Error(err)
	}
}
