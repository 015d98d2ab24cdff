package metric

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// asked makes answers of one benchmark: question i of each language is right when
// right says so.
func asked(questions int, languages []string, right func(language string, i int) float64) Measured {
	m := Measured{Scores: Scores{"b": {}}, Answers: Answers{"b": {}}}
	for _, l := range languages {
		m.Answers["b"][l] = map[string]float64{}
		sum := 0.0
		for i := range questions {
			x := right(l, i)
			m.Answers["b"][l][fmt.Sprint(i)] = x
			sum += x
		}
		m.Scores["b"][l] = sum / float64(questions)
	}
	return m
}

func accuracy(model int, language string) func([]Scores) []*float64 {
	return func(s []Scores) []*float64 {
		x := s[model]["b"][language]
		return []*float64{&x}
	}
}

// TestBootstrapOfAMean: the interval of an accuracy is that of the normal
// approximation, for questions and for trials.
func TestBootstrapOfAMean(t *testing.T) {
	const n = 400
	m := asked(n, []string{"en"}, func(_ string, i int) float64 { return float64(i % 2) })
	counted := Measured{Scores: m.Scores, Trials: map[string]map[string]int{"b": {"en": n}}}
	want := 1.96 * 0.5 / math.Sqrt(n)
	for name, measured := range map[string]Measured{"questions": m, "trials": counted} {
		b := Bootstrap{Models: []Measured{measured}, Full: 1, Replicates: 4000, Seed: 7}
		i := b.Intervals(accuracy(0, "en"))[0]
		if math.Abs(0.5-i[0]-want) > 0.1*want || math.Abs(i[1]-0.5-want) > 0.1*want {
			t.Errorf("%s: interval %v, want 0.5 ± %.4f", name, *i, want)
		}
	}
}

// TestBootstrapIsPaired: a question counts in all models and languages at once, so
// that a difference that every question shows has no spread.
func TestBootstrapIsPaired(t *testing.T) {
	languages := []string{"en", "de"}
	base := asked(50, languages, func(_ string, i int) float64 { return float64(i%4) / 8 })
	trained := asked(50, languages, func(_ string, i int) float64 { return float64(i%4)/8 + 0.25 })
	b := Bootstrap{Models: []Measured{base, trained}, Full: 1, Replicates: 200}
	i := b.Intervals(func(s []Scores) []*float64 {
		d := s[1]["b"]["de"] - s[0]["b"]["de"]
		e := s[1]["b"]["en"] - s[1]["b"]["de"]
		return []*float64{&d, &e}
	})
	if math.Abs(i[0][0]-0.25) > 1e-12 || math.Abs(i[0][1]-0.25) > 1e-12 || math.Abs(i[1][0]) > 1e-12 ||
		math.Abs(i[1][1]) > 1e-12 {
		t.Errorf("intervals %v and %v, want 0.25 and 0 without spread", *i[0], *i[1])
	}
}

// TestBootstrapRepeats: the same seed gives the same replicates, another one others,
// and a model's numbers do not depend on the order of maps.
func TestBootstrapRepeats(t *testing.T) {
	m := asked(30, []string{"en", "de", "fr"},
		func(l string, i int) float64 { return float64((i + len(l)) % 3 / 2) })
	m.Trials = map[string]map[string]int{"b": {"sw": 20}}
	m.Scores["b"]["sw"] = 0.25
	draw := func(seed uint64) []Scores {
		var all []Scores
		b := Bootstrap{Models: []Measured{m}, Full: 1, Replicates: 5, Seed: seed}
		b.Each(func(s []Scores) { all = append(all, s[0]) })
		return all
	}
	if !reflect.DeepEqual(draw(1), draw(1)) {
		t.Error("the same seed gave other replicates")
	}
	if reflect.DeepEqual(draw(1), draw(2)) {
		t.Error("another seed gave the same replicates")
	}
}

// TestBootstrapStaysInRange: accuracies are between 0 and Full, what is exact stays
// as it is, and undefined statistics have no interval.
func TestBootstrapStaysInRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		full := rapid.SampledFrom([]float64{1, 100}).Draw(t, "full")
		p := rapid.Float64Range(0, 1).Draw(t, "accuracy") * full
		n := rapid.IntRange(0, 50).Draw(t, "trials")
		m := Measured{Scores: Scores{"b": {"en": p}}, Trials: map[string]map[string]int{"b": {"en": n}}}
		b := Bootstrap{Models: []Measured{m}, Full: full, Replicates: 20, Seed: 3}
		b.Each(func(s []Scores) {
			x := s[0]["b"]["en"]
			if !(x >= 0 && x <= full*(1+1e-12)) || n == 0 && math.Abs(x-p) > 1e-9*full {
				t.Fatalf("accuracy %g of %g, %d trials, drawn as %g", p, full, n, x)
			}
		})
		count := 0
		i := b.Intervals(func([]Scores) []*float64 {
			count++
			if count <= 3 {
				return []*float64{nil}
			}
			return []*float64{&p}
		})
		if i[0] != nil {
			t.Fatalf("17 of 20 replicates gave the interval %v", *i[0])
		}
	})
}

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		values  []float64
		p, want float64
	}{
		{[]float64{5}, 0.975, 5}, {[]float64{1, 2, 3, 4, 5}, 0.5, 3}, {[]float64{1, 2, 3, 4, 5}, 0.025, 1.1},
		{[]float64{1, 2}, 0.975, 1.975}, {[]float64{1, 2}, 1, 2},
		{[]float64{1, 2, 3, 4}, 0, 1}, {[]float64{1, 2, 3, 4}, 0.5, 2.5}, {[]float64{1, 2, 3, 4}, 1, 4},
		{[]float64{1, 2, 3, 4}, 0.25, 1.75},
	} {
		if got := quantile(c.values, c.p); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("quantile %g of %v is %g, want %g", c.p, c.values, got, c.want)
		}
	}
}

// TestFitCovariance: with exact points the interval has no width, with two points
// there is none, and with noise it holds the truth as often as it says.
func TestFitCovariance(t *testing.T) {
	var points []Point
	for x := 2; x <= 8; x++ {
		points = append(points, Point{x, 2 * math.Pow(float64(x), 0.3)})
	}
	exact, err := Fit(points)
	if err != nil {
		t.Fatal(err)
	}
	if exact.AlphaCI[1]-exact.AlphaCI[0] > 1e-4 || exact.BetaCI[1]-exact.BetaCI[0] > 1e-4 {
		t.Errorf("exact points give intervals %v and %v", *exact.AlphaCI, *exact.BetaCI)
	}
	two, err := Fit(points[:2])
	if err != nil || two.AlphaCI != nil || two.BetaCI != nil {
		t.Errorf("two points: %v, %v, %v", two.AlphaCI, two.BetaCI, err)
	}
	// With noise of a known size the interval holds the truth 19 times in 20.
	holds := 0
	const trials = 400
	random := rand.New(rand.NewPCG(11, 11))
	for range trials {
		noisy := make([]Point, len(points))
		for i, p := range points {
			noisy[i] = Point{p.Languages, p.Value + 0.05*random.NormFloat64()}
		}
		law, err := Fit(noisy)
		if err != nil {
			t.Fatal(err)
		}
		if law.BetaCI[0] <= 0.3 && 0.3 <= law.BetaCI[1] {
			holds++
		}
	}
	if share := float64(holds) / trials; share < 0.92 || share > 0.98 {
		t.Errorf("the interval of β holds the truth in %.1f %% of trials, want 95", 100*share)
	}
}
