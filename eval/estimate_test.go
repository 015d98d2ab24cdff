package eval

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/eval/metric"
)

// TestPassAt compares the estimator with its definition: the share of all choices
// of k samples that hold a right one.
func TestPassAt(t *testing.T) {
	for n := 1; n <= 7; n++ {
		for c := 0; c <= n; c++ {
			for k := 1; k <= n; k++ {
				hit, all := 0, 0
				for set := range 1 << n {
					chosen, right := 0, 0
					for i := range n {
						if set>>i&1 == 1 {
							chosen++
							if i < c {
								right++
							}
						}
					}
					if chosen == k {
						all++
						if right > 0 {
							hit++
						}
					}
				}
				if got, want := passAt(n, c, k), float64(hit)/float64(all); math.Abs(got-want) > 1e-12 {
					t.Errorf("%d of %d right: pass@%d is %g, want %g", c, n, k, got, want)
				}
			}
		}
	}
}

func TestMajority(t *testing.T) {
	o := func(pred string, right bool) outcome { return outcome{pred: pred, right: right} }
	for _, c := range []struct {
		name     string
		outcomes []outcome
		want     bool
	}{
		{"most frequent", []outcome{o("2", false), o("3", true), o("3", true)}, true},
		{"most frequent is wrong", []outcome{o("3", true), o("2", false), o("2", false)}, false},
		{"tie, first is right", []outcome{o("3", true), o("2", false), o("2", false), o("3", true)}, true},
		{"tie, first is wrong", []outcome{o("2", false), o("3", true), o("3", true), o("2", false)}, false},
		{"the grader finds them equal", []outcome{o("2", false), o(`\frac{1}{2}`, true), o("2", false),
			o("0.5", true), o("1/2", true)}, true},
		{"no answer does not vote", []outcome{o("", false), o("", false), o("3", true)}, true},
		{"nobody answers", []outcome{o("", false), o("", false)}, false},
	} {
		if got := majority(c.outcomes, func(p []string) []int {
			return grade.Groups(p, grade.Qwen)
		}); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestPassSizes(t *testing.T) {
	for n, want := range map[int]string{1: "[1]", 2: "[1 2]", 4: "[1 2 4]", 6: "[1 2 4 6]",
		16: "[1 2 4 8 16]"} {
		if got := fmt.Sprint(passSizes(n)); got != want {
			t.Errorf("%d samples: %s, want %s", n, got, want)
		}
	}
}

// drawn makes a benchmark's questions with n samples in some languages.
func drawn(random *rand.Rand, questions, languages, n int) strata {
	s := make(strata, languages)
	for i := range s {
		for q := range questions {
			a := answered{id: fmt.Sprint(q)}
			for range n {
				a.outcomes = append(a.outcomes, outcome{right: random.IntN(questions) > q})
			}
			s[i] = append(s[i], a)
		}
	}
	return s
}

func rightShare() func(*answered) float64 {
	return perSample(func(o *outcome) float64 { return metric.Indicator(o.right) })
}

// TestBootstrapAgrees: with many questions the interval is the mean ± 1.96 standard
// errors, for one language and for the mean over languages that share questions.
func TestBootstrapAgrees(t *testing.T) {
	s := drawn(rand.New(rand.NewPCG(1, 2)), 400, 3, 4)
	r := newResample("mgsm", 5, s)
	for name, part := range map[string]strata{"one language": s[:1], "three languages": s} {
		e := part.mean(rightShare(), r)
		for i, sign := range []float64{-1, 1} {
			want := e.Value + sign*1.96**e.SE
			if math.Abs(e.CI[i]-want) > 0.15**e.SE {
				t.Errorf("%s: bound %d is %.4f, want about %.4f (value %.4f, error %.4f)", name, i, e.CI[i],
					want, e.Value, *e.SE)
			}
		}
	}
}

// TestIntervals: an interval is inside what is possible, holds the mean where the
// questions differ, and depends on seed and benchmark alone.
func TestIntervals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "random"), 0))
		s := drawn(random, rapid.IntRange(2, 30).Draw(t, "questions"),
			rapid.IntRange(1, 3).Draw(t, "languages"), rapid.IntRange(1, 4).Draw(t, "n"))
		seed := rapid.Uint64().Draw(t, "seed")
		e := s.mean(rightShare(), newResample("a", seed, s))
		again := s.mean(rightShare(), newResample("a", seed, s))
		if *e.CI != *again.CI {
			t.Fatalf("intervals %v and %v of the same questions", *e.CI, *again.CI)
		}
		if low, high := e.CI[0], e.CI[1]; low < -1e-12 || high > 1+1e-12 || low > e.Value+1e-12 ||
			high < e.Value-1e-12 {
			t.Fatalf("interval %v around %g", *e.CI, e.Value)
		}
	})
	s := drawn(rand.New(rand.NewPCG(1, 2)), 20, 1, 1)
	if a, b := s.mean(rightShare(), newResample("a", 0, s)),
		s.mean(rightShare(), newResample("a", 1, s)); slices.Equal(a.replicates, b.replicates) {
		t.Error("the seed does not matter")
	}
}

