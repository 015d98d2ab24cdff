package langid

import (
	"errors"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/eval/language"
	"github.com/stele-lm/stele/internal/jsonl"
)

// TestWords has texts whose words were counted by hand. In Han two letters are a word, in Thai four.
func TestWords(t *testing.T) {
	d := New()
	for _, c := range []struct {
		want, text string
		runs       []Run
	}{
		{"en", `First we add 3 and 4: $3 + 4 = 7$. So the answer is \boxed{7}.`, []Run{{"en", 8}}},
		{"zh", "首先我们计算总和。Then we add the numbers together. 所以答案是四。",
			[]Run{{"zh", 4}, {"en", 6}, {"zh", 3}}},
		{"sw", "Kwanza tunajumlisha namba mbili. Then we divide the sum by three, so the result is " +
			"four. Kwa hiyo jibu ni nne.", []Run{{"sw", 4}, {"en", 12}, {"sw", 5}}},
		// Too short to tell one by one, told together with what follows.
		{"sw", "So yes. Okay. The total is four apples and two oranges.", []Run{{"en", 11}}},
		// "ok" can be in any language of its script: in that of what stands before it.
		{"en", "Zuerst addieren wir die beiden Zahlen und teilen dann durch drei. Ok.", []Run{{"de", 12}}},
		{"sw", "Ok.", []Run{{"sw", 1}}},
		{"ru", "Сначала сложим два числа, затем возьмём sum of the numbers и разделим на три.",
			[]Run{{"ru", 6}, {"en", 4}, {"ru", 4}}},
		{"de", "Zuerst addieren wir die Zahlen. Wait, let me check that again. Die Summe ist also vier, und " +
			"das Ergebnis ist richtig.", []Run{{"de", 5}, {"en", 6}, {"de", 10}}},
		{"te", "మొదట రెండు సంఖ్యలను కలుపుదాం. Then we divide by three.", []Run{{"te", 4}, {"en", 5}}},
		{"ja", "まず合計を計算します。首先我们计算所有苹果的总数量是多少。", []Run{{"ja", 5}, {"zh", 8.5}}},
		{"th", "เราบวก", []Run{{"th", 1.5}}},
		{"fr", "x = 3", nil},
		{"fr", "```\nfor the sum of all\n```", nil},
		{"fr", "", nil},
	} {
		if got := d.Words(c.text, c.want); !slices.Equal(got, c.runs) {
			t.Errorf("%q for %s: %v, want %v", c.text, c.want, got, c.runs)
		}
	}
}

// TestWordsOfStudy: texts in one language are in it, all but one word in fifty, without a switch.
func TestWordsOfStudy(t *testing.T) {
	d := New()
	in, all := map[string]float64{}, map[string]float64{}
	for _, s := range readSentences(t, "sentences.jsonl") {
		if !slices.Contains(language.Study(), s.lang) {
			continue
		}
		runs := d.Words(s.text, s.lang)
		share, n := Share(runs, s.lang)
		in[s.lang] += share * n
		all[s.lang] += n
		if Switches(runs) != 0 {
			t.Errorf("%s: %q switches: %v", s.lang, s.text, runs)
		}
		if again := d.Words(s.text, s.lang); !slices.Equal(again, runs) {
			t.Errorf("%s: %v, then %v", s.text, runs, again)
		}
	}
	if len(all) != len(language.Study()) {
		t.Errorf("texts in %d languages", len(all))
	}
	for l, n := range all {
		if in[l] < 0.95*n {
			t.Errorf("%s: %.1f of %.1f words", l, in[l], n)
		}
	}
}

func TestShareAndParts(t *testing.T) {
	runs := []Run{{"zh", 4}, {"en", 6}, {"zh", 3}}
	if share, words := Share(runs, "zh"); math.Abs(share-7.0/13) > 1e-12 || words != 13 {
		t.Errorf("%g of %g", share, words)
	}
	if share, words := Share(nil, "zh"); share != 0 || words != 0 || Parts(nil, "zh", 10) != nil {
		t.Errorf("of nothing: %g of %g", share, words)
	}
	// 13 words in two parts of 6.5: 4 of the first are zh; of the second, which begins with 3.5
	// words of en, the last 3.
	got := Parts(runs, "zh", 2)
	for i, want := range []float64{4 / 6.5, 3 / 6.5} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("part %d: %g, want %g", i, got[i], want)
		}
	}
	// Parts are as long as each other, so that their mean is the whole.
	sum := 0.0
	for _, x := range Parts(runs, "zh", 10) {
		sum += x / 10
	}
	if math.Abs(sum-7.0/13) > 1e-12 {
		t.Errorf("the mean of ten parts is %g", sum)
	}
}

