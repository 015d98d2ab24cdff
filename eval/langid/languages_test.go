package langid

import (
	"io"
	"path/filepath"
	"slices"
	"testing"

	"stele/engine/jsonl"
)

// sentence is a text of testdata/sentences.jsonl: reasoning with LaTeX, of one sentence,
// of two, and of four or five, in each of many languages.
type sentence struct{ lang, text string }

func readSentences(t testing.TB) []sentence {
	in, err := jsonl.Open(filepath.Join("testdata", "sentences.jsonl"))
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
	for _, s := range readSentences(t) {
		languages[s.lang] = true
		lang, confidence := d.Detect(s.text)
		if lang != s.lang || confidence <= 0 || confidence > 1 {
			t.Errorf("%q is %s (%.4f), want %s", s.text, lang, confidence, s.lang)
		}
		for _, want := range append(slices.Clone(Languages), s.lang) {
			if off, lang := d.OffTarget(s.text, want); off != (want != s.lang) {
				t.Errorf("%q, wanted in %s, is %s: off target %v", s.text, want, lang, off)
			}
		}
	}
	if len(languages) < 80 {
		t.Errorf("only %d languages", len(languages))
	}
}
