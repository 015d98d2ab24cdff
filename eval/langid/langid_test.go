package langid

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stele-lm/stele/internal/jsonl"
)

// sentences in the eleven languages.
var sentences = map[string]string{
	"en": "First we add the two numbers, then we divide the sum by three.",
	"es": "Primero sumamos los dos números y luego dividimos la suma entre tres.",
	"ru": "Сначала сложим два числа, затем разделим сумму на три.",
	"de": "Zuerst addieren wir die beiden Zahlen, dann teilen wir die Summe durch drei.",
	"fr": "D'abord nous additionnons les deux nombres, puis nous divisons la somme par trois.",
	"bn": "প্রথমে আমরা দুটি সংখ্যা যোগ করি, তারপর যোগফলকে তিন দিয়ে ভাগ করি।",
	"th": "ก่อนอื่นเราบวกเลขสองจำนวนแล้วหารผลรวมด้วยสาม",
	"sw": "Kwanza tunajumlisha namba mbili, kisha tunagawanya jumla kwa tatu.",
	"zh": "首先我们把两个数相加，然后把和除以三。",
	"ja": "まず二つの数を足して、その和を三で割ります。",
	"te": "ముందుగా రెండు సంఖ్యలను కలిపి, ఆ మొత్తాన్ని మూడుతో భాగిస్తాము.",
}

func TestSentences(t *testing.T) {
	d := New()
	for want, text := range sentences {
		for _, around := range []string{"%s", "%s $x^2+\\frac{a}{b}$ \\boxed{42}", "<think>%s</think> 17",
			"```python\nprint(1)\n``` %s"} {
			full := strings.Replace(around, "%s", text, 1)
			if got, confidence := d.Detect(full); got != want || confidence <= 0 || confidence > 1 {
				t.Errorf("%q is %s (%.2f), want %s", full, got, confidence, want)
			}
		}
	}
}

func TestShortTexts(t *testing.T) {
	d := New()
	for text, want := range map[string]string{
		"": None, "42": None, "$x+y$": None, "\\boxed{17}": None, "3 + 4 = 7": None, "答案": "zh", "です": "ja",
		"ответ": "ru",
		"উত্তর": "bn", "คำตอบ": "th", "సమాధానం": "te",
	} {
		if got, _ := d.Detect(text); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

// TestTooShortToTell: where the languages of a script cannot be told apart, the one
// that was asked for has the benefit of the doubt, and only it.
func TestTooShortToTell(t *testing.T) {
	d := New()
	for _, c := range []struct{ text, want, lang string }{
		{"ok", "en", "en"}, {"ok", "de", "de"}, {"ok", "ru", "sw"}, {"Total: 5", "es", "es"}, {"Total: 5",
			"fr", "fr"},
		{"答案", "ja", "ja"}, {"答案", "zh", "zh"}, {"答案", "ko", "zh"}, {"です", "zh", "ja"},
		{"首先我们把两个数相加，然后把和除以三。", "ja", "zh"}, {"ответ", "en", "ru"}, {"", "en", None}, {"42", "zh", None},
		{sentences["en"], "de", "en"}, {sentences["sw"], "en", "sw"},
		{"the answer is twenty-five", "es", "en"},
		{"Найдите KE частиц в Pi mu nu, Pi MeV, mu MeV", "ru", "ru"}, // Latin letters of no language
	} {
		lang, confidence := d.Judge(c.text, c.want)
		if lang != c.lang || confidence < 0 || confidence > 1 {
			t.Errorf("%q, wanted in %s, is %s (%.2f); want %s", c.text, c.want, lang, confidence, c.lang)
		}
	}
}

// TestMixedLatin: the language of most words decides, wherever they stand.
func TestMixedLatin(t *testing.T) {
	d := New()
	for _, c := range []struct{ few, most, lang string }{
		{"Auf Anfrage werde ich anfangen, in Deutsch zu denken.",
			"To find the value we need to follow these steps. First, let's calculate the cube. Therefore " +
				"the value is", "en"},
		{"Kwa ombi, nitaanza kufikiria kwa Kiswahili.",
			"A football team played 22 games. They won 8 more than they lost. How many did they win? Let " +
				"the " +
				"number lost be x.", "en"},
		{"Okay, let me think step by step.", sentences["de"] + " " + sentences["de"], "de"},
		{"So the final answer is", sentences["sw"] + " " + sentences["sw"], "sw"},
		{"Poppy tente de résoudre un", "Jetzt rechnen wir aus, wie viele Blumen in der Vase bleiben", "de"},
		{sentences["fr"], strings.Repeat(sentences["es"]+" ", 2), "es"},
		{sentences["es"], strings.Repeat(sentences["fr"]+" ", 40), "fr"},
	} {
		for _, text := range []string{c.few + "\n\n" + c.most, c.most + "\n\n" + c.few} {
			if got, _ := d.Detect(text); got != c.lang {
				t.Errorf("%.90q is %s, want %s", text, got, c.lang)
			}
		}
	}
}

// TestSameVerdict: mixed scripts too get the same verdict and confidence each time, also
// where words mix them, on which lingua's own verdict differs from call to call.
func TestSameVerdict(t *testing.T) {
	d := New()
	for _, text := range []string{
		sentences["en"] + sentences["zh"] + sentences["ja"], sentences["de"] + " " + sentences["fr"],
		"two 加 three plus హలో", "sept plus dix ist 七 と", sentences["sw"] + sentences["ru"],
		" mara psieben\ufffdは五ですmes", "nineteen పద এব Anone二", "sieపదకр十三 เท", "die Zahlや пять apples",
		"моя функцияf(x)равна dos",
		"Hellow世界です das", "عدد apples ثلاثة", "das Ergebnisসাত ist hier", "ответ isноль", "el número五个 es",
	} {
		lang, confidence := d.Detect(text)
		judged, _ := d.Judge(text, "en")
		for range 40 {
			if l, c := d.Detect(text); l != lang || c != confidence {
				t.Fatalf("%q is %s (%v) and then %s (%v)", text, lang, confidence, l, c)
			}
			if l, _ := d.Judge(text, "en"); l != judged {
				t.Fatalf("%q, wanted in en, is judged %s and then %s", text, judged, l)
			}
		}
	}
}

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"She pays $18 a day for 3 days, or $54 in all.": "She pays a day for days or in all",
		"It costs $5 and $10.":                          "It costs and",
		"Es kostet 5$ und nicht 10$.":                   "Es kostet und nicht",
		"from US$5 to US$10":                            "from US to US",
		"left with \\$5, then \\$10":                    "left with then",
		"pays $5, so $x = 5$ holds":                     "pays so holds",
		"花了$5，又花$10。":                                   "花了 又花",
		"ราคา 5$และ10$":                                 "ราคา และ",
		"if $ x $ and $3x$ are":                         "if and are",
		"$12$ apples and $7$ pears":                     "apples and pears",
		"$\\text{total} = 3$ and $18=2\\cdot 9$":        "and",
		"We have $x^2 + 1 = y$ here.":                   "We have here",
		"so \\(a+b\\) and \\[c\\] and $$d$$ end":        "so and and end",
		"\\text{metres} \\frac{1}{2}":                   "metres",
		"a `code` b ```more\ncode``` end":               "a end",
		"see https://example.org/a?b=c now":             "see now",
		"l'été, aujourd'hui":                            "l'été aujourd'hui",
		"<|im_start|>user\nHello<|im_end|>":             "user Hello",
	} {
		if got := Clean(text); got != want {
			t.Errorf("%q cleaned is %q, want %q", text, got, want)
		}
	}
}

