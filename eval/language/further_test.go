package language

import (
	"slices"
	"strings"
	"testing"
)

// TestFurther: the languages that the program asks in beside the study's are whole, and neither rank with it nor
// change the order of the table.
func TestFurther(t *testing.T) {
	table := Builtin()
	for _, code := range []string{"pt", "it", "ko", "ar", "hi", "vi", "id", "tr", "pl", "nl", "uk", "el", "he", "ta"} {
		if !slices.Contains(Further(), code) {
			t.Errorf("not asked in %s", code)
		}
	}
	for _, code := range Further() {
		l := table.Exact(code)
		if l.Native == "" || l.Decimal == "" || l.Grouping == "" || l.Counting == nil || l.Prompts == nil ||
			slices.Contains(Study(), code) || table.Ranked(code) {
			t.Errorf("%s: %+v", code, l)
			continue
		}
		if !strings.Contains(l.Prompts.Conclude("17"), `\boxed{17}`) ||
			!strings.Contains(l.Prompts.Instruction, `\boxed{}`) ||
			strings.Contains(l.Prompts.Conclude("17"), "'") {
			t.Errorf("%s: %q", code, l.Prompts.Conclude("17"))
		}
	}
	if all := table.All(); !slices.Equal(all[:len(Study())], Study()) || all[len(Study())] != "af" ||
		len(all) != len(slices.Compact(slices.Sorted(slices.Values(all)))) {
		t.Errorf("all: %v", all)
	}
}

// TestCounted: an answer in words, or in words and digits, is written in figures in the languages of
// further.yaml; what is no such answer stays as it is.
func TestCounted(t *testing.T) {
	for _, c := range []struct{ code, in, want string }{
		{"ko", `\boxed{3만 5천}`, `\boxed{35000}`},
		{"ko", `\boxed{3만5천 원}`, `\boxed{35000\text{ won}}`},
		{"ko", `\boxed{삼십오}`, `\boxed{35}`},
		{"ko", `\boxed{스물세 명}`, `\boxed{23}`},
		{"ko", `\boxed{1억 2,300만}`, `\boxed{123000000}`},
		{"ko", `\boxed{12\,\text{킬로미터}}`, `\boxed{12\text{ km}}`},
		{"ko", `\boxed{25퍼센트}`, `\boxed{25\%}`},
		{"ko", `\boxed{1.5시간}`, `\boxed{1.5\text{ h}}`},
		{"ko", `\boxed{마이너스 칠}`, `\boxed{-7}`},
		{"ko", `그래서 답은 3만 5천 원입니다.`, `그래서 답은 35000 won입니다.`},
		{"ko", `사과는 모두 12개입니다.`, `사과는 모두 12입니다.`},
		{"ko", `\boxed{12}`, `\boxed{12}`},
		{"ko", `\boxed{삼각형}`, `\boxed{삼각형}`},
		{"ko", `\boxed{삼 오}`, `\boxed{삼 오}`},
		{"ko", `\boxed{3천 5000}`, `\boxed{3천 5000}`},
		{"ko", `\boxed{x = 삼}`, `\boxed{x = 삼}`},
		{"ko", `\boxed{\frac{삼}{2}}`, `\boxed{\frac{삼}{2}}`},
		{"it", `\boxed{duecentotrentacinque}`, `\boxed{235}`},
		{"it", `\boxed{ventuno euro}`, `\boxed{21\text{ euro}}`},
		{"it", `\boxed{tremilacinquecento}`, `\boxed{3500}`},
		{"pt", `\boxed{cento e vinte e três mil}`, `\boxed{123000}`},
		{"pt", `\boxed{2,5 milhões de reais}`, `\boxed{2500000\text{ real}}`},
		{"id", `\boxed{dua ratus tiga puluh lima ribu}`, `\boxed{235000}`},
		{"id", `\boxed{Rp 5 juta}`, `\boxed{5000000\text{ rupiah}}`},
		{"vi", `\boxed{hai trăm ba mươi lăm}`, `\boxed{235}`},
		{"vi", `\boxed{1,5 triệu đồng}`, `\boxed{1500000\text{ dong}}`},
		{"tr", `\boxed{yüzde 25}`, `\boxed{25\%}`},
		{"tr", `\boxed{İki yüz otuz beş}`, `\boxed{235}`},
		{"pl", `\boxed{dwa tysiące trzysta pięć}`, `\boxed{2305}`},
		{"nl", `\boxed{vijfendertig}`, `\boxed{35}`},
		{"nl", `\boxed{drieëntwintig kilometer}`, `\boxed{23\text{ km}}`},
		{"uk", `\boxed{двадцять п'ять тисяч}`, `\boxed{25000}`},
		{"el", `\boxed{διακόσια τριάντα πέντε}`, `\boxed{235}`},
		{"ar", `\boxed{خمسة وثلاثون}`, `\boxed{35}`},
		{"ar", `\boxed{٣٫٥ مليون}`, `\boxed{3500000}`},
		{"ar", `\boxed{مئة وخمسة وثلاثون}`, `\boxed{135}`},
		{"hi", `\boxed{३ लाख ५० हज़ार}`, `\boxed{350000}`},
		{"hi", `\boxed{पच्चीस रुपये}`, `\boxed{25\text{ rupee}}`},
		{"he", `\boxed{שלושים וחמש}`, `\boxed{35}`},
		{"ta", `\boxed{௩ லட்சம்}`, `\boxed{300000}`},
		{"ta", `\boxed{இருபத்து ஐந்து}`, `\boxed{25}`},
		{"ms", `\boxed{lima puluh ringgit}`, `\boxed{50\text{ ringgit}}`},
		{"es", `\boxed{tres mil}`, `\boxed{tres mil}`}, // the strict grader's own
		{"fi", `\boxed{kolme}`, `\boxed{kolme}`},
		{"ko", `\boxed{35`, `\boxed{35`},
		{"ko", ``, ``},
	} {
		if got := Builtin().Counted(c.code, c.in); got != c.want {
			t.Errorf("%s: %q is %q, want %q", c.code, c.in, got, c.want)
		}
		if got := Builtin().Counted(c.code, c.want); got != c.want {
			t.Errorf("%s: %q is not left as it is: %q", c.code, c.want, got)
		}
	}
}

