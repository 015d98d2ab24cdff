package metric

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

// TestSeedWeights: the weights sum to 1, one run has all the weight, and the weighted mean of three
// values is normal around the plain one, with their standard error.
func TestSeedWeights(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 5))
	if w := SeedWeights(1, random); len(w) != 1 || w[0] != 1 {
		t.Errorf("weights of one run: %v", w)
	}
	values := []float64{1, 2, 6}
	const mean, n = 3.0, 40000
	s := math.Sqrt((4.0 + 1 + 9) / 2 / 3)
	var drawn []float64
	for range n {
		w := SeedWeights(3, random)
		sum, x := 0.0, 0.0
		for i := range w {
			sum += w[i]
			x += w[i] * values[i]
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Fatalf("weights %v sum to %g", w, sum)
		}
		drawn = append(drawn, (x-mean)/s)
	}
	for _, q := range []float64{-2, -1, 0, 0.5, 1.96} {
		count := 0.0
		for _, x := range drawn {
			count += Indicator(x < q)
		}
		if got, want := count/n, distuv.UnitNormal.CDF(q); math.Abs(got-want) > 0.01 {
			t.Errorf("a share of %.3f is below %g standard errors, want %.3f", got, q, want)
		}
	}
}

// TestSeededInterval: where seeds have all of the variance the interval is Student's, where they
// have none it is that of the replicates, and two groups have the degrees of freedom of both.
func TestSeededInterval(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 2))
	const n = 20000
	a, b := make(SeedDraws, n), make(SeedDraws, n)
	var noise, one, two []float64
	weighed := func(w []float64) float64 { return math.Sqrt(6) * (w[0] - w[1]) } // of variance 2
	for r := range n {
		a[r], b[r] = SeedWeights(3, random), SeedWeights(3, random)
		noise = append(noise, math.Sqrt2*random.NormFloat64())
		one = append(one, weighed(a[r]))
		two = append(two, (weighed(a[r])+weighed(b[r]))/math.Sqrt2)
	}
	undefined := slices.Clone(one)
	undefined[0] = math.NaN()
	for _, c := range []struct {
		name   string
		values []float64
		groups []SeedDraws
		t      float64
	}{
		{"seeds alone", one, []SeedDraws{a}, 4.303}, {"another's seeds", one, []SeedDraws{b}, 1.96},
		{"questions alone", noise, []SeedDraws{a, b}, 1.96}, {"no seeds", one, nil, 1.96},
		{"two groups", two, []SeedDraws{a, b}, 2.776}, {"one undefined", undefined, []SeedDraws{a}, 4.303},
	} {
		got, want := SeededInterval(c.values, c.groups), math.Sqrt2*c.t
		if math.Abs(got[0]+want) > 0.07*want || math.Abs(got[1]-want) > 0.07*want {
			t.Errorf("%s: %v, want 0 ± %.2f", c.name, got, want)
		}
	}
}

// TestWidening: a few seeds widen by Student's t, and what seeds hardly explain is not widened.
func TestWidening(t *testing.T) {
	for freedom, want := range map[float64]float64{1: 12.7062 / 1.95996, 2: 4.30265 / 1.95996, 4: 2.77645 / 1.95996,
		99999: 1, 1e6: 1, 1e16: 1, math.Inf(1): 1} {
		if got := wideningOf(freedom); math.Abs(got-want) > 1e-4*want {
			t.Errorf("%g degrees of freedom: %g, want %g", freedom, got, want)
		}
	}
	if got := wideningOf(math.NaN()); got != 1 {
		t.Errorf("not a number: %g", got)
	}
}

// world is where runs come from: questions of different difficulty, seeds that are better and worse
// at all of them and at each, and several samples of each answer.
type world struct {
	questions, seeds, samples int
	difficulty, seed, both    float64 // standard deviations, in logits
	gain                      float64 // of training, in logits
}