func TestSwitches(t *testing.T) {
	for _, c := range []struct {
		runs string
		want int
	}{
		{"", 0}, {"en 100", 0}, {"en 100 de 5", 1}, {"en 100 de 5 en 9", 2},
		{"en 100 de 4 en 9", 0},      // a quotation
		{"en 4 de 1 en 4 ru 20", 1},  // what a name interrupts is one
		{"en 1 de 1 en 1 de 1", 0},   // nothing but short ones
		{"en 10 und 8 de 10", 1},     // no known language is none to switch to
		{"en 10 de 6 fr 6 en 10", 3}, // each border
		{"sw 12 en 30 sw 3 en 30 sw 5", 2},
	} {
		var runs []Run
		fields := strings.Fields(c.runs)
		for i := 0; i < len(fields); i += 2 {
			n := 0.0
			for _, digit := range fields[i+1] {
				n = 10*n + float64(digit-'0')
			}
			runs = append(runs, Run{fields[i], n})
		}
		before := slices.Clone(runs)
		if got := Switches(runs); got != c.want {
			t.Errorf("%s: %d, want %d", c.runs, got, c.want)
		}
		if !slices.Equal(runs, before) {
			t.Errorf("%s: became %v", c.runs, runs)
		}
	}
}

// FuzzWords: the words of a text are those of Clean, counted as the detector does.
func FuzzWords(f *testing.F) {
	for _, text := range sentences {
		f.Add(text, "en")
	}
	f.Add("a, b. 3 и の 4x合", "zh")
	d := New()
	f.Fuzz(func(t *testing.T, text, want string) {
		if len(text) > 400 {
			t.Skip()
		}
		runs := d.Words(text, want)
		share, n := Share(runs, want)
		if (n > 0) != (Clean(text) != "") || share < 0 || share > 1 || math.IsNaN(share) {
			t.Errorf("%q: %g of %g, %v", text, share, n, runs)
		}
		for i, r := range runs {
			if r.Words <= 0 || i > 0 && runs[i-1].Lang == r.Lang {
				t.Errorf("%q: %v", text, runs)
			}
		}
		for _, part := range Parts(runs, want, 10) {
			if part < 0 || part > 1 {
				t.Errorf("%q: parts %v", text, Parts(runs, want, 10))
			}
		}
	})
}

// BenchmarkWords is beside Detect on the same texts: what the share of words costs.
func BenchmarkWords(b *testing.B) {
	d := New()
	var texts []string
	words := 0.0
	for _, s := range readSentences(b, "sentences.jsonl") {
		if slices.Contains(language.Study(), s.lang) {
			texts = append(texts, s.text)
			d.Detect(s.text)
			_, n := Share(d.Words(s.text, s.lang), s.lang)
			words += n
		}
	}
	words /= float64(len(texts))
	for name, f := range map[string]func(string){
		"detect": func(text string) { d.Detect(text) },
		"words":  func(text string) { d.Words(text, "en") },
	} {
		b.Run(name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				f(texts[i%len(texts)])
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/words, "µs/word")
		})
	}
}

// questionsOf reads the first questions of MGSM in a language.
func questionsOf(t *testing.T, lang string, n int) (texts []string) {
	t.Helper()
	path := filepath.FromSlash("../../../shared/data/mgsm/" + lang + ".jsonl")
	in, err := jsonl.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no %s", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for len(texts) < n {
		record, err := in.Next()
		if err != nil {
			t.Fatal(err)
		}
		var problem string
		if _, err := record.Decode("problem", &problem); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, problem)
	}
	return texts
}

// TestWordsOfQuestions: questions are in their language, and one in English with its translation
// below it has the words of each and one switch.
func TestWordsOfQuestions(t *testing.T) {
	const n = 20
	d := New()
	english := questionsOf(t, "en", n)
	switched := 0
	for _, l := range language.Study() {
		in, all, off := 0.0, 0.0, 0.0
		for i, text := range questionsOf(t, l, n) {
			runs := d.Words(text, l)
			share, words := Share(runs, l)
			in += share * words
			all += words
			switched += Switches(runs)
			if l == "en" {
				continue
			}
			_, ours := Share(d.Words(english[i], "en"), "en")
			share, _ = Share(d.Words(english[i]+"\n"+text, l), l)
			off += math.Abs(share-words/(words+ours)) / n
		}
		if in < 0.985*all || off > 0.03 {
			t.Errorf("%s: %.4f of the words, beside English off by %.3f", l, in/all, off)
		}
	}
	if switched > 3 { // of 220 questions
		t.Errorf("%d switches", switched)
	}
}