// TestAllAlike: where resampling says nothing, the interval is Wilson's, whose bounds are
// known (Newcombe 1998, Table I; Brown, Cai and DasGupta 2001), and no standard error is
// claimed; it narrows with the number of questions, not with that of samples.
func TestAllAlike(t *testing.T) {
	of := func(questions, languages, samples, right int) Estimate {
		s := make(strata, languages)
		for l := range s {
			for q := range questions {
				a := answered{id: fmt.Sprint(q)}
				for k := range samples {
					a.outcomes = append(a.outcomes, outcome{right: k < right})
				}
				s[l] = append(s[l], a)
			}
		}
		return s.mean(rightShare(), newResample("a", 1, s))
	}
	for _, c := range []struct {
		name string
		got  Estimate
		want Interval
	}{
		{"0 of 20", of(20, 1, 1, 0), Interval{0, 0.16113}},
		{"20 of 20", of(20, 1, 1, 1), Interval{0.83887, 1}},
		{"0 of 10", of(10, 1, 1, 0), Interval{0, 0.27753}},
		{"0 of 20 in three languages", of(20, 3, 1, 0), Interval{0, 0.16113}},
		{"0 of 20 with 16 samples", of(20, 1, 16, 0), Interval{0, 0.16113}},
		{"half of the samples of each of 20", of(20, 1, 4, 2), Interval{0.29930, 0.70070}},
	} {
		if c.got.SE != nil || c.got.CI == nil || math.Abs(c.got.CI[0]-c.want[0]) > 1e-5 ||
			math.Abs(c.got.CI[1]-c.want[1]) > 1e-5 {
			t.Errorf("%s: %v (error %v), want %v", c.name, c.got.CI, c.got.SE, c.want)
		}
	}
	// In a mean over benchmarks the spread of one that came out alike counts.
	none, some := of(20, 1, 1, 0), drawn(rand.New(rand.NewPCG(1, 2)), 40, 1, 1)
	varied := some.mean(rightShare(), newResample("b", 1, some))
	both := average([]Estimate{none, varied})
	if both.SE == nil || *both.SE <= *varied.SE/2 ||
		both.CI[1]-both.CI[0] <= (varied.CI[1]-varied.CI[0])/2 || both.CI[0] > both.Value ||
		both.CI[1] < both.Value {
		t.Errorf("mean with 0 of 20: %g ± %v, %v; alone %g ± %g", both.Value, both.SE, both.CI, varied.Value,
			*varied.SE)
	}
	if nothing := average([]Estimate{none, of(30, 1, 1, 0)}); nothing.SE != nil || nothing.CI == nil ||
		nothing.CI[0] != 0 || nothing.CI[1] < 0.02 || nothing.CI[1] > 0.17 {
		t.Errorf("mean of 0 of 20 and 0 of 30: %v, %v", nothing.SE, nothing.CI)
	}
}

// TestOlderResults: results that claim certainty of 0 of 20 are read as they would be
// written now; others stay as they are.
func TestOlderResults(t *testing.T) {
	dir := t.TempDir()
	text := `{"benchmarks": {"a": {"languages": {"en": {"questions": 20, "samples": 20, "accuracy": 0, ` +
		`"accuracy_se": 0, "accuracy_ci95": [0, 0],
		"off_target": 0.25, "off_target_se": 0.1, "off_target_ci95": [0.05, 0.45], "pass@2": 1, "pass@2_se": 0, "pass@2_ci95": [1, 1]}},
		"mean": {"questions": 20, "accuracy": 0, "accuracy_se": 0, "accuracy_ci95": [0, 0]}}}, "mean": {"accuracy": 0, "accuracy_se": 0, "accuracy_ci95": [0, 0]}}`
	if err := os.WriteFile(filepath.Join(dir, resultsName), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := ReadResults(dir)
	if err != nil {
		t.Fatal(err)
	}
	en, mean := r.Benchmarks["a"].Languages["en"], r.Benchmarks["a"].Mean
	if en.AccuracySE != nil || math.Abs(en.AccuracyCI[1]-0.16113) > 1e-5 ||
		math.Abs(mean.AccuracyCI[1]-0.16113) > 1e-5 ||
		*en.OffTargetSE != 0.1 || en.OffTargetCI[1] != 0.45 || en.Several["pass@2"].SE != nil ||
		math.Abs(en.Several["pass@2"].CI[0]-0.83887) > 1e-5 {
		t.Errorf("read as %+v, mean %+v", en, mean)
	}
	if r.Mean.AccuracySE != nil || r.Mean.AccuracyCI != nil {
		t.Errorf("the mean over benchmarks claims %v, %v", r.Mean.AccuracySE, r.Mean.AccuracyCI)
	}
}

// TestMeanOfOne: a mean over one benchmark is that benchmark, with its error and interval,
// also where all its questions came out alike.
func TestMeanOfOne(t *testing.T) {
	for _, right := range []func(i int) bool{func(int) bool { return false },
		func(i int) bool { return i%3 == 0 }} {
		var cell []answered
		for i := range 14 {
			cell = append(cell, answered{id: fmt.Sprint(i), outcomes: []outcome{{right: right(i)}}})
		}
		s := strata{cell}
		e := s.estimate(1, newResample("b", 1, s))
		mean := averageOf([]estimates{e})
		if diff := cmp.Diff(e.score(), mean.score()); diff != "" {
			t.Errorf("-benchmark +mean:\n%s", diff)
		}
	}
}