// measured draws a base and its trained models, with the questions that they share.
func (w *world) measured(random *rand.Rand) (base Measured, trained []Measured) {
	hard := make([]float64, w.questions)
	for i := range hard {
		hard[i] = w.difficulty * random.NormFloat64()
	}
	answers := func(p func(i int) float64) Measured {
		return asked(w.questions, []string{"en"}, func(_ string, i int) float64 {
			right, chance := 0.0, p(i)
			for range w.samples {
				right += Indicator(random.Float64() < chance)
			}
			return right / float64(w.samples)
		})
	}
	base = answers(func(i int) float64 { return logistic(hard[i] - 1) })
	for range w.seeds {
		better := w.seed * random.NormFloat64()
		trained = append(trained, answers(func(i int) float64 {
			return logistic(hard[i] - 1 + w.gain + better + w.both*random.NormFloat64())
		}))
	}
	return base, trained
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// truth is the gain over all questions and seeds that there could be.
func (w *world) truth() float64 {
	many := *w
	many.questions, many.seeds, many.samples = 2000, 400, 4
	base, trained := many.measured(rand.New(rand.NewPCG(1, 1)))
	sum := 0.0
	for _, m := range trained {
		sum += m.Scores["b"]["en"] / float64(len(trained))
	}
	return sum - base.Scores["b"]["en"]
}

// TestSeedsCover: the 95 % interval of a gain over a base holds the truth about as often as it says,
// with few seeds, whether these or questions matter more; seeds drawn with replacement fall short.
func TestSeedsCover(t *testing.T) {
	const trials = 250
	for _, c := range []struct {
		name     string
		world    world
		resample float64 // the most that drawing seeds with replacement covers
	}{
		{"3 seeds, very different", world{60, 3, 8, 1, 1, 0.2, 0.8}, 0.85},
		{"3 seeds", world{60, 3, 4, 1, 0.5, 0.2, 0.8}, 0.9},
		{"3 seeds, alike", world{60, 3, 8, 1, 0.2, 0.2, 0.8}, 0.95},
		{"5 seeds", world{60, 5, 4, 1, 0.5, 0.2, 0.8}, 0.93},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			truth := c.world.truth()
			seeded, drawn := 0.0, 0.0
			random := rand.New(rand.NewPCG(17, 4))
			for trial := range trials {
				base, trained := c.world.measured(random)
				r := rand.New(rand.NewPCG(uint64(trial), 9))
				b := Bootstrap{Models: append([]Measured{base}, trained...), Full: 1, Replicates: 400,
					Seed: uint64(trial)}
				var all, again []float64
				var draws SeedDraws
				b.Each(func(s []Scores) {
					gain := func(weights []float64) float64 {
						return Averaged(s[1:], weights, 1)["b"]["en"] - s[0]["b"]["en"]
					}
					k := c.world.seeds
					draws = append(draws, SeedWeights(k, r))
					all = append(all, gain(draws[len(draws)-1]))
					w := Redraw(k, r.IntN)
					for i := range w {
						w[i] /= float64(k)
					}
					again = append(again, gain(w))
				})
				holds := func(i Interval) float64 { return Indicator(i[0] <= truth && truth <= i[1]) / trials }
				seeded += holds(SeededInterval(all, []SeedDraws{draws}))
				drawn += holds(Percentiles(again))
			}
			t.Logf("the interval holds the truth, %.4f, in %.1f %% of %d trials; with seeds drawn in %.1f %%", truth,
				100*seeded, trials, 100*drawn)
			if seeded < 0.9 {
				t.Errorf("the interval holds the truth in %.1f %% of trials, want 95", 100*seeded)
			}
			if drawn > c.resample {
				t.Errorf("seeds drawn with replacement cover %.1f %%: there is no need of more", 100*drawn)
			}
		})
	}
}

// TestAveraged: cells are averaged one by one and stay accuracies; what one lacks is missing.
func TestAveraged(t *testing.T) {
	a := Scores{"b": {"en": 0.2, "de": 0.4, "fr": 0.1}}
	b := Scores{"b": {"en": 0.6, "de": 1, "th": 0.1}}
	for _, c := range []struct {
		weights []float64
		want    string
	}{
		{[]float64{0.5, 0.5}, "map[b:map[de:0.7 en:0.4]]"}, {[]float64{-0.5, 1.5}, "map[b:map[de:1 en:0.8]]"},
		{[]float64{2, -1}, "map[b:map[de:0 en:0]]"},
	} {
		got := Averaged([]Scores{a, b}, c.weights, 1)
		for _, l := range []string{"en", "de"} {
			got["b"][l] = Round(got["b"][l], 9)
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("weights %v: %v, want %s", c.weights, got, c.want)
		}
	}
}
