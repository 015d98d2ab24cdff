package reward

import (
	"math"
	"testing"

	"github.com/stele-lm/stele/eval/langid"
	"github.com/stele-lm/stele/eval/language"
)

// TestScore is Eq. 7 with the paper's weights.
func TestScore(t *testing.T) {
	s := NewScorer(DefaultConfig(), langid.New())
	for _, c := range []struct {
		output, language     string
		truncated            bool
		accuracy, form, lang float64
	}{
		{`First we add two and two, and the sum is four. \boxed{4}`, "en", false, 1, 1, 1},
		{`First we add two and two, and the sum is five. \boxed{5}`, "en", false, 0, 1, 1},
		{`Zuerst addieren wir zwei und zwei und erhalten vier. \boxed{4}`, "en", false, 1, 1, 0},
		{`Zuerst addieren wir zwei und zwei und erhalten vier. \boxed{4}`, "de", false, 1, 1, 1},
		{`The answer is 4`, "en", false, 1, 0, 1},
		{`First we add two and two, and the sum is four. \boxed{4}`, "en", true, 1, 0, 1},
		{``, "en", false, 0, 0, 0},
		{`먼저 둘과 둘을 더하면 합은 넷입니다. \boxed{4}`, "en", false, 1, 1, 0},
		{`Primeiro somamos dois e dois, e o resultado da soma é quatro. \boxed{4}`, "es", false, 1, 1, 0},
		{`Pertama-tama kita jumlahkan dua dan dua, lalu hasilnya adalah empat. \boxed{4}`, "sw", false, 1, 1,
			0},
		{`y = 2 + 2 \boxed{4}`, "sw", false, 1, 1, 0},
	} {
		got, err := s.Score(Rollout{Output: c.output, Answer: "4", DataName: "math", Language: c.language,
			Truncated: c.truncated})
		if err != nil {
			t.Fatal(err)
		}
		want := 0.8*c.accuracy + 0.1*c.form + 0.1*c.lang
		if got.Accuracy != c.accuracy || got.Format != c.form || got.Language != c.lang ||
			math.Abs(got.Total-want) > 1e-12 {
			t.Errorf("%q in %s: %+v, want %g = 0.8·%g + 0.1·%g + 0.1·%g", c.output, c.language, got, want,
				c.accuracy, c.form, c.lang)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []Config{{}, {Accuracy: -1, Format: 2},
		{Accuracy: 1, LangCandidates: []string{"en", "xx"}}} {
		if c.Validate(language.Builtin()) == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	if err := DefaultConfig().Validate(language.Builtin()); err != nil {
		t.Error(err)
	}
}
