package language

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestStudy: the paper's languages, in its order, each with all that is asked of one.
func TestStudy(t *testing.T) {
	want := []string{"en", "es", "ru", "de", "fr", "bn", "th", "sw", "zh", "ja", "te"}
	if got := Study(); !slices.Equal(got, want) {
		t.Fatalf("the study's languages are %v, want %v", got, want)
	}
	table := Builtin()
	if !slices.Equal(table.Asked(), slices.Sorted(slices.Values(slices.Concat(want, Further())))) {
		t.Errorf("asked in %v", table.Asked())
	}
	for i, code := range want {
		l := table.Exact(code)
		if l.Native == "" || l.Decimal == "" || l.Grouping == "" || l.RightToLeft() || table.Rank(code) != i {
			t.Errorf("%s: %+v", code, l)
		}
		before, after := l.Prompts.Around()
		if l.Prompts.Ask("?") != before+"?"+after ||
			!strings.Contains(l.Prompts.Conclude("17"), `\boxed{17}`) {
			t.Errorf("%s: %q, %q", code, before, after)
		}
	}
	for code, want := range map[string]string{"pt-BR": "pt", "no": "nb", "zh_CN": "zh", "FIL": "tl",
		"xx": "xx", "xx-YY": "xx"} {
		if got := table.Code(code); got != want {
			t.Errorf("%s is %s, want %s", code, got, want)
		}
	}
	for code, want := range map[string]bool{"ar": true, "fa": true, "he": true, "dv": true, "hi": false,
		"id": false} {
		if got := table.Exact(code).RightToLeft(); got != want {
			t.Errorf("%s from right to left: %v", code, got)
		}
	}
}

const hindi = `hi:
  native: हिन्दी
  digits: ०१२३४५६७८९
  decimal: "."
  prompts:
    prefix: अनुरोध पर, मैं हिन्दी में सोचना शुरू करूँगा।
    instruction: कृपया हमेशा हिन्दी में सोचें।
    question: "समस्या: {problem}\n\n'उत्तर है: \\boxed{final_answer}।'"
`

// TestFind: the user's file adds languages and changes known ones, and leaves the built-in
// table as it was.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, hindi+"en:\n  native: Anglais\n  prompts: {prefix: In English.}\nqu:\n  name: Quechua\n "+
		" scripts: [Latin]\n  words: kay "+
		"huk\n  also: [que]\n")
	table, err := Find("", dir, dir)
	if err != nil {
		t.Fatal(err)
	}
	hi, en := table.Lookup("hi-IN"), table.Lookup("en")
	if hi.Name != "Hindi" || hi.Letters == "" || hi.Words == "" || hi.Native != "हिन्दी" ||
		hi.Prompts.Conclude("7") != `उत्तर है: \boxed{7}।` {
		t.Errorf("Hindi is %+v", hi)
	}
	if en.Native != "Anglais" || en.Prompts.Prefix != "In English." ||
		en.Prompts.Instruction != Builtin().Lookup("en").Prompts.Instruction ||
		Builtin().Lookup("en").Native != "English" {
		t.Errorf("English is %+v", en)
	}
	order := []string{"qu", "te", "ar", "hi", "en"}
	slices.SortStableFunc(order, func(a, b string) int { return table.Rank(a) - table.Rank(b) })
	if want := []string{"en", "te", "hi", "qu", "ar"}; !slices.Equal(order, want) {
		t.Errorf("in order: %v, want %v", order, want)
	}
	if table.Code("que") != "qu" || len(table.Own()) != 3 || Builtin().Own() != nil {
		t.Errorf("own: %+v", table.Own())
	}
	if none, err := Find(t.TempDir()); err != nil || none != Builtin() {
		t.Errorf("without a file: %v", err)
	}
}

// TestRefused: each wrong entry is refused in a line that names the file and what is wrong.
func TestRefused(t *testing.T) {
	for entry, want := range map[string]string{
		"hi:\n  nativ: x\n":                                                    `did you mean "hi.native"`,
		"Hindi:\n  name: Hindi\n":                                              "not a language's code",
		"und:\n  name: Hindi\n":                                                "not a language's code",
		"xx:\n  native: x\n":                                                   "name: none is given",
		"xx:\n  name: X\n":                                                     "scripts: none",
		"xx:\n  name: X\n  scripts: [Devnagari]\n":                             `did you mean "Devanagari"`,
		"hi:\n  direction: left\n":                                             "expected ltr or rtl",
		"hi:\n  digits: ०१२\n":                                                 "expected ten",
		"hi:\n  digits: ०१२३४५६७८०\n":                                          "ten different",
		"hi:\n  decimal: \",,\"\n":                                             "expected one character",
		"hi:\n  decimal: \",\"\n  grouping: \",\"\n":                           `both ","`,
		"hi:\n  own_letters: {letters: x, share: 2}\n":                         "share is 2",
		"hi:\n  also: [en]\n":                                                  `"en" is that of another`,
		"hi:\n  also: [Hindi]\n":                                               `"Hindi" is not a language's code`,
		"hi:\n  name: A\nxx:\n  name: X\n  scripts: [Latin]\n  also: [hi]\n":   `"hi" is that of another`,
		"cmn:\n  name: Mandarin\n  scripts: [Han]\n":                           "another code of zh",
		"mr:\n  prompts: {prefix: a, instruction: b}\n":                        "question is missing",
		"hi:\n  prompts: {prefix: a, instruction: b, question: c}\n":           "{problem} 0 times",
		"hi:\n  prompts: {prefix: a, instruction: b, question: '{problem}'}\n": "does not show how to answer",
		"hi: 3\n": "hi",
	} {
		dir := t.TempDir()
		write(t, dir, entry)
		_, err := Find(dir)
		if err == nil || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), filepath.Join(dir, File)) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %q", entry, err, want)
		}
	}
}

func write(t *testing.T, dir, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, File), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// FuzzParse: no file of languages ends the program, and what is taken can be asked in.
func FuzzParse(f *testing.F) {
	f.Add([]byte(hindi))
	f.Add(studyText)
	f.Add([]byte("xx:\n  name: X\n  scripts: [Latin]\n  prompts: {prefix: a, instruction: b, question: " +
		"\"'\\\\boxed{final_answer}'\\n{problem}\"}\n"))
	f.Add([]byte("hi: [1]\nhi: {}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		languages, err := parse(text, Builtin())
		if err != nil {
			return
		}
		table := Builtin().With(languages)
		for _, l := range languages {
			if l.Prompts != nil {
				l.Prompts.Conclude("1")
			}
			l.Tables()
			table.Plain(l.Code, string(text))
			l.RightToLeft()
			if table.Lookup(l.Code) != l {
				t.Errorf("%s is not in the table", l.Code)
			}
		}
	})
}
