package eval

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/eval/bench"
)

const typedFile = `
unit: percent
questions: {math500: 500, aime24: 30}
samples: {aime24: 16}
models:
  base:
    math500: {en: 50.6, es: 38, ja: null, off_target: 15.69}
    aime24: {en: 2.29, es: 0.21, off_target: {en: 9, es: 11}}
  trained:
    gpqa_diamond: {en: 29.5, es: 0}
    math500: {en: 100, es: 0}
`

// TestAccuracies: accuracies are taken as the counts that they were printed from, with the standard
// error of so many questions; what the file does not say is not known, and stays so through JSON.
func TestAccuracies(t *testing.T) {
	a, err := ParseAccuracies([]byte(typedFile), bench.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.Models, []string{"base", "trained"}) || a.Unit != Percent || a.Told {
		t.Errorf("%+v", a)
	}
	r := a.Results("base", Spec{})
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "accuracy_qwen") || !strings.Contains(string(text), `"truncated":null`) {
		t.Errorf("%s", text)
	}
	again := &Results{}
	if err := json.Unmarshal(text, again); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Results{r, again} {
		if !slices.Equal(r.Settings.Benchmarks, []string{"math500", "aime24"}) ||
			!slices.Equal(r.Settings.Languages, []string{"en", "es"}) || r.Settings.Samples["aime24"] != 16 {
			t.Errorf("%+v", r.Settings)
		}
		math500, aime := r.Benchmarks["math500"], r.Benchmarks["aime24"]
		if s := math500.Languages["en"]; s.Accuracy != 0.506 || s.Questions != 500 || s.Samples != 500 ||
			math.Abs(*s.AccuracySE-math.Sqrt(0.506*0.494/500)) > 1e-15 || !math.IsNaN(s.OffTarget) ||
			!math.IsNaN(s.MeanTokens) || !math.IsNaN(s.Truncated) || !math.IsNaN(s.AnswerOffTarget) {
			t.Errorf("%+v", s)
		}
		// 2.29 % of 480 is 11; 0.21 % is 1.
		if s := aime.Languages["en"]; math.Abs(s.Accuracy-11./480) > 1e-15 || s.OffTarget != 0.09 || s.Samples != 480 {
			t.Errorf("%+v", s)
		}
		if math.Abs(aime.Languages["es"].Accuracy-1./480) > 1e-15 || math.Abs(aime.Mean.OffTarget-0.10) > 1e-15 ||
			aime.Mean.AccuracySE != nil {
			t.Errorf("%+v", aime)
		}
		if math500.Mean.OffTarget != 0.1569 || math.Abs(math500.Mean.Accuracy-0.443) > 1e-15 {
			t.Errorf("%+v", math500.Mean)
		}
		if s := r.Mean; math.Abs(s.Accuracy-(0.443+6./480)/2) > 1e-15 {
			t.Errorf("%+v", s)
		}
		if _, ok := math500.Languages["ja"]; ok {
			t.Error("a lost cell is there")
		}
	}
	// Of an unknown number of questions there is no error; of 0 and 500 of 500 there is Wilson's interval.
	r = a.Results("trained", Spec{})
	if s := r.Benchmarks["gpqa_diamond"].Languages["en"]; s.Questions != 0 || s.Samples < 1 || s.AccuracySE != nil ||
		s.AccuracyCI != nil || s.Accuracy != 0.295 {
		t.Errorf("%+v", s)
	}
	for _, l := range []string{"en", "es"} {
		if s := r.Benchmarks["math500"].Languages[l]; s.AccuracySE != nil || s.AccuracyCI == nil ||
			math.Abs(s.AccuracyCI[1]-s.AccuracyCI[0]-0.0076241) > 1e-6 { // z²/(n + z²)
			t.Errorf("%+v", s)
		}
	}
	if a.Results("other", Spec{}) != nil {
		t.Error("a model that is not there has results")
	}
}

