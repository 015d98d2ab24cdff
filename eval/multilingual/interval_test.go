package multilingual

import (
	"math"
	"slices"
	"testing"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/metric"
)

// TestIntervals: the interval of a share over n questions is near 1.96 of its standard error, takes
// samples of a question together, is the same for the same seed, and is none where there is nothing
// to draw.
func TestIntervals(t *testing.T) {
	var points []point
	const n = 200
	for i := range n {
		for range 3 { // alike: no more is known than of one
			points = append(points, point{id: string(rune('a' + i)), value: metric.Indicator(i%4 == 0), defined: true})
		}
	}
	a := &Asked{Replicates: 1000, Seed: 3}
	by, mean := a.intervals(map[string][]point{"en": points, "de": points})
	half := 1.96 * math.Sqrt(0.25*0.75/n)
	for _, ci := range []*metric.Interval{by["en"], by["de"], mean} {
		if ci == nil || math.Abs(ci[0]-(0.25-half)) > 0.015 || math.Abs(ci[1]-(0.25+half)) > 0.015 {
			t.Errorf("%v, want about %g ± %g", ci, 0.25, half)
		}
	}
	if *by["en"] != *mean {
		t.Errorf("the same answers in both languages: %v, and %v of their mean", by["en"], mean)
	}
	again, _ := a.intervals(map[string][]point{"en": points})
	if *again["en"] != *by["en"] {
		t.Errorf("%v, then %v", by["en"], again["en"])
	}
	for name, of := range map[string][]point{"one question": points[:3], "all alike": points[3:12], "none": nil} {
		if by, _ := a.intervals(map[string][]point{"en": of}); by["en"] != nil {
			t.Errorf("%s: %v", name, by["en"])
		}
	}
	none := &Asked{}
	if by, mean := none.intervals(map[string][]point{"en": points}); by["en"] != nil || mean != nil {
		t.Error("intervals that were not asked for")
	}
}

// TestIntervalsOfMeasures: each measure has intervals around it where they are asked for.
func TestIntervalsOfMeasures(t *testing.T) {
	var questions, other []string
	for i := range 9 {
		questions = append(questions, "7")
		other = append(other, []string{"7", "8", "9"}[i%3])
	}
	samples := slices.Concat(answersOf("en", questions...), answersOf("de", other...))
	for i := range samples {
		s := &samples[i]
		s.Output = "Zuerst addieren wir die beiden Zahlen."
		if i%2 == 0 {
			s.Output = "First we add the two numbers. Dann teilen wir die Summe durch drei."
		}
		s.Identified = eval.Identified{Lang: []string{"en", "de"}[i%2], AnswerLang: "none"}
	}
	m := measured(t, samples, Asked{Replicates: 200})
	around := func(name string, x *float64, ci *metric.Interval) {
		if x == nil || ci == nil || *x < ci[0] || *x > ci[1] || ci[1] <= ci[0] {
			t.Errorf("%s: %g, %v", name, show(x), ci)
		}
	}
	for _, language := range []string{"en", "de"} {
		w, s, c := m.Words["b"].Languages[language], m.Switches["b"].Languages[language],
			m.Consistency["b"].Languages[language]
		around("words "+language, w.Reasoning, w.ReasoningCI)
		around("switches "+language, s.Mean, s.MeanCI)
		around("consistency "+language, c.All, c.AllCI)
	}
	a := m.Agreement["b"]
	around("same", a.Same[0][1], a.SameCI[0][1])
	if bare := measured(t, samples, Asked{}); bare.Agreement["b"].SameCI != nil ||
		bare.Words["b"].Mean.ReasoningCI != nil {
		t.Error("intervals that were not asked for")
	}
}
