package sampler

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
)

// TestGoldens compares probabilities with transformers' logits warpers.
func TestGoldens(t *testing.T) {
	data, err := os.ReadFile("testdata/sampler.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Logits []float32 `json:"logits"`
			Params struct {
				Temperature float64 `json:"temperature"`
				TopK        int     `json:"top_k"`
				TopP        float64 `json:"top_p"`
				MinP        float64 `json:"min_p"`
			} `json:"params"`
			Support json.RawMessage `json:"support"`
			Probs   []float64       `json:"probs"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	var logits []float32
	for i, c := range golden.Cases {
		if c.Logits != nil {
			logits = c.Logits
		}
		p := Params(c.Params)
		tokens, probs, err := Probabilities(logits, p)
		if err != nil {
			t.Fatal(err)
		}
		var support []int32
		if string(c.Support) != `"all"` {
			if err := json.Unmarshal(c.Support, &support); err != nil {
				t.Fatal(err)
			}
		} else {
			for id := range logits {
				support = append(support, int32(id))
			}
		}
		want := map[int32]float64{}
		for j, id := range support {
			want[id] = c.Probs[j]
		}
		if len(tokens) != len(want) {
			t.Errorf("case %d %+v: %d tokens kept, want %d", i, p, len(tokens), len(want))
			continue
		}
		for j, id := range tokens {
			if math.Abs(probs[j]-want[id]) > 1e-6 {
				t.Errorf("case %d %+v: token %d has probability %g, want %g", i, p, id, probs[j], want[id])
			}
		}
	}
}

func randomLogits(seed uint64, n int) []float32 {
	r := rand.New(rand.NewPCG(seed, 9))
	logits := make([]float32, n)
	for i := range logits {
		logits[i] = float32(r.NormFloat64() * 2)
	}
	return logits
}

// TestFrequencies draws often and compares with the probabilities by chi-square:
// 4 standard deviations above its mean would be seen once in 30,000 seeds, and
// the seed is fixed.
func TestFrequencies(t *testing.T) {
	for _, tokens := range []int{60, 200} { // one block, and four of which one is not full
		logits := randomLogits(1, tokens)
		for _, p := range []Params{
			{Temperature: 1}, {Temperature: 0.6, TopP: 0.95}, {Temperature: 1.5, TopK: 12},
			{Temperature: 1, MinP: 0.1},
		} {
			frequencies(t, logits, p)
		}
	}
}

func frequencies(t *testing.T, logits []float32, p Params) {
	t.Helper()
	tokens, probs, err := Probabilities(logits, p)
	if err != nil {
		t.Fatal(err)
	}
	logprobs := make([]float32, len(logits))
	for i := range logits {
		logprobs[i], _ = scored(t, logits, int32(i), p.Temperature)
	}
	const draws = 200_000
	count := map[int32]float64{}
	var s Sampler
	for i := range uint32(draws) {
		token, logprob, err := s.Sample(logits, p,
			Key{Seed: 7, Prompt: uint64(i % 100), Sample: i / 100 % 20, Position: i / 2000})
		if err != nil {
			t.Fatal(err)
		}
		if want := logprobs[token]; math.Abs(float64(logprob-want)) > 1e-6 {
			t.Fatalf("%+v: log-probability %g, want %g", p, logprob, want)
		}
		count[token]++
	}
	chi := 0.0
	for i, id := range tokens {
		expected := probs[i] * draws
		chi += (count[id] - expected) * (count[id] - expected) / expected
		delete(count, id)
	}
	if len(count) > 0 {
		t.Errorf("%+v: tokens drawn that are not kept: %v", p, count)
	}
	freedom := float64(len(tokens) - 1)
	if limit := freedom + 4*math.Sqrt(2*freedom) + 4; chi > limit {
		t.Errorf("%+v: chi-square %.1f with %.0f degrees of freedom, limit %.1f", p, chi, freedom, limit)
	}
}

// TestUniform checks the generator's mean, variance, and that neighbouring keys
// are not correlated.
func TestUniform(t *testing.T) {
	base := Key{Seed: 1, Prompt: 2, Sample: 3, Position: 4}
	next := map[string]func(uint32) Key{
		"seed":     func(i uint32) Key { k := base; k.Seed = uint64(i); return k },
		"prompt":   func(i uint32) Key { k := base; k.Prompt = uint64(i); return k },
		"sample":   func(i uint32) Key { k := base; k.Sample = i; return k },
		"position": func(i uint32) Key { k := base; k.Position = i; return k },
	}
	tokens := base.noise()
	numbers := map[string]func(uint32) float64{
		"token": func(i uint32) float64 { return tokens.uniform(int32(i)) },
	}
	for name, key := range next {
		numbers[name] = func(i uint32) float64 { return key(i).noise().uniform(17) }
	}
	for name, number := range numbers {
		const n = 100_000
		var sum, squares, lag float64
		last := number(n)
		for i := range uint32(n) {
			u := number(i)
			if u <= 0 || u >= 1 {
				t.Fatalf("%s: %g is outside (0, 1)", name, u)
			}
			sum += u
			squares += u * u
			lag += (u - 0.5) * (last - 0.5)
			last = u
		}
		if m := sum / n; math.Abs(m-0.5) > 0.005 {
			t.Errorf("%s: mean %g", name, m)
		}
		if v := squares/n - sum/n*sum/n; math.Abs(v-1.0/12) > 0.002 {
			t.Errorf("%s: variance %g", name, v)
		}
		if c := lag / n * 12; math.Abs(c) > 0.015 {
			t.Errorf("%s: neighbours correlate by %g", name, c)
		}
	}
}

// scored is Score with a sampler of its own.
func scored(t *testing.T, logits []float32, token int32, temperature float64) (logprob, entropy float32) {
	t.Helper()
	var s Sampler
	logprob, entropy, err := s.Score(logits, token, temperature)
	if err != nil {
		t.Fatal(err)
	}
	return logprob, entropy
}

func TestGreedy(t *testing.T) {
	var s Sampler
	token, logprob, err := s.Sample([]float32{1, 3, 3, 0}, Params{}, Key{})
	if err != nil || token != 1 {
		t.Fatalf("token %d, %v; want the first of the largest, 1", token, err)
	}
	if want, _ := scored(t, []float32{1, 3, 3, 0}, 1, 1); logprob != want {
		t.Errorf("log-probability %g, want %g", logprob, want)
	}
}

// TestShift: adding a constant to all logits changes nothing.
func TestShift(t *testing.T) {
	logits := randomLogits(3, 500)
	shifted := make([]float32, len(logits))
	for i, z := range logits {
		logits[i] = float32(math.Round(float64(z)*64) / 64) // so that the shift is exact
		shifted[i] = logits[i] + 32
	}
	var s Sampler
	for i := range uint32(500) {
		p := Params{Temperature: 0.8, TopP: 0.9, TopK: 40}
		a, la, _ := s.Sample(logits, p, Key{Position: i})
		b, lb, _ := s.Sample(shifted, p, Key{Position: i})
		if a != b || la != lb {
			t.Fatalf("position %d: %d (%g) and %d (%g)", i, a, la, b, lb)
		}
	}
}

// TestRoundingFlipsFewTokens: errors of the size that another batch shape makes
// change hardly any draw, even of a flat distribution.
func TestRoundingFlipsFewTokens(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	logits := make([]float32, 2048)
	var s Sampler
	flips := 0
	const draws = 20_000
	for i := range uint32(draws) {
		for j := range logits {
			logits[j] = float32(r.NormFloat64() * 0.1)
		}
		a, _, _ := s.Sample(logits, Params{Temperature: 1}, Key{Position: i})
		for j := range logits {
			logits[j] += float32(r.NormFloat64() * 1e-6)
		}
		if b, _, _ := s.Sample(logits, Params{Temperature: 1}, Key{Position: i}); a != b {
			flips++
		}
	}
	if flips > 2 {
		t.Errorf("%d of %d draws changed", flips, draws)
	}
}

func TestNotFinite(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	var s Sampler
	for _, logits := range [][]float32{{0, nan}, {nan, nan}, {inf, 0}, {-inf, -inf}, {}} {
		if _, _, err := s.Sample(logits, Params{Temperature: 1}, Key{}); !errors.Is(err, ErrNotFinite) {
			t.Errorf("%v: error %v, want %v", logits, err, ErrNotFinite)
		}
	}
	if token, logprob, err := s.Sample([]float32{-inf, 2, -inf}, Params{Temperature: 1}, Key{}); token != 1 ||
		logprob != 0 || err != nil {
		t.Errorf("a single possible token: %d, %g, %v", token, logprob, err)
	}
}

func FuzzSample(f *testing.F) {
	f.Add(uint64(1), 10, 1.0, 0, 0.9, 0.0)
	f.Add(uint64(2), 300, 0.01, 5, 1.0, 0.2)
	f.Fuzz(func(t *testing.T, seed uint64, n int, temperature float64, k int, topP, minP float64) {
		p := Params{temperature, k, topP, minP}
		if n < 1 || n > 2000 || p.Validate() != nil {
			t.Skip("outside of what Sample is defined for")
		}
		logits := randomLogits(seed, n)
		var s Sampler
		token, logprob, err := s.Sample(logits, p, Key{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		tokens, probs, err := Probabilities(logits, p)
		if err != nil {
			t.Fatal(err)
		}
		sum, kept := 0.0, false
		for i, id := range tokens {
			sum += probs[i]
			kept = kept || id == token
		}
		if !kept || math.Abs(sum-1) > 1e-9 || !(logprob <= 1e-6) {
			t.Fatalf("%+v: drew %d (kept: %v), probabilities sum to %g, log-probability %g",
				p, token, kept, sum, logprob)
		}
	})
}

func BenchmarkSample(b *testing.B) {
	logits := randomLogits(5, 151_936)
	for name, p := range map[string]Params{
		"temperature": {Temperature: 1}, "top-p": {Temperature: 0.6, TopP: 0.95}, "greedy": {},
	} {
		b.Run(name, func(b *testing.B) {
			var s Sampler
			for i := range b.N {
				if _, _, err := s.Sample(logits, p, Key{Position: uint32(i)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBatch times the draws of a decode step of 64 sequences: rows that are not in
// any cache, on all cores.
func BenchmarkBatch(b *testing.B) {
	rows := make([][]float32, 64)
	for i := range rows {
		rows[i] = randomLogits(uint64(i), 151_936)
	}
	for name, p := range map[string]Params{
		"temperature": {Temperature: 1}, "top-p": {Temperature: 0.6, TopP: 0.95},
	} {
		b.Run(name, func(b *testing.B) {
			samplers := make([]Sampler, runtime.GOMAXPROCS(0))
			for b.Loop() {
				var wait sync.WaitGroup
				for w := range samplers {
					wait.Go(func() {
						for i := w; i < len(rows); i += len(samplers) {
							_, _, err := samplers[w].Sample(rows[i], p, Key{Sample: uint32(i)})
							if err != nil {
								b.Error(err)
							}
						}
					})
				}
				wait.Wait()
			}
		})
	}
}
