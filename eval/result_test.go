package eval

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSummary(t *testing.T) {
	yes, no := outcome{right: true, verdicts: map[string]bool{"qwen": true}, tokens: 10, pred: "1"},
		outcome{off: true, cut: true, tokens: 30, verdicts: map[string]bool{"strict": true}, pred: "2"}
	spec := Spec{Benchmarks: []string{"a"}, Languages: []string{"en", "ru"}, Samples: map[string]int{"a": 2},
		Grader: "qwen"}
	questions := []Question{
		{Benchmark: "a", Language: "en", ID: "1"}, {Benchmark: "a", Language: "en", ID: "2"},
		{Benchmark: "a", Language: "ru", ID: "1"}, {Benchmark: "a", Language: "ru", ID: "2"},
	}
	r := summarize(&Manifest{Settings: spec}, questions, []outcome{yes, yes, no, no, yes, no, no, no})
	en, ru, mean := r.Benchmarks["a"].Languages["en"], r.Benchmarks["a"].Languages["ru"],
		r.Benchmarks["a"].Mean
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"accuracy en", en.Accuracy, 0.5},
		{"accuracy en, error", *en.AccuracySE, 0.5}, // deviations ±1/2, sample deviation 1/√2, over √2
		{"strict en", en.Accuracies["strict"], 0.5},
		{"accuracy ru", ru.Accuracy, 0.25},
		{"accuracy ru, error", *ru.AccuracySE, 0.25},
		{"off-target ru", ru.OffTarget, 0.75},
		{"truncated ru", ru.Truncated, 0.75},
		{"tokens ru", ru.MeanTokens, 25},
		{"mean accuracy", mean.Accuracy, 0.375},
		// Both languages deviate the same way on each question: the errors add up
		// as they are, (0.5 + 0.25) / 2, and not as roots of squares.
		{"mean accuracy, error", *mean.AccuracySE, 0.375},
		{"overall", r.Mean.Accuracy, 0.375},
		{"avg@2 ru", ru.Several["avg@2"].Value, 0.25},
		{"pass@1 ru", ru.Several["pass@1"].Value, 0.25},
		{"pass@2 ru", ru.Several["pass@2"].Value, 0.5},
		{"maj@2 ru", ru.Several["maj@2"].Value, 0.5}, // a tie: the answer given first wins
		{"row acc", *r.Table["a|ru"]["acc"], 0.25},
		{"row acc, error", *r.Table["a|ru"]["acc_stderr"], 0.25},
		{"row off-target of all", *r.Table["a|all"]["off_target"], 0.625},
		{"row pass@2", *r.Table["all"]["pass@2"], 0.5},
	} {
		if math.Abs(c.got-c.want) > 1e-12 {
			t.Errorf("%s is %g, want %g", c.name, c.got, c.want)
		}
	}
	if en.Questions != 2 || en.Samples != 4 || mean.Samples != 8 {
		t.Errorf("counts %d %d %d", en.Questions, en.Samples, mean.Samples)
	}
	if diff := cmp.Diff(Agreement{Only: map[string]int{"qwen": 1, "strict": 3}},
		r.Graders["a|ru"]); diff != "" {
		t.Errorf("graders: %s", diff)
	}
	if len(r.Differences) != 8 || r.Differences[2] != (Difference{"a", "en", "2", 0, "strict", "2", ""}) {
		t.Errorf("differences: %+v", r.Differences)
	}
	one := summarize(&Manifest{Settings: Spec{Benchmarks: []string{"a"}, Languages: []string{"en"},
		Samples: map[string]int{"a": 1}}},
		questions[:1], []outcome{yes})
	if se := one.Benchmarks["a"].Languages["en"].AccuracySE; se != nil {
		t.Errorf("a single question has a standard error of %g", *se)
	}
}

