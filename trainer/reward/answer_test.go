package reward

import (
	"context"
	"strings"
	"testing"

	"github.com/stele-lm/stele/eval/answer"
	"github.com/stele-lm/stele/eval/langid"
)

// TestAnswerTypes: accuracy and format are those of the rollout's type of answers, a
// program's included, whose failure is the session's and names it.
func TestAnswerTypes(t *testing.T) {
	judge := func(script string) answer.Type {
		return &answer.Command{Run: []string{"sh", "-c", script}, TimeoutS: 20}
	}
	yes := judge(`while read -r line; do case "$line" in *good*) echo '{"verdict": true, "extracted": ` +
		`"x"}';; *) echo '{"verdict": false}';; esac; done`)
	config := DefaultConfig()
	config.Commands = []Command{shell(`while read -r line; do echo '{"reward": 1}'; done`)}
	rollouts := []struct {
		Rollout
		accuracy float64
	}{
		{Rollout{Output: `So \boxed{Zürich}`, Answer: "ZÜRICH", Type: answer.Text}, 1},
		{Rollout{Output: `So \boxed{I}`, Answer: "I", Type: answer.ChoiceOf(10)}, 1},
		{Rollout{Output: `So \boxed{I}`, Answer: "J", Type: answer.ChoiceOf(10)}, 0},
		{Rollout{Output: "a good one", Answer: "7", Type: yes}, 1},
		{Rollout{Output: "a bad one", Answer: "7", Type: yes}, 0},
		{Rollout{Output: `So \boxed{7}`, Answer: "7"}, 1},
	}
	session, err := NewScorer(config, langid.New()).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	scores := make([]Score, len(rollouts))
	for i, r := range rollouts {
		r.Sample, r.Language = i, "en"
		if err := session.Add(r.Rollout, &scores[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := session.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i, r := range rollouts {
		if scores[i].Accuracy != r.accuracy ||
			scores[i].Format != map[bool]float64{true: 1}[strings.Contains(r.Output, "boxed")] {
			t.Errorf("%q for %q: %+v", r.Output, r.Answer, scores[i])
		}
	}
	config.Commands = nil
	session, err = NewScorer(config, langid.New()).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	_ = session.Add(Rollout{Output: "x", Language: "en",
		Type: judge(`read -r line; echo tired >&2; exit 4`)}, new(Score))
	if err := session.Close(context.Background()); err == nil ||
		!strings.Contains(err.Error(), "exit status 4") || !strings.Contains(err.Error(), "tired") {
		t.Errorf("a program that dies: %v", err)
	}
	for run, want := range map[string]string{"no-such-program-here": "there is no program", "sh": ""} {
		err := DefaultConfig().Try(t.Context(), Rollout{Type: &answer.Command{Run: []string{run}}})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", run, err, want)
		}
	}
}
