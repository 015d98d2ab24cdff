package trainer

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/trainer/problems"
	"github.com/stele-lm/stele/trainer/reward"
)

// TestRewardGradesAsEvaluation: the accuracy reward on a benchmark of the user's own is
// the verdict that an evaluation of it gives, whatever grader its entry and the run name.
func TestRewardGradesAsEvaluation(t *testing.T) {
	dir := t.TempDir()
	registry := "lengths: {languages: [en], grader: minerva_math, sources: [{path: l.jsonl}]}\n" +
		"letters: {languages: [en], grader: mmlu_stem, answer: choice, sources: [{path: c.jsonl}]}\n" +
		"plain: {languages: [en], sources: [{path: p.jsonl}]}\n"
	for name, text := range map[string]string{bench.RegistryFile: registry, "elsewhere.yaml": registry} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	outputs := []struct{ output, answer string }{
		{`The length is \boxed{5}.`, `5 \text{ cm}`}, {`It is \boxed{5 \text{ cm}}.`, "5"},
		{`\boxed{5}`, "5"},
		{"The answer is B. Or is it C?", "B"}, {"The choice is (C).\n\nThe choice is (A).", "C"},
		{`\boxed{C}`, "B"},
		{`So \boxed{12{,}000}.`, "12000"}, {`\boxed{50\%}`, "0.5"}, {`\boxed{50}`, "0.5"},
		{`\boxed{1.00001}`, "1"},
	}
	verdicts := map[string]bool{}
	for _, source := range []problems.Options{{Dir: dir}, {Registry: filepath.Join(dir, "elsewhere.yaml")}} {
		for name, dataName := range map[string]string{"lengths": "minerva_math", "letters": "mmlu_stem",
			"plain": "math", "gsm8k": "gsm8k"} {
			for _, grader := range grade.Graders {
				c := defaults()
				c.Data = source
				c.Data.Bench, c.Reward.Grader = name, grader.String()
				scorer, got, _, err := c.scorer()
				if err != nil || got != dataName {
					t.Fatalf("%s: graded as %q, want %q: %v", name, got, dataName, err)
				}
				for _, o := range outputs {
					score, err := scorer.Score(reward.Rollout{Output: o.output, Answer: o.answer,
						DataName: got, Language: "en", MaxTokens: 9})
					if err != nil {
						t.Fatal(err)
					}
					want := grade.Grade(o.output, o.answer, dataName, grader).Verdict
					if (score.Accuracy == 1) != want {
						t.Errorf("%s, %s: %q for %q is rewarded with %g, evaluation says %v", name, grader,
							o.output, o.answer, score.Accuracy, want)
					}
					verdicts[name+grader.String()+o.output] = want
				}
			}
		}
	}
	// The outputs tell the graders apart, or nothing was tested.
	for _, pair := range [][2]string{{"lengthsqwen", "plainqwen"}, {"lettersqwen", "plainqwen"},
		{"plainqwen", "plainstrict"}} {
		differ := false
		for _, o := range outputs {
			differ = differ || verdicts[pair[0]+o.output] != verdicts[pair[1]+o.output]
		}
		if !differ {
			t.Errorf("%s and %s agree on all", pair[0], pair[1])
		}
	}
}

// TestEvaluationSettingsAreChecked: what an evaluation would refuse is refused before
// the training that it would come after.
func TestEvaluationSettingsAreChecked(t *testing.T) {
	for _, setting := range []string{"eval.top_p=0", "eval.top_p=1.1", "eval.top_p=.nan",
		"eval.temperature=-1", "eval.temperature=.inf",
		"eval.grader=lenient", "eval.samples=-1", "eval.limit=-2", "eval.max_tokens=-1",
		"reward.grader=lenient",
		"rollout.temperature=0", "rollout.temperature=.nan", "rollout.temperature=.inf"} {
		if _, err := LoadConfig("", []string{"model=m", "data.bench=arith", "eval.bench=arith",
			setting}); err == nil {
			t.Errorf("%s was taken", setting)
		}
	}
}