// TestScoreJSON: measures of several samples stand beside the others and are read
// back.
func TestScoreJSON(t *testing.T) {
	se := 0.125
	score := Score{Questions: 4, Samples: 16, Accuracy: 0.5, AccuracySE: &se,
		AccuracyCI: &Interval{0.25, 0.75}, Accuracies: map[string]float64{"qwen": 0, "strict": 0},
		Several: map[string]Estimate{
			"pass@16": {Value: 1, SE: &se}, "pass@2": {Value: 0.75, CI: &Interval{0, 1}},
			"maj@16": {Value: 0.5},
			"avg@16": {Value: 0.5},
		}}
	text, err := json.Marshal(score)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"questions":4,"samples":16,"accuracy":0.5,"accuracy_se":0.125,"accuracy_ci95":[0.25,0.75],"accuracy_qwen":0,"accuracy_strict":0,` +
		`"off_target":0,"off_target_se":null,"off_target_ci95":null,"answer_off_target":0,"mean_tokens":0,"truncated":0,` +
		`"avg@16":0.5,"avg@16_se":null,"avg@16_ci95":null,"pass@2":0.75,"pass@2_se":null,"pass@2_ci95":[0,1],` +
		`"pass@16":1,"pass@16_se":0.125,"pass@16_ci95":null,"maj@16":0.5,"maj@16_se":null,"maj@16_ci95":null}`
	if string(text) != want {
		t.Errorf("score is %s", text)
	}
	var back Score
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(score, back, cmpopts.IgnoreUnexported(Estimate{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := json.Unmarshal([]byte(`{"pass@2": "much"}`), &back); err == nil {
		t.Error("a measure that is no number is read")
	}
}

func TestTable(t *testing.T) {
	spec := Spec{Benchmarks: []string{"mgsm"}, Languages: []string{"en", "ru"},
		Samples: map[string]int{"mgsm": 2}, FewShot: 8, Grader: "qwen"}
	var questions []Question
	var outcomes []outcome
	for _, l := range spec.Languages {
		for _, id := range []string{"1", "2", "3"} {
			questions = append(questions, Question{Benchmark: "mgsm", Language: l, ID: id})
			outcomes = append(outcomes, outcome{right: id != "3", pred: "1"},
				outcome{off: l == "ru", pred: id})
		}
	}
	var b strings.Builder
	if err := summarize(&Manifest{Settings: spec}, questions, outcomes).WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	// Both languages do alike on each question, so their mean is no more certain.
	const want = `|Tasks|Language|n-shot|Grader|Metric    | | Value| |Stderr|95 % interval   |
|-----|--------|-----:|------|----------|-|-----:|-|-----:|----------------|
|mgsm |en      |     8|qwen  |acc       |↑|0.3333|±|0.1667|0.0000 to 0.5000|
|     |        |     8|qwen  |pass@2    |↑|0.6667|±|0.3333|0.0000 to 1.0000|
|     |        |     8|qwen  |maj@2     |↑|0.6667|±|0.3333|0.0000 to 1.0000|
|     |        |     8|none  |off_target|↓|0.0000|±|   N/A|0.0000 to 0.5615|
|     |        |     8|none  |truncated |↓|0.0000|±|   N/A|                |
|mgsm |ru      |     8|qwen  |acc       |↑|0.3333|±|0.1667|0.0000 to 0.5000|
|     |        |     8|qwen  |pass@2    |↑|0.6667|±|0.3333|0.0000 to 1.0000|
|     |        |     8|qwen  |maj@2     |↑|0.6667|±|0.3333|0.0000 to 1.0000|
|     |        |     8|none  |off_target|↓|0.5000|±|   N/A|0.1253 to 0.8747|
|     |        |     8|none  |truncated |↓|0.0000|±|   N/A|                |
|mgsm |all     |     8|qwen  |acc       |↑|0.3333|±|0.1667|0.0000 to 0.5000|
|     |        |     8|qwen  |pass@2    |↑|0.6667|±|0.3333|0.0000 to 1.0000|
|     |        |     8|qwen  |maj@2     |↑|0.6667|±|0.3333|0.0000 to 1.0000|
|     |        |     8|none  |off_target|↓|0.2500|±|   N/A|0.0368 to 0.7439|
|     |        |     8|none  |truncated |↓|0.0000|±|   N/A|                |
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
