package trainer

import (
	"strings"
	"testing"
)

// TestOtherSettings names what differs as the file of settings has it.
func TestOtherSettings(t *testing.T) {
	load := func(settings ...string) Config {
		c, err := LoadConfig("", append([]string{"model=m", "data.bench=arith"}, settings...))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	was := load()
	for _, c := range []struct{ setting, want string }{
		{"optimizer.lr=0.5", "optimizer.lr was 1e-06, is 0.5"},
		{"data.languages=[en, ru]", "data.languages was [en], is [en, ru]"},
		{"data.levels=[2]", "data.levels was [], is [2]"},
		{"data.fields={answer: a.b}", "data.fields.answer was not set, is a.b"},
		{"reward.commands=[{name: short, run: [python3, short.py], weight: 0.2}]",
			"reward.commands was [], is [{"},
		{"preset=dapo", "loss.clip_high was 0.2, is 0.28"},
	} {
		err := was.sameAs(load(c.setting))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.ContainsAny(err.Error(), "\n") ||
			strings.Contains(err.Error(), "{Bench") {
			t.Errorf("%s: error %v, want %q", c.setting, err, c.want)
		}
	}
	if err := was.sameAs(load("steps=7")); err != nil {
		t.Errorf("more steps: %v", err)
	}
}

// TestNegativeSeed: a number that a setting cannot hold is told what it can, whichever
// side it is on.
func TestNegativeSeed(t *testing.T) {
	for setting, want := range map[string]string{
		"seed=-1":                   "found -1, expected a whole number from 0 on",
		"seed=99999999999999999999": "99999999999999999999",
		`rollout.stop=["a", ""]`:    "rollout.stop has an empty text",
	} {
		if _, err := LoadConfig("", []string{"model=m", "data.bench=arith", setting}); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", setting, err, want)
		}
	}
}