// TestAccuraciesUnit: percent and fractions are told apart as stele metrics does, and give the same.
func TestAccuraciesUnit(t *testing.T) {
	percent, err := ParseAccuracies([]byte("accuracies: {math500: {en: 50.6, te: 0, off_target: 2}}"), bench.Options{})
	if err != nil {
		t.Fatal(err)
	}
	fraction, err := ParseAccuracies([]byte(`{"accuracies": {"math500": {"en": 0.506, "te": 0, "off_target": 0.02}}}`),
		bench.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !percent.Told || !fraction.Told || percent.Unit != Percent || fraction.Unit != Fraction {
		t.Errorf("%+v, %+v", percent, fraction)
	}
	x, errX := json.Marshal(percent.Results("", Spec{}))
	y, errY := json.Marshal(fraction.Results("", Spec{}))
	if errX != nil || errY != nil || string(x) != string(y) {
		t.Errorf("%s\n%s", x, y)
	}
	weak := "unit: percent\naccuracies: {aime24: {en: 0.21, te: 0.63}}"
	if a, err := ParseAccuracies([]byte(weak), bench.Options{}); err != nil ||
		a.Results("", Spec{}).Benchmarks["aime24"].Languages["en"].Accuracy != 0.0021 {
		t.Errorf("%v", err)
	}
}

// TestAccuraciesRefused: what is wrong is named by its key, with what was found and expected.
func TestAccuraciesRefused(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"en: 50.6", "en: 150.6", "models.base.math500.en is 150.6: expected 0 to 100"},
		{"en: 50.6", "en: -1", "models.base.math500.en is -1: expected 0 to 100"},
		{"en: 50.6", "en: .nan", "models.base.math500.en is NaN: expected 0 to 100"},
		{"en: 50.6", "en: .inf", "models.base.math500.en is +Inf: expected 0 to 100"},
		{"en: 50.6", "en: 50.6%", `models.base.math500.en: found "50.6%", expected a number`},
		{"en: 50.6", "en: [50.6]", "models.base.math500.en: found a list, expected a number"},
		{"en: 50.6", "en: 0.506", "models.base.math500.en is 0.506 among percent, and is 253 of 500 as a fraction"},
		{"en: 50.6", "en: 50.6, en: 50.6", "appears twice"},
		{"en: 50.6", "eng: 50.6", `models.base.math500: "eng" is no language`},
		{"off_target: 15.69", "off_targt: 15.69", `did you mean "off_target"`},
		{"off_target: 15.69", "off_target: 115", "models.base.math500.off_target is 115"},
		{"{en: 9, es: 11}", "{en: 9, xx: 11}", `models.base.aime24.off_target: "xx" is no language`},
		{"    math500: {en: 50.6", "    math50: {en: 50.6", `models.base: unknown benchmark "math50"`},
		{"{math500: 500, aime24: 30}", "{math50: 500}",
			`questions.math50: no model of the file has that benchmark, did you mean "math500"?`},
		{"aime24: 30}", "aime24: 0}", "questions.aime24 is 0, expected at least 1"},
		{"aime24: 30}", "aime24: 30.5}", "questions.aime24 is 30.5, expected a whole number"},
		{"samples: {aime24: 16}", "samples: {aime24: -1}", "samples.aime24 is -1, expected at least 1"},
		{"unit: percent", "unit: percents", `unit is "percents": expected percent or fraction`},
		{"unit: percent", "unit: fraction", "models.base.math500.en is 50.6, and unit is fraction: expected 0 to 1"},
		{"unit: percent", "units: percent", `unknown setting "units", did you mean "unit"?`},
		{"  trained:\n", "  base:\n", "appears twice"},
		{"    gpqa_diamond: {en: 29.5, es: 0}", "    gpqa_diamond: 29.5",
			"models.trained.gpqa_diamond: found \"29.5\""},
		{"    gpqa_diamond: {en: 29.5, es: 0}", "    gpqa_diamond: {en: null}",
			"models.trained.gpqa_diamond has no accuracy"},
		{"models:", "accuracies: {math500: {en: 1}}\nmodels:", "expected either accuracies"},
		{"models:", "model:", `unknown setting "model"`},
	} {
		text := strings.Replace(typedFile, c.from, c.to, 1)
		if text == typedFile {
			t.Errorf("%q is not there", c.from)
		}
		if _, err := ParseAccuracies([]byte(text), bench.Options{}); err == nil ||
			!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s → %s: %v, want %s", c.from, c.to, err, c.want)
		}
	}
	for text, want := range map[string]string{
		"": "expected either accuracies", "models: {}": "expected name: {benchmark",
		"models: [a]":     "models: found a list",
		"models: {a: 1}":  `models.a: found "1"`,
		"models: {a: {}}": "models.a is empty",
		"accuracies: {math500: {en: 70, ja: 0.5}}": "accuracies.math500.ja is 0.5, and others of the file reach 70",
		"models: {a: {math500: {en: 70}}, b: {math500: {en: 0.7, ja: 0.1}}}": "no accuracy of b is above 1, others " +
			"of the file reach 70",
		"accuracies: {math500: {off_target: 3}}": "accuracies.math500 has no accuracy",
	} {
		_, err := ParseAccuracies([]byte(text), bench.Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// FuzzAccuracies: no file panics, an error is one line, and what is read is within bounds.
func FuzzAccuracies(f *testing.F) {
	f.Add(typedFile)
	f.Add(`{"accuracies": {"math500": {"en": 0.5, "off_target": {"en": 0.1}}}}`)
	f.Add("models: {a: &x {math500: {en: 70}}, b: *x}")
	f.Add("unit: fraction\nquestions: {mgsm: 250}\nmodels: {a: {mgsm: {en: 1e-3}}}")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAccuracies([]byte(text), bench.Options{})
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q", err)
			}
			return
		}
		for _, m := range a.Models {
			r := a.Results(m, Spec{})
			if _, err := json.Marshal(r); err != nil {
				t.Error(err)
			}
			for b, result := range r.Benchmarks {
				for l, s := range result.Languages {
					if !(s.Accuracy >= 0 && s.Accuracy <= 1) || s.OffTarget < 0 || s.OffTarget > 1 || s.Samples < 1 {
						t.Errorf("%s %s: %+v", b, l, s)
					}
				}
			}
		}
	})
}
