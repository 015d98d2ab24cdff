package report

import (
	"slices"
	"testing"
)

// TestEveryMetricHasAPanel: what a run logs is drawn under a title of its own, and
// what the report does not know under the metric's name.
func TestEveryMetricHasAPanel(t *testing.T) {
	run := open(t, "testdata/runs/grpo")[0].Training
	for _, p := range panelsOf(run.Steps) {
		if p.title == p.keys[0] {
			t.Errorf("no panel knows the metric %s", p.title)
		}
	}
	s := Step{"step": 1, "reward/en": 0.5, "reward/ru": 0.25, "rewards/accuracy/mean": 0.5,
		"rewards/brief/mean": 0.75,
		"rewards/brief/std":  0.1, "rewards/brief/en": 1, "rewards/brief/ru": 0.5, "rewards/format/en": 1,
		"words/reasoning/mean": 0.5, "words/reasoning/en": 1, "words/reasoning/ru": 0, "words/rollout/mean": 0.5,
		"words/rollout/en": 1, "words/rollout/ru": 0,
		"new/metric":         3,
		"clip_ratio/low_min": 0}
	var titles []string
	for _, p := range panelsOf([]Step{s}) {
		titles = append(titles, p.title)
	}
	want := []string{"Parts of the reward", "Reward by language", "Brief of rollouts by language",
		"Words in the language asked for, share", "… of the reasoning, by language", "new/metric"}
	if !slices.Equal(titles, want) {
		t.Errorf("panels %q, want %q", titles, want)
	}
}
