package settings

import (
	"strings"
	"testing"
)

type sampling struct {
	Temperature float64 `yaml:"temperature"`
	MaxTokens   int     `yaml:"max_tokens"`
}

type second struct {
	MaxTokens int `yaml:"max_tokens"`
}

type run struct {
	Name    string              `yaml:"name"`
	Steps   int                 `yaml:"steps"`
	Rollout sampling            `yaml:"rollout"`
	Parts   []sampling          `yaml:"parts"`
	Named   map[string]sampling `yaml:"named"`
	On      bool                `yaml:"on_the_fly"`
	Second  second              `yaml:"second"`
}

// TestPanics: what the YAML library panics on is an error.
func TestPanics(t *testing.T) {
	var r run
	if err := Read([]byte("name: x\nparts: !00\n0: #0\n"), &r); err == nil ||
		!strings.Contains(err.Error(), "without a value") {
		t.Errorf("a tag without a value: %v", err)
	}
}

func TestRead(t *testing.T) {
	var r run
	if err := Read([]byte("\ufeff---\nname: x\r\nrollout: {temperature: 0.5}\nnamed: {a: {max_tokens: 3}}\n"),
		&r); err != nil {
		t.Fatal(err)
	}
	if r.Name != "x" || r.Rollout.Temperature != 0.5 || r.Named["a"].MaxTokens != 3 {
		t.Errorf("%+v", r)
	}
	for _, c := range []struct{ text, want string }{
		{"name: x\nsetps: 3", `line 2: unknown setting "setps", did you mean "steps"?`},
		{"rollout:\n  temprature: 1",
			`line 2: unknown setting "rollout.temprature", did you mean "rollout.temperature"?`},
		{"temperature: 1", `line 1: unknown setting "temperature", did you mean "rollout.temperature"?`},
		{"parts: [{max-tokens: 1}]",
			`unknown setting "parts.0.max-tokens", did you mean "parts.0.max_tokens"?`},
		{"named: {a: {maxtokens: 1}}", `did you mean "named.a.max_tokens"?`},
		{"rollout: {zzz: 1}", `unknown setting "rollout.zzz": expected one of temperature, max_tokens`},
		{"steps: abc", `line 1, "steps: abc": found "abc", expected a whole number`},
		{"steps: 1.5", "steps is 1.5, expected a whole number"},
		{"parts: [{max_tokens: 2}, {max_tokens: 0.5}]", "parts.1.max_tokens is 0.5, expected a whole number"},
		{"steps: 1\nsteps: 2", `line 2, "steps: 2": setting "steps" appears twice, first in line 1`},
		{"rollout: 3", `line 1, "rollout: 3": found a number, expected settings`},
		{"parts: 3", "found a number, expected a list, as in [a, b]"},
		{"parts: {a: 1}", "found settings, as in name: value, expected a list"},
		{"steps: {a: 1}", "found settings, expected a whole number"},
		{"steps: [1]", "found a list, expected a whole number"},
		{"- a", "found a list, as in [a, b], expected settings"},
		{"words", "found text, expected settings"},
		{"name: x\n  steps: 3", "line 1"},
		{"name: x\n\tsteps: 3", "spaces"},
		{"parts: [1", `line 1, "parts: [1": [ is not closed`},
		{"rollout: {a: 1", "{ is not closed"},
		{`name: "x`, `a quotation mark " is not closed`},
		{"name: 'x", "a quotation mark ' is not closed"},
		{"name: x\n---\nsteps: 3", "line 3: a second YAML document"},
		{"\xff\xfen\x00a\x00", "UTF-16"},
		{"steps: 3\nname: ann\xe9e", "line 2 is not UTF-8"},
		{"\x1f\x8b\x08\x00", "gzip"},
		{"max_tokens: 1", `did you mean "rollout.max_tokens" or "second.max_tokens"?`},
		{"on_the_fly: maybe", "expected true or false"},
		{"a: [", "["},
	} {
		var r run
		err := Read([]byte(c.text), &r)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") ||
			strings.Contains(err.Error(), "struct") {
			t.Errorf("%q: error %v, want %q", c.text, err, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range []string{"name: x", "rollout: {temperature: a}", "parts: [{x: 1}]", "? [1]\n: 2",
		"named: 3"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var r run
		if err := Read([]byte(text), &r); err != nil && strings.Contains(err.Error(), "\n") {
			t.Fatalf("%q: %q is not one line", text, err)
		}
	})
}
