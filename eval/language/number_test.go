package language

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestPlain: the numbers of the user's languages are written as benchmarks write them, and
// those of the study's stay.
func TestPlain(t *testing.T) {
	own := func(code, digits, decimal, grouping string) *Table {
		return Builtin().With([]*Language{{Code: code, Name: code, Scripts: []string{"Latin"}, Digits: digits,
			Decimal: decimal, Grouping: grouping}})
	}
	for _, c := range []struct {
		t              *Table
		code, in, want string
	}{
		{own("ar", "٠١٢٣٤٥٦٧٨٩", "٫", "٬"), "ar", "من ١٬٢٣٤٬٥٦٧٫٨ و −٣", "من 1234567.8 و -3"},
		{own("ar", "٠١٢٣٤٥٦٧٨٩", "٫", "٬"), "en", "١٬٢٣٤", "١٬٢٣٤"},
		{own("id", "", ",", "."), "id", `1.234,5 lalu \boxed{1.234,5}.`, `1.234,5 lalu \boxed{1234.5}.`},
		{own("id", "", ",", "."), "id", `\boxed{-3,5}`, `\boxed{-3.5}`},
		{own("id", "", ",", "."), "id", `\boxed{(1, 2)}`, `\boxed{(1, 2)}`},
		{own("id", "", ",", "."), "id", `\boxed{\frac{3,5}{2}}`, `\boxed{\frac{3,5}{2}}`},
		{own("id", "", ",", "."), "id", `\boxed{3.5}`, `\boxed{3.5}`}, // no group of three: a point
		{own("id", "", ",", "."), "id", `\boxed{3,5`, `\boxed{3,5`},
		{own("id", "", ",", "."), "id", "Jadi 2,5 lalu hasilnya 1.234,5.", "Jadi 2,5 lalu hasilnya 1234.5."},
		{own("id", "", ",", "."), "id", "pukul 10.30", "pukul 10.30"}, // no groups of three
		{own("id", "", ",", "."), "id", "x = 1.2345", "x = 1.2345"},
		{own("id", "", ",", "."), "id", "tidak ada", "tidak ada"},
		{own("hi", "०१२३४५६७८९", ".", ","), "hi", `\boxed{१२,३४,५६७.५}`, `\boxed{1234567.5}`},
		{own("uk", "", ",", " "), "uk", "\\boxed{1\u00a0234 567,5}", `\boxed{1234567.5}`},
		// the user's word on a language of the study
		{own("de", "", ",", "."), "de", `\boxed{3,5}`, `\boxed{3.5}`},
		{Builtin(), "de", `\boxed{3,5}`, `\boxed{3,5}`},
		{own("xx", "abcdefghij", "", ""), "xx", "bca", "120"},
	} {
		if got := c.t.Plain(c.code, c.in); got != c.want {
			t.Errorf("%s: %q is %q, want %q", c.code, c.in, got, c.want)
		}
	}
}

// TestJSON: a language that a manifest keeps comes back as it was, and one that is not
// whole is refused.
func TestJSON(t *testing.T) {
	text, err := json.Marshal(Builtin().Lookup("ru"))
	if err != nil {
		t.Fatal(err)
	}
	var l Language
	if err := json.Unmarshal(text, &l); err != nil {
		t.Fatal(err)
	}
	if again, _ := json.Marshal(&l); string(again) != string(text) {
		t.Errorf("%s came back as %s", text, again)
	}
	for _, wrong := range []string{`{"code":"xx","name":"X"}`, `{"code":"xx","name":"X","scripts":["Latn"]}`,
		`{"code":"hi","name":"Hindi","scripts":["Devanagari"],"prompts":{"prefix":"a","instruction":"b","question":"{problem}"}}`} {
		if err := json.Unmarshal([]byte(wrong), new(Language)); err == nil ||
			!strings.Contains(err.Error(), "language") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
