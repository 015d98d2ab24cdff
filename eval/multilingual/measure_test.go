package multilingual

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/internal/jsonl"
)

// folder writes samples as a run would have.
func folder(t *testing.T, samples []eval.Sample) string {
	t.Helper()
	dir := t.TempDir()
	w, err := jsonl.Create(filepath.Join(dir, samplesName))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for _, s := range samples {
		if err := w.Write(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func measured(t *testing.T, samples []eval.Sample, asked Asked) *Measures {
	t.Helper()
	m, err := Measure(folder(t, samples), &eval.Spec{Grader: "qwen"}, asked)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func is(x *float64, want float64) bool {
	return x == nil && math.IsNaN(want) || x != nil && math.Abs(*x-want) < 1e-12
}

func show(x *float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return *x
}

// spoken are samples whose words were counted by hand (langid.TestWords).
var spoken = []eval.Sample{
	// Six Russian words, four English, four Russian: 10 of 14, no switch (four words are a term).
	{Benchmark: "b", Language: "ru", ID: "1",
		Output: "Сначала сложим два числа, затем возьмём sum of the numbers и разделим на три."},
	// None of eight, and six of six in the answer: the output has 6 of 14.
	{Benchmark: "b", Language: "ru", ID: "2",
		Output: "<think>First we add two numbers and get four.</think>Значит, правильный ответ на вопрос: четыре."},
	{Benchmark: "b", Language: "ru", ID: "3", Output: `$x = 4$, \boxed{4}`}, // no words
	// Five German words, six English, ten German: two switches, 15 of 21.
	{Benchmark: "b", Language: "de", ID: "1", Output: "Zuerst addieren wir die Zahlen. Wait, let me check " +
		"that again. Die Summe ist also vier, und das Ergebnis ist richtig."},
}

func TestWords(t *testing.T) {
	m := measured(t, spoken, Asked{Measures: []string{Words, Switches}})
	ru, de, mean := m.Words["b"].Languages["ru"], m.Words["b"].Languages["de"], m.Words["b"].Mean
	if ru.Samples != 3 || ru.Worded != 2 || !is(ru.Reasoning, (10./14+0)/2) || !is(ru.Output, (10./14+6./14)/2) {
		t.Errorf("ru: %+v, %g and %g", ru, show(ru.Reasoning), show(ru.Output))
	}
	if !is(de.Reasoning, 15./21) || !is(mean.Reasoning, (5./14+15./21)/2) || mean.Samples != 4 {
		t.Errorf("de: %g, mean %+v %g", show(de.Reasoning), mean, show(mean.Reasoning))
	}
	// 21 words in tenths of 2.1: German are the first five, and all after the eleventh.
	want := []float64{1, 1, 0.8 / 2.1, 0, 0, 1.6 / 2.1, 1, 1, 1, 1}
	for i, x := range de.Position {
		if math.Abs(x-want[i]) > 1e-12 {
			t.Errorf("tenth %d: %g, want %g", i, x, want[i])
		}
	}
	if s := m.Switches["b"]; !is(s.Languages["de"].Mean, 2) || !is(s.Languages["de"].Any, 1) ||
		!is(s.Languages["ru"].Mean, 0) || !is(s.Languages["ru"].Any, 0) || !is(s.Mean.Mean, 1) ||
		!is(s.Mean.Any, 0.5) {
		t.Errorf("switches %+v %+v", s.Languages["de"], s.Mean)
	}
	if m.Consistency != nil || m.Agreement != nil || m.Levels != nil {
		t.Error("what was not asked for was measured")
	}
	none := measured(t, spoken[2:3], Asked{Measures: []string{Words, Switches}})
	if w := none.Words["b"].Mean; w.Reasoning != nil || w.Output != nil || w.Position != nil ||
		none.Switches["b"].Mean.Mean != nil {
		t.Errorf("without words: %+v", w)
	}
}

func TestConsistency(t *testing.T) {
	sample := func(language, reasoning, answer string, right bool) eval.Sample {
		return eval.Sample{Benchmark: "b", ID: "1", Language: language, Verdict: right,
			Identified: eval.Identified{Lang: reasoning, AnswerLang: answer}}
	}
	m := measured(t, []eval.Sample{
		sample("sw", "sw", "sw", true),    // all three
		sample("sw", "en", "sw", true),    // question and answer
		sample("sw", "en", "en", false),   // reasoning and answer
		sample("sw", "sw", "none", false), // the answer has no words: question and reasoning
		sample("sw", "und", "und", true),  // no known language is like none
		sample("en", "none", "none", true),
	}, Asked{Measures: []string{Consistency}})
	for language, want := range map[string][5]float64{
		"sw": {2. / 5, 2. / 4, 2. / 4, 2. / 5, 1. / 5},
		"en": {0, math.NaN(), math.NaN(), 0, 0},
		"":   {1. / 5, 2. / 4, 2. / 4, 1. / 5, 1. / 10},
	} {
		c := m.Consistency["b"].Mean
		if language != "" {
			c = m.Consistency["b"].Languages[language]
		}
		for i, x := range []*float64{c.QuestionReasoning, c.ReasoningAnswer, c.QuestionAnswer, c.All, c.AllRight} {
			if !is(x, want[i]) {
				t.Errorf("%q: rate %d is %g, want %g", language, i, show(x), want[i])
			}
		}
	}
	if c := m.Consistency["b"].Languages["sw"]; c.Samples != 5 || c.Answers != 4 {
		t.Errorf("%+v", c)
	}
}

// answersOf makes samples of answers to questions 1, 2, … of which each reference is 7: "7" is right,
// "" is no answer; several samples of a question are set apart by spaces.
func answersOf(language string, questions ...string) (all []eval.Sample) {
	for i, question := range questions {
		for k, answer := range strings.Split(question, " ") {
			all = append(all, eval.Sample{Benchmark: "b", ID: string(rune('1' + i)), Language: language, Sample: k,
				Pred: answer, GT: "7", Reference: "7", Verdict: answer == "7"})
		}
	}
	return all
}

func TestAgreement(t *testing.T) {
	// Of four questions en and de answer alike 1 (right), 2 (wrong, 1/2 and 0.5 are equal), not 3 and 4.
	// Both are wrong on 2 and 4. By chance they would agree on 1/2 · 1/4 of the questions.
	samples := slices.Concat(answersOf("en", "7", "1/2", "7", ""), answersOf("de", "7", "0.5", "8", ""),
		answersOf("fr", "7"))
	a := measured(t, samples, Asked{Measures: []string{Agreement}}).Agreement["b"]
	if !slices.Equal(a.Languages, []string{"de", "en", "fr"}) || a.Options != 0 || a.Different != 0 {
		t.Fatalf("%+v", a)
	}
	const de, en, fr = 0, 1, 2
	if !is(a.Questions[de][en], 4) || !is(a.Same[de][en], 2./4) || !is(a.SameWrong[de][en], 1./2) ||
		!is(a.Kappa[de][en], (0.5-0.125)/(1-0.125)) {
		t.Errorf("de, en: %g questions, same %g, wrong %g, kappa %g", show(a.Questions[de][en]), show(a.Same[de][en]),
			show(a.SameWrong[de][en]), show(a.Kappa[de][en]))
	}
	// One question, right in both: nothing wrong to agree on, and chance alone would agree.
	if !is(a.Same[en][fr], 1) || a.SameWrong[en][fr] != nil || a.Kappa[en][fr] != nil {
		t.Errorf("en, fr: %g %g %g", show(a.Same[en][fr]), show(a.SameWrong[en][fr]), show(a.Kappa[en][fr]))
	}
	for _, m := range [][][]*float64{a.Questions, a.Same, a.SameWrong, a.Kappa} {
		for i := range m {
			if m[i][i] != nil {
				t.Error("the diagonal has a number")
			}
			for k := range m {
				if !is(m[i][k], show(m[k][i])) {
					t.Error("a matrix is not symmetric")
				}
			}
		}
	}
	// Two samples each: 7 and 8 against 7 and 9 agree in one pair of four; of pairs of wrong ones none.
	a = measured(t, slices.Concat(answersOf("en", "7 8"), answersOf("de", "7 9")),
		Asked{Measures: []string{Agreement}}).Agreement["b"]
	if !is(a.Same[0][1], 1./4) || !is(a.SameWrong[0][1], 0) || !is(a.Kappa[0][1], 0) {
		t.Errorf("%g %g %g", show(a.Same[0][1]), show(a.SameWrong[0][1]), show(a.Kappa[0][1]))
	}
}

// TestAgreementOfChoices: of D options chance gives wrong answers that agree, too; a question whose
// references differ between languages does not count.
func TestAgreementOfChoices(t *testing.T) {
	sample := func(language, id, answer, reference string) eval.Sample {
		return eval.Sample{Benchmark: "b", ID: id, Language: language, Pred: answer, GT: reference,
			Verdict: answer == reference}
	}
	a := measured(t, []eval.Sample{
		sample("en", "1", "A", "A"), sample("de", "1", "A", "A"),
		sample("en", "2", "B", "D"), sample("de", "2", "B", "D"),
		sample("en", "3", "B", "C"), sample("de", "3", "A", "D"),
	}, Asked{Measures: []string{Agreement}}).Agreement["b"]
	chance := 0.5*0.5 + 0.5*0.5/3
	if a.Options != 4 || !a.Guessed || a.Different != 1 || !is(a.Questions[0][1], 2) || !is(a.Same[0][1], 1) ||
		!is(a.SameWrong[0][1], 1) || !is(a.Kappa[0][1], (1-chance)/(1-chance)) {
		t.Errorf("%+v: %g %g %g", a, show(a.Questions[0][1]), show(a.Same[0][1]), show(a.Kappa[0][1]))
	}
}

// TestAgreementAsCAPA has numbers that the authors' own function for answers gives (get_kappa_mcqs of
// lm-similarity): of four options, two languages that are right on 3 and 2 of 5 questions, agree on 3, and are
// wrong alike on one.
func TestAgreementAsCAPA(t *testing.T) {
	var samples []eval.Sample
	for i, pair := range []string{"AA", "AA", "AB", "BB", "CD"} { // en, de; all references are A
		for k, language := range []string{"en", "de"} {
			samples = append(samples, eval.Sample{Benchmark: "b", ID: string(rune('1' + i)), Language: language,
				AnswerType: "choice of 4", Pred: pair[k : k+1], GT: "A", Verdict: pair[k] == 'A'})
		}
	}
	a := measured(t, samples, Asked{Measures: []string{Agreement}}).Agreement["b"]
	const expected = 0.6*0.4 + 0.4*0.6/3
	if a.Options != 4 || a.Guessed || !is(a.Same[0][1], 3./5) || !is(a.Kappa[0][1], (0.6-expected)/(1-expected)) {
		t.Errorf("%+v: same %g, kappa %g", a, show(a.Same[0][1]), show(a.Kappa[0][1]))
	}
}

func TestLevels(t *testing.T) {
	sample := func(language, id string, level int, right bool) eval.Sample {
		return eval.Sample{Benchmark: "b", ID: id, Language: language, Level: level, Verdict: right}
	}
	// PolyMath's: 1, 2, 4 and 8 times the accuracies 1/2, 1, 0 and 1/2, over 15.
	samples := []eval.Sample{
		sample("en", "a", 1, true), sample("en", "b", 1, false), sample("en", "c", 2, true),
		sample("en", "d", 3, false), sample("en", "e", 4, true), sample("en", "e", 4, false),
	}
	l := measured(t, samples, Asked{Measures: []string{Levels}}).Levels["b"]
	if !is(l.Languages["en"].Weighted, (1*0.5+2*1+4*0+8*0.5)/15) || !is(l.Mean.Weighted, 6.5/15) ||
		!reflect.DeepEqual(l.Weights, map[int]float64{1: 1, 2: 2, 3: 4, 4: 8}) || l.Without != 0 {
		t.Errorf("%+v: %g", l, show(l.Languages["en"].Weighted))
	}
	weights := map[int]float64{1: 1, 2: 1, 3: 1, 4: 1}
	l = measured(t, samples, Asked{Measures: []string{Levels}, Weights: weights}).Levels["b"]
	if !is(l.Languages["en"].Weighted, 2./4) {
		t.Errorf("of equal weights: %g", show(l.Languages["en"].Weighted))
	}
	// A language without a question of level 2, and a benchmark without levels.
	more := append(slices.Clone(samples), sample("de", "a", 1, true), eval.Sample{Benchmark: "c", Language: "en",
		ID: "x", Verdict: true})
	all := measured(t, more, Asked{Measures: []string{Levels}}).Levels
	if de := all["b"].Languages["de"]; de.Weighted != nil || !is(de.Accuracy[1], 1) || de.Accuracy[2] != nil ||
		!is(all["b"].Mean.Weighted, 6.5/15) {
		t.Errorf("de: %+v", de)
	}
	if c := all["c"]; c.Weights != nil || c.Mean != nil || c.Without != 1 {
		t.Errorf("without levels: %+v", c)
	}
	// Levels that the samples do not say are asked for.
	known := measured(t, more, Asked{Measures: []string{Levels}, LevelOf: func(benchmark, id string) int {
		return map[string]int{"c/x": 3}[benchmark+"/"+id]
	}}).Levels["c"]
	if !is(known.Mean.Weighted, 1) || known.Weights[3] != 4 {
		t.Errorf("%+v", known)
	}
	_, err := Measure(folder(t, samples), &eval.Spec{Grader: "qwen"}, Asked{Weights: map[int]float64{1: 1}})
	if err == nil ||
		!strings.Contains(err.Error(), "level 2") {
		t.Errorf("a weight is missing: %v", err)
	}
	// Levels as far apart as ratings need weights of their own, and that is said; what is below 1 is no level.
	rated := []eval.Sample{sample("en", "a", 2800, true), sample("en", "b", 1200, false)}
	m := measured(t, rated, Asked{Measures: []string{Levels}})
	if en := m.Levels["b"].Languages["en"]; en.Weighted != nil || !is(en.Accuracy[2800], 1) {
		t.Errorf("levels of 1200 and 2800: %+v", en)
	}
	if said := NewLevels(&eval.Spec{}, "").Lacks(m, ""); len(said) != 1 || !strings.Contains(said[0], "up to 2800") {
		t.Errorf("of levels of 1200 and 2800 is said %q", said)
	}
	m = measured(t, rated, Asked{Measures: []string{Levels}, Weights: map[int]float64{1200: 1, 2800: 3}})
	if en := m.Levels["b"].Languages["en"]; !is(en.Weighted, 3./4) {
		t.Errorf("weighted levels of 1200 and 2800: %g", show(en.Weighted))
	}
	below := measured(t, []eval.Sample{sample("en", "a", -1, true)}, Asked{Measures: []string{Levels}}).Levels["b"]
	if below.Weights != nil || below.Without != 1 {
		t.Errorf("a level of -1: %+v", below)
	}
	// A level without weight may be missing, and have one question.
	some := measured(t, []eval.Sample{sample("en", "a", 1, true), sample("en", "b", 1, false),
		sample("en", "c", 2, true), sample("de", "a", 1, true), sample("de", "b", 1, false)},
		Asked{Measures: []string{Levels}, Weights: map[int]float64{1: 1, 2: 0}}).Levels["b"]
	for language, l := range some.Languages {
		if !is(l.Weighted, 0.5) || !is(l.SE, 0.5) {
			t.Errorf("%s: %g ± %g", language, show(l.Weighted), show(l.SE))
		}
	}
	// The error of 1·p/2 + …: two questions of level 1 with one right of two have variance 1/4.
	two := measured(t, []eval.Sample{sample("en", "a", 1, true), sample("en", "b", 1, false),
		sample("en", "c", 2, true), sample("en", "d", 2, true)}, Asked{Measures: []string{Levels}}).Levels["b"]
	if en := two.Languages["en"]; !is(en.Weighted, 2.5/3) || !is(en.SE, math.Sqrt(0.25)/3) {
		t.Errorf("%g ± %g", show(en.Weighted), show(en.SE))
	}
}

func TestAskedWrongly(t *testing.T) {
	for _, a := range []Asked{{Measures: []string{"word"}}, {Weights: map[int]float64{0: 1}},
		{Weights: map[int]float64{1: -1}}, {Weights: map[int]float64{1: math.NaN()}},
		{Weights: map[int]float64{1: math.Inf(1)}}} {
		if a.Check() == nil {
			t.Errorf("%+v was taken", a)
		}
	}
	if err := (&Asked{Measures: []string{"word"}}).Check(); !strings.Contains(err.Error(), "words") {
		t.Error(err)
	}
	for _, text := range []string{"1", "a=1", "1=b", "1=-1", "1=NaN", "0=1", "1=Inf"} {
		if _, err := ParseWeights([]string{text}); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	if _, err := ParseWeights([]string{"1=1", "1=2"}); err == nil {
		t.Error("a level with two weights was taken")
	}
	weights, err := ParseWeights([]string{"1=1", "2=2.5"})
	if err != nil || !reflect.DeepEqual(weights, map[int]float64{1: 1, 2: 2.5}) {
		t.Error(weights, err)
	}
	if _, err := Measure(t.TempDir(), &eval.Spec{}, Asked{}); !os.IsNotExist(err) {
		t.Errorf("no samples: %v", err)
	}
}

// TestEmptyAndTorn: no sample gives no number, and a line that is still written is left out.
func TestEmptyAndTorn(t *testing.T) {
	dir := folder(t, spoken[:1])
	path := filepath.Join(dir, samplesName)
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, append(data, data[:20]...), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := Measure(dir, &eval.Spec{Grader: "qwen"}, Asked{})
	if err != nil || m.Samples != 1 {
		t.Errorf("%+v, %v", m, err)
	}
	if m := measured(t, nil, Asked{}); m.Samples != 0 || len(m.Words)+len(m.Agreement)+len(m.Levels) != 0 {
		t.Errorf("of nothing: %+v", m)
	}
}
