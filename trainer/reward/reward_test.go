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

// TestLanguageByShare has words counted by hand: what Language is, by the verdict on the whole and
// by the share, which is also the reasoning's; and the share of the whole output.
func TestLanguageByShare(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		output, language               string
		verdict, share, reasoning, all float64
	}{
		{`First we add two and two, and the sum is four. \boxed{4}`, "en", 1, 1, 1, 1},
		{`Zuerst addieren wir zwei und zwei und erhalten vier. \boxed{4}`, "en", 0, 0, 0, 0},
		// Six Russian words, four English ones, four Russian ones.
		{"Сначала сложим два числа, затем возьмём sum of the numbers и разделим на три.", "ru", 1, 10. / 14,
			10. / 14, 10. / 14},
		{"Сначала сложим два числа, затем возьмём sum of the numbers и разделим на три.", "en", 0, 4. / 14,
			4. / 14, 4. / 14},
		// Eight words of reasoning, none of them Russian; all six of the answer are.
		{"<think>First we add two numbers and get four.</think>Значит, правильный ответ на вопрос: четыре.",
			"ru", 0, 0, 0, 6. / 14},
		{`y = 2 + 2 \boxed{4}`, "sw", 0, 0, nan, nan},
		{``, "en", 0, 0, nan, nan},
	} {
		same := func(got, want float64) bool {
			return math.Abs(got-want) < 1e-12 || math.IsNaN(got) && math.IsNaN(want)
		}
		for by, want := range map[string]float64{ByVerdict: c.verdict, ByShare: c.share} {
			config := DefaultConfig()
			config.LanguageBy, config.Words = by, true
			got, err := NewScorer(config, langid.New()).Score(Rollout{Output: c.output, Answer: "4",
				Language: c.language})
			if err != nil {
				t.Fatal(err)
			}
			total := 0.8*got.Accuracy + 0.1*got.Format + 0.1*want
			if !same(got.Language, want) || !same(got.Total, total) || !same(got.ReasoningWords, c.reasoning) ||
				!same(got.OutputWords, c.all) {
				t.Errorf("%q in %s by %s: %+v, want %g and words %g, %g", c.output, c.language, by, got, want,
					c.reasoning, c.all)
			}
		}
	}
	// Words are told apart where that is asked for alone.
	got, err := NewScorer(DefaultConfig(), langid.New()).Score(Rollout{Output: "Two and two is four.",
		Answer: "4", Language: "en"})
	if err != nil || !math.IsNaN(got.ReasoningWords) || !math.IsNaN(got.OutputWords) || got.Language != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []Config{{}, {Accuracy: -1, Format: 2}, {Accuracy: 1, LanguageBy: "shares"},
		{Accuracy: 1, LangCandidates: []string{"en", "xx"}}} {
		if c.Validate(language.Builtin()) == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	if err := DefaultConfig().Validate(language.Builtin()); err != nil {
		t.Error(err)
	}
}

// TestFurtherLanguages: the reward judges numbers in words and digits of the languages beside the study's, and
// whether the reasoning is in them.
func TestFurtherLanguages(t *testing.T) {
	s := NewScorer(DefaultConfig(), langid.New())
	for _, c := range []struct {
		language, output, answer string
		accuracy, inLanguage     float64
	}{
		{"ko", `먼저 두 금액을 더하면 전체 금액을 알 수 있습니다. 따라서 답은 \boxed{3만 5천 원}입니다.`, "35000", 1, 1},
		{"ko", `먼저 두 금액을 더하면 전체 금액을 알 수 있습니다. 따라서 답은 \boxed{삼십육}입니다.`, "35", 0, 1},
		{"ko", `First we add the two numbers and then we are done with it. \boxed{35}`, "35", 1, 0},
		{"ko", `하나씩 세어 보면 모두 몇 개인지 알 수 있습니다. 그래서 답은 \boxed{35개}입니다.`, "35개", 1, 1},
		{"ko", `하나씩 세어 보면 모두 몇 개인지 알 수 있습니다. 그래서 답은 \boxed{35}입니다.`, "삼십오", 1, 1},
		{"ko", `두 변의 길이를 서로 비교해 보면 어떤 도형인지 알 수 있습니다. \boxed{정삼각형}`, "정삼각형", 1, 1},
		{"hi", `पहले हम दोनों संख्याओं को जोड़ते हैं, इसलिए उत्तर है \boxed{३५}।`, "35", 1, 1},
		{"ta", `முதலில் இரண்டு எண்களையும் கூட்டுகிறோம், எனவே விடை \boxed{௩௫}.`, "35", 1, 1},
		{"pt", `Primeiro somamos os dois números e depois verificamos, então a resposta é \boxed{1.234,5}.`, "1234.5", 1, 1},
		{"uk", `Спочатку додаємо обидва числа, тому відповідь: \boxed{двадцять п'ять тисяч}.`, "25000", 1, 1},
	} {
		got, err := s.Score(Rollout{Output: c.output, Answer: c.answer, DataName: "math", Language: c.language,
			Tokens: 10, MaxTokens: 100})
		if err != nil || got.Accuracy != c.accuracy || got.Language != c.inLanguage {
			t.Errorf("%s: %q: %+v, %v", c.language, c.output, got, err)
		}
	}
}
