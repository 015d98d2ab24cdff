package langid

import (
	"testing"

	"github.com/stele-lm/stele/eval/language"
)

// TestOwnLanguages: a language that nothing knows is told by its script or its commonest
// words, and the others are told as before.
func TestOwnLanguages(t *testing.T) {
	known := language.Builtin().With([]*language.Language{
		{Code: "qu", Name: "Quechua", Scripts: []string{"Latin"},
			Words: "kay huk iskay chay hinaspa chaymanta yupay tukuy kan runa wasi achka"},
		{Code: "cv", Name: "Chuvash", Scripts: []string{"Cyrillic"},
			Letters: "абвгдежзийклмнопрстуфхцчшщъыьэюяӑӗҫӳ", Words: "тата вӑл ҫак пур унтан"},
		{Code: "lep", Name: "Lepcha", Scripts: []string{"Lepcha"}},
	})
	all, err := Among([]string{"all"}, known)
	if err != nil {
		t.Fatal(err)
	}
	few, err := Among([]string{"qu", "en"}, known)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := Among([]string{"qu"}, known)
	if err != nil {
		t.Fatal(err)
	}
	const quechua = "Ñawpaqta iskay yupay huñusun, chaymanta chay yupayta rakisun. Hinaspa kay kutichiy: " +
		"huk chunka iskayniyuq kan."
	for _, c := range []struct {
		d          *Detector
		text, want string
	}{
		{all, quechua, "qu"}, {few, quechua, "qu"}, {alone, quechua, "qu"},
		{all, "Малтан икӗ хисепе хушатпӑр, унтан вӑл ҫак хисеп пулать.", "cv"},
		{all, "ᰀᰦᰵ ᰛᰤᰨᰵ ᰀᰦᰵ ᰛᰤᰨᰵ", "lep"}, {New(), "ᰀᰦᰵ ᰛᰤᰨᰵ", Undetermined},
		{alone, "First we add the two numbers", "qu"}, // one candidate of the script, as with others
	} {
		if got, confidence := c.d.Detect(c.text); got != c.want ||
			(confidence == 0) != (got == Undetermined) {
			t.Errorf("%q is %s (%g), want %s", c.text, got, confidence, c.want)
		}
	}
	if off, _ := all.OffTarget(quechua, "qu"); off {
		t.Error("Quechua is off target where Quechua is wanted")
	}
	for _, s := range readSentences(t, "sentences.jsonl") {
		want, _ := New().Detect(s.text)
		if got, _ := all.Detect(s.text); got != want {
			t.Errorf("%q was %s, is %s", s.text, want, got)
		}
	}
}