// TestReference: references in words are written in figures, those in digits stay.
func TestReference(t *testing.T) {
	for _, c := range []struct{ code, in, want string }{
		{"ko", "35개", "35"}, {"ko", "3만 5천 원", `35000\text{ won}`}, {"ko", "1,234.5", "1,234.5"},
		{"ko", "정삼각형", "정삼각형"}, {"pt", "1.234", "1.234"}, {"pt", "vinte e três", "23"}, {"de", "drei", "drei"},
	} {
		if got := Builtin().Reference(c.code, c.in, true); got != c.want {
			t.Errorf("%s: %q is %q, want %q", c.code, c.in, got, c.want)
		}
		if got := Builtin().Reference(c.code, c.in, false); got != c.in {
			t.Errorf("%s: %q of a text is %q", c.code, c.in, got)
		}
	}
}

// TestOwnCounting: a file of the user's gives a language its words, adds to those that are known, and is refused
// where they are wrong.
func TestOwnCounting(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, `fi:
  decimal: ","
  grouping: " "
  counting:
    numerals: {kaksi: 2, kolme: 3, viisi: 5}
    magnitudes: {kymmentä: 10, sataa: 100, tuhat: 1000, tuhatta: 1000}
    units: {euroa: euro, kappaletta: ""}
ko:
  counting: {units: {포기: ""}}
`)
	table, err := Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ code, in, want string }{
		{"fi", `\boxed{kolmesataa viisikymmentä euroa}`, `\boxed{350\text{ euro}}`},
		{"fi", `Vastaus on 2,5 tuhatta.`, `Vastaus on 2500.`},
		{"ko", `\boxed{배추 열 포기}`, `\boxed{배추 열 포기}`},
		{"ko", `\boxed{열 포기}`, `\boxed{10}`},
		{"ko", `\boxed{3만 원}`, `\boxed{30000\text{ won}}`},
	} {
		if got := table.Plain(c.code, table.Counted(c.code, c.in)); got != c.want {
			t.Errorf("%s: %q is %q, want %q", c.code, c.in, got, c.want)
		}
	}
	if got := Builtin().Counted("ko", `\boxed{열 포기}`); got != `\boxed{열 포기}` {
		t.Errorf("the built-in table has changed: %q", got)
	}
	for entry, want := range map[string]string{
		"fi: {counting: {numerals: {kolme: -3}}}":    "-3",
		"fi: {counting: {magnitudes: {tuhat: 1}}}":   "expected 10 or more",
		"fi: {counting: {numerals: {3: 3}}}":         "no word",
		"fi: {counting: {units: {euroa: '{x}'}}}":    "expected a name",
		"fi: {counting: {minus: [miinus]}}":          "neither numerals",
		"fi: {counting: {numeral: {kolme: 3}}}":      "numerals",
		"fi: {counting: {numerals: {kolme: three}}}": "numerals",
	} {
		write(t, dir, entry)
		if _, err := Find(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", entry, err, want)
		}
	}
}

