package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stele-lm/stele/trainer"
)

// Every setting that a manifest has is explained, and what is explained can be set.
func TestHelpConfig(t *testing.T) {
	root := newRootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs([]string{"train", "--help-config"})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	needed := []string{"model=builtin:tiny", "data.bench=arith"}
	c, err := trainer.LoadConfig("", needed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var settings map[string]any
	if err := json.Unmarshal(data, &settings); err != nil {
		t.Fatal(err)
	}
	var walk func(prefix string, settings map[string]any)
	walk = func(prefix string, settings map[string]any) {
		for key, value := range settings {
			if more, ok := value.(map[string]any); ok && key != "fields" && key != "shares" &&
				key != "options" {
				walk(prefix+key+".", more)
			} else if !strings.Contains(out.String(), "\n- `"+prefix+key+"` (") {
				t.Errorf("%s%s is not explained", prefix, key)
			}
		}
	}
	walk("", settings)
	entry := regexp.MustCompile("(?m)^- `([a-z0-9_.]+)` \\([^;]*; default ([^;)]*)")
	text := out.String()
	entries := entry.FindAllStringSubmatchIndex(text, -1)
	if len(entries) < 70 {
		t.Fatalf("%d settings are explained", len(entries))
	}
	for _, e := range entries {
		key, value := text[e[2]:e[3]], text[e[4]:e[5]]
		if strings.HasPrefix(key, "loss.options.") { // of the algorithm that the section names
			const heading = "Settings of algorithm "
			before := text[:e[0]]
			algorithm, _, _ := strings.Cut(before[strings.LastIndex(before, heading)+len(heading):], " ")
			if _, err := trainer.LoadConfig("", append(needed, "algorithm="+algorithm, key+"="+value)); err != nil {
				t.Errorf("%s=%s, its default as explained for %s: %v", key, value, algorithm, err)
			}
			continue
		}
		if key == "model" || key == "data.bench" {
			continue
		}
		again, err := trainer.LoadConfig("", append(needed, key+"="+value))
		if err != nil {
			t.Errorf("%s=%s, its default as explained: %v", key, value, err)
			continue
		}
		same, err := json.Marshal(again)
		if err != nil {
			t.Fatal(err)
		}
		// An empty list and none are written differently and mean the same.
		if plain := strings.NewReplacer(":[]", ":null", ":{}",
			":null"); plain.Replace(string(same)) != plain.Replace(string(data)) {
			t.Errorf("%s is not %s by default", key, value)
		}
	}
}
