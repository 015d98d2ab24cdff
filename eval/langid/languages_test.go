package langid

import (
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stele-lm/stele/internal/jsonl"

	"github.com/stele-lm/stele/eval/language"
)

// sentence is a text of testdata. sentences.jsonl has reasoning with LaTeX, of one
// sentence, of two, and of four or five, in each of many languages; loanwords.jsonl
// reasoning in the study's with names, units, code, formulas and words of others.
type sentence struct{ lang, text string }

func readSentences(t testing.TB, name string) []sentence {
	in, err := jsonl.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var all []sentence
	for {
		record, err := in.Next()
		if err == io.EOF {
			return all
		}
		var s sentence
		for key, to := range map[string]*string{"lang": &s.lang, "text": &s.text} {
			if err == nil {
				_, err = record.Decode(key, to)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
}

// TestManyLanguages: reasoning is named by its language, whichever it is, and is off
// target for each of the study's languages but its own.
func TestManyLanguages(t *testing.T) {
	d := New()
	languages := map[string]bool{}
	for _, s := range readSentences(t, "sentences.jsonl") {
		languages[s.lang] = true
		lang, confidence := d.Detect(s.text)
		if lang != s.lang || confidence <= 0 || confidence > 1 {
			t.Errorf("%q is %s (%.4f), want %s", s.text, lang, confidence, s.lang)
		}
		for _, want := range append(slices.Clone(language.Study()), s.lang) {
			if off, lang := d.OffTarget(s.text, want); off != (want != s.lang) {
				t.Errorf("%q, wanted in %s, is %s: off target %v", s.text, want, lang, off)
			}
		}
	}
	if len(languages) < 80 {
		t.Errorf("only %d languages", len(languages))
	}
}

// TestLoanwords: what stands in reasoning beside its own words is no other language.
func TestLoanwords(t *testing.T) {
	d := New()
	for _, s := range readSentences(t, "loanwords.jsonl") {
		if off, lang := d.OffTarget(s.text, s.lang); off {
			t.Errorf("%q, wanted in %s, is %s", s.text, s.lang, lang)
		}
		if lang, _ := d.Detect(s.text); lang != s.lang {
			t.Errorf("%q is %s, want %s", s.text, lang, s.lang)
		}
	}
}

// TestFormulas: names of variables, points, functions and units are in no language,
// with LaTeX's marks or without.
func TestFormulas(t *testing.T) {
	d := New()
	for _, text := range []string{
		"y", "a", "e", "I", "a e", "y = 3x + 2, a = 5", "f(x) = e^x", "a + b = c", "2 y 3", "y, y, y", "x1, x2, y_1",
		"e = mc^2",
		"y = a*x + b; y(0) = e", "sin x + cos y = 1", "max(a, b) = log n mod 7", "gcd(12, 18) = 6",
		"lim f(x) = ln 2", "AB = 5, BC = 7",
		"∠ABC = 90°", "△ABC ~ △DEF", "5 km = 5000 m", "Δx = 5, α + β = π", "S = πr²", "O(n log n)",
		"dy/dx = 2x", "а = 5, в = 3",
		"س + ص = ٥", "𝑥 + 𝑦 = 𝑎", "ｙ ＝ ３", "xyz", "i = 0; j = 1", "A) 3", "(a) 5 (b) 6", "ℝ ⊂ ℂ",
		"y'' + y = 0", "a₁ + a₂ = 0", "x ∈ A ∪ B",
		"3xy + 2ab", "n! / k!", "v = 5 m/s", "μ = 0, σ = 1", "kx + b = y", "ax² + bx + c = 0",
		"12 kg + 300 g", "x → ∞",
	} {
		for _, want := range []string{"en", "sw", "es"} {
			lang, confidence := d.Judge(text, want)
			if lang != None || confidence != 0 {
				t.Errorf("%q, wanted in %s, is %s (%.4f), want none; cleaned %q", text, want, lang,
					confidence, Clean(text))
			}
		}
	}
	// A word beside them is one.
	for text, want := range map[string]string{
		"y = 3x + 2, tunapata y = 14 kwa hiyo jibu": "sw", "la suma de a y b es c": "es",
		"x e y são números inteiros positivos": "pt",
		"the value of y is a":                  "en",
	} {
		if lang, _ := d.Detect(text); lang != want {
			t.Errorf("%q is %s, want %s", text, lang, want)
		}
	}
}

// TestUndetermined: letters of no known language are of none, not English.
func TestUndetermined(t *testing.T) {
	d := New()
	for _, text := range []string{
		// Uzbek in Latin script
		"Avval ikkita sonni qo'shamiz, keyin yig'indini uchga bo'lamiz. Demak, javob o'n yetti bo'ladi.",
		"ᚠᚢᚦ ᚨᚱᚲ ᚷᚹ", "𐎀𐎁𐎂 𐎃𐎄𐎅", "𓀀𓀁𓀂 𓀃𓀄",
	} {
		for _, want := range language.Study() {
			if lang, confidence := d.Judge(text, want); lang != Undetermined || confidence != 0 {
				t.Errorf("%q, wanted in %s, is %s (%.4f)", text, want, lang, confidence)
			}
		}
	}
}

// TestCandidates: they choose among relatives, and make no foreign script theirs.
func TestCandidates(t *testing.T) {
	study, err := Among([]string{"study"}, language.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	few, err := Among([]string{"en", "pt-BR", "no"}, language.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range readSentences(t, "sentences.jsonl") {
		lang, confidence := study.Detect(s.text)
		if latin := slices.Contains(builtin().latin, s.lang); latin &&
			!slices.Contains(builtin().preferred, lang) || !latin &&
			slices.Contains(builtin().preferred, lang) {
			t.Errorf("among the study's languages %q is %s (%.4f)", s.text, lang, confidence)
		}
		if slices.Contains(language.Study(), s.lang) && lang != s.lang {
			t.Errorf("among the study's languages %q is %s, want %s", s.text, lang, s.lang)
		}
		if (s.lang == "ko" || s.lang == "hi" || s.lang == "el") && lang != s.lang {
			t.Errorf("among the study's languages %q is %s, want %s", s.text, lang, s.lang)
		}
		if s.lang == "uk" && lang != "ru" {
			t.Errorf("among the study's languages %q is %s, want ru", s.text, lang)
		}
		if confidence <= 0 {
			t.Errorf("%q is %s with confidence %v", s.text, lang, confidence)
		}
		if lang, _ := few.Detect(s.text); slices.Contains([]string{"en", "pt", "nb", "ru", "th"}, s.lang) &&
			lang != s.lang {
			t.Errorf("among en, pt and nb %q is %s, want %s", s.text, lang, s.lang)
		}
	}
	if d, err := Among([]string{"all"}, language.Builtin()); err != nil || d.among != nil {
		t.Errorf("all: %v, %v", d, err)
	}
	for _, codes := range [][]string{{"xx"}, {"en", ""}, {"en", "all"}} {
		if _, err := Among(codes, language.Builtin()); err == nil {
			t.Errorf("%q is taken", codes)
		}
	}
}

// TestAnyText: any text gets a known verdict, the same each time, with a confidence that
// is 0 only where no language is named. Lingua is too slow to be fuzzed.
func TestAnyText(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	d := New()
	texts := append(readSentences(t, "loanwords.jsonl"), readSentences(t, "sentences.jsonl")...)
	cut := func() string {
		text := []rune(texts[random.IntN(len(texts))].text)
		from := random.IntN(len(text))
		return string(text[from : from+random.IntN(len(text)-from)+1])
	}
	for range 60 {
		text, want := cut()+" "+cut(), texts[random.IntN(len(texts))].lang
		if random.IntN(4) == 0 {
			text = text[random.IntN(len(text)):] // perhaps amid a letter
		}
		lang, confidence := d.Detect(text)
		named := language.Builtin().Lookup(lang) != nil
		if !named && lang != None && lang != Undetermined || confidence < 0 || confidence > 1 ||
			(confidence > 0) != named {
			t.Errorf("%q is %q with confidence %v", text, lang, confidence)
		}
		if l, c := d.Detect(text); l != lang || c != confidence {
			t.Errorf("%q is %q (%v) and then %q (%v)", text, lang, confidence, l, c)
		}
		if l, c := d.Judge(text, want); l != want && l != lang || l == want && c <= 0 {
			t.Errorf("%q, wanted in %q, is %q (%v), and %q for all", text, want, l, c, lang)
		}
	}
}