// FuzzCounted: no text ends the program, and what was written in figures stays.
// TestFigures: signs stay, a number that was read once is not read again, and groups as English has them are left to
// the graders; whatever is written of x, -x is its negative.
func TestFigures(t *testing.T) {
	for _, c := range []struct{ code, in, want string }{
		{"ko", `\boxed{-5도}`, `\boxed{-5\text{ degree}}`},
		{"ko", `\boxed{-3만}`, `\boxed{-30000}`},
		{"ko", `\boxed{3만}`, `\boxed{30000}`},
		{"pt", `A resposta é 2,125 horas.`, `A resposta é 2.125 h.`},
		{"pt", `\boxed{menos 2,125}`, `\boxed{-2.125}`},
		{"pt", `\boxed{1.234,5}`, `\boxed{1234.5}`},
		{"pt", `\boxed{10,000}`, `\boxed{10,000}`},
		{"pt", `\boxed{1,234,567}`, `\boxed{1,234,567}`},
		{"pt", `\boxed{3,142}`, `\boxed{3.142}`},
		{"pt", `\boxed{7 dúzias}`, `\boxed{7 dúzias}`},
		{"tr", `İlk gün 5 lira. Cevap 25 bin lira.`, `İlk gün 5 lira. Cevap 25000 lira.`},
	} {
		if got := Builtin().Figures(c.code, c.in, true); got != c.want {
			t.Errorf("%s: %s is %s, want %s", c.code, c.in, got, c.want)
		}
	}
	for _, code := range Builtin().further {
		for _, number := range []string{"3", "45", "1000"} {
			for word := range Builtin().Lookup(code).Counting.Magnitudes {
				plain := Builtin().Figures(code, `\boxed{`+number+" "+word+"}", true)
				negative := Builtin().Figures(code, `\boxed{-`+number+" "+word+"}", true)
				if want := strings.Replace(plain, "{", "{-", 1); negative != want && plain != `\boxed{`+number+" "+word+"}" {
					t.Errorf("%s: -%s %s is %s, want %s", code, number, word, negative, want)
				}
			}
		}
	}
}

func FuzzCounted(f *testing.F) {
	f.Add("ko", `\boxed{3만5천 원}`)
	f.Add("ar", "٣٫٥ مليون")
	f.Add("it", `\boxed{\text{ventuno}}`)
	f.Add("vi", "1.234,5 triệu đồng")
	f.Fuzz(func(t *testing.T, code, text string) {
		once := Builtin().Counted(code, text)
		if strings.Contains(once, boxed) {
			if again := Builtin().Counted(code, once); again != once {
				t.Errorf("%s: %q is %q, then %q", code, text, once, again)
			}
		}
	})
}