// TestGoldens asks two things of texts whose language is known. False off-target:
// how many texts in a language, with LaTeX, code or some English in them, are
// called another language? Missed: how many English texts that begin in the wanted
// language are taken for that language? The texts are those of the reference
// decision table, which has 0.00 % and 0.22 % (1 of 450) for lingua on clean text;
// here none of either kind is wrong. The rules were written with texts of both halves
// in sight, so that neither says how texts that were not seen fare.
func TestGoldens(t *testing.T) {
	path := filepath.FromSlash("../../../shared/data/langid/goldens.jsonl.gz")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the texts are not here: %v", err)
	}
	in, err := jsonl.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	d := New()
	native := []string{"native_latex_heavy", "native_code", "mgsm_exemplar_cot", "mixed_mostly_native"}
	english := []string{"hack_prefix_then_english", "mixed_mostly_english"}
	var natives, falseOff, offs, missed int
	halves := map[string]*[4]int{"dev": {}, "hidden": {}}
	for {
		record, err := in.Next()
		if err == io.EOF {
			break
		}
		var kind, lang, text, split string
		for key, to := range map[string]*string{"kind": &kind, "lang": &lang, "text": &text,
			"split": &split} {
			if err == nil {
				_, err = record.Decode(key, to)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		off, got := d.OffTarget(text, lang)
		if off {
			t.Logf("%s: %s, want %s: %.80q", kind, got, lang, Clean(text))
		}
		half := halves[split]
		if half == nil {
			t.Fatalf("%s: %q is of no half: %q", path, text, split)
		}
		if slices.Contains(native, kind) {
			natives++
			half[0]++
			if off {
				falseOff++
				half[1]++
			}
		}
		if slices.Contains(english, kind) {
			offs++
			half[2]++
			if off { // the text is English, so any other verdict is that of its beginning
				missed++
				half[3]++
			}
		}
	}
	for split, half := range halves {
		t.Logf("%s: false off-target %d of %d, missed %d of %d", split, half[1], half[0], half[3], half[2])
	}
	t.Logf("false off-target %d of %d, missed %d of %d", falseOff, natives, missed, offs)
	if natives < 300 || offs < 150 {
		t.Errorf("only %d and %d texts", natives, offs)
	}
	if falseOff > 0 || missed > 0 {
		t.Errorf("false off-target %d of %d, missed %d of %d; want none", falseOff, natives, missed, offs)
	}
}

func FuzzClean(f *testing.F) {
	for _, text := range sentences {
		f.Add(text + " $x$ 5 \\boxed{1}")
	}
	f.Add("$5 and $6 and \\begin{a}")
	f.Fuzz(func(t *testing.T, text string) {
		clean := Clean(text)
		if utf8.ValidString(text) && !utf8.ValidString(clean) {
			t.Fatalf("%q cleaned is no UTF-8", text)
		}
		if again := Clean(clean); strings.ContainsAny(clean, "$\\0123456789") || len(again) > len(clean) {
			t.Fatalf("%q cleaned is %q and then %q", text, clean, again)
		}
	})
}
