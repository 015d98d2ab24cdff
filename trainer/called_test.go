package trainer

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestCalled: what TRL's and verl's settings are called here exists, the page on training lists it, and a file or a
// --set that has one of them is refused with it.
func TestCalled(t *testing.T) {
	read := func(path string) string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	settings, page := read("../docs/config.md"), read("../docs/training.md")
	dotted := regexp.MustCompile(`\b(model|steps|loggers|algorithm|(data|rollout|reward|loss|optimizer|update|lora|save|eval)` +
		`\.[a-z_.0-9]*[a-z0-9])\b`)
	for name, here := range called {
		found := dotted.FindAllString(here, -1)
		if len(found) == 0 && !strings.HasPrefix(here, "--") && here != drawWords {
			t.Errorf("%s is called %q, which names no setting", name, here)
		}
		for _, setting := range found {
			if !strings.Contains(settings, "- `"+setting+"` (") {
				t.Errorf("%s is called %q: there is no %s", name, here, setting)
			}
		}
	}
	_, table, _ := strings.Cut(page, "### Settings of TRL and verl")
	table, _, _ = strings.Cut(table, "\n## ")
	rows := 0
	for row := range strings.SplitSeq(table, "\n") {
		cells := strings.Split(row, " | ")
		if len(cells) != 3 || !strings.Contains(row, "`") || strings.Contains(row, "GRPOConfig") {
			continue
		}
		rows++
		// What stands after a colon are values, and after "of" the part of verl's settings that has the name.
		names := regexp.MustCompile(`: .*?(;|\||$)|of [^|]*`).ReplaceAllString(cells[0]+"|"+cells[1], "|")
		for _, m := range regexp.MustCompile("`([a-z]\\w+)`").FindAllStringSubmatch(names, -1) {
			if called[m[1]] == "" && !strings.Contains(settings, "."+m[1]+"` (") {
				t.Errorf("docs/training.md has %s, which is not refused with its name here", m[1])
			}
		}
	}
	if rows < 20 {
		t.Errorf("the table has %d rows", rows)
	}
	for set, want := range map[string]string{
		"learning_rate=1e-6":                     `unknown setting "learning_rate", did you mean "optimizer.lr"?`,
		"loss.epsilon=0.2":                       `"loss.epsilon": here it is loss.clip_low and loss.clip_high`,
		"rollout.top_p=0.9":                      `"rollout.top_p": here it is not to be had in training`,
		"rollout.n=8":                            `"rollout.n", did you mean "rollout.group_size"?`,
		"actor_rollout_ref.actor.optim.lr=1":     `"actor_rollout_ref.actor.optim.lr", did you mean "optimizer.lr"?`,
		"actor_rollout_ref.actor.clip_ratio_c=3": `"actor_rollout_ref.actor.clip_ratio_c", did you mean "loss.dual_clip"?`,
		"algorithm.adv_estimator=grpo":           `"algorithm.adv_estimator", did you mean "loss.advantage"?`,
		"algorithm.kl_ctrl.kl_coef=0.1":          `"algorithm.kl_ctrl.kl_coef", did you mean "loss.beta"?`,
		"algorithm.gamma=1":                      `found settings, expected text`,
		"a.model.path=x":                         `"a.model.path", did you mean "model"?`,
		"data.path=x":                            `"data.path": expected one of bench`,
		"reward.n=2":                             `unknown setting "reward.n": expected one of`,
		"eval.top_k=5":                           `unknown setting "eval.top_k"`,
		"lora.rnak=5":                            `did you mean "lora.rank"?`,
	} {
		_, err := LoadConfig("", []string{set})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("--set %s: error %v, want %q", set, err, want)
		}
	}
}
