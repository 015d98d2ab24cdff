package grade

import "testing"

// TestScriptOf: words of every script are told from those of another, whoever writes it.
func TestScriptOf(t *testing.T) {
	for words, want := range map[string]string{
		"kg": "Latin", "яблок": "Cyrillic", "টাকা": "Bengali", "บาท": "Thai", "రూపాయలు": "Telugu",
		"个苹果": "Han", "リットル": "Han", "りんご": "Han", "ㄍㄜ": "Han",
		"किलो": "Devanagari", "사과": "Hangul", "تفاحة": "Arabic", "שקלים": "Hebrew", "μέτρα": "Greek",
		"ფუნტი": "Georgian", "个사과": "Hangul", "个apple": "Latin", "12": "",
	} {
		if got := scriptOf(words); got != want {
			t.Errorf("%s: %q, want %q", words, got, want)
		}
	}
}

// TestUnitsOfScripts: an unknown word may be another script's for the same unit, and is another
// unit than a different word of its own script.
func TestUnitsOfScripts(t *testing.T) {
	for _, c := range []struct {
		a, b      string
		different bool
	}{
		{"तरबूज", "苹果", false}, {"수박", "苹果", false}, {"بطيخ", "수박", false}, {"तरबूज", "수박", false},
		{"तरबूज", "आम", true}, {"수박", "사과", true}, {"بطيخ", "تفاحة", true}, {"りんご", "苹果", true},
	} {
		got := differentUnits(&answer{unit: c.a}, &answer{unit: c.b})
		if got != c.different {
			t.Errorf("%s and %s: %v, want %v", c.a, c.b, got, c.different)
		}
	}
}
