package jsonl

import (
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	r, err := ParseRecord([]byte(`{"prompt": [{"role": "user", "content": "q"}, {"role": "assistant", "content": null}],
		"reward_model": {"style": "rule", "ground_truth": "18"}, "a.b": 1, "a": {"b": 2, "c.d": 3}, "text": "{\"x\": [5]}", "word": "w", "n": 1.5, "none": null}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Refuse("image.bytes", "holds bytes")
	for _, c := range []struct{ path, want, missing string }{
		{"prompt.0.content", `"q"`, ""}, {"prompt.-2.role", `"user"`, ""},
		{"reward_model.ground_truth", `"18"`, ""},
		{"a.b", "1", ""}, {"a.c.d", "3", ""}, {"text.x.0", "5", ""}, {"word", `"w"`, ""},
		{"prompt.1.content", "", "is null"}, {"prompt.2.content", "", "prompt is a list of 2"},
		{"prompt.role", "", "prompt is a list of 2"},
		{"reward_model.truth", "", "reward_model has style, ground_truth"},
		{"reward_model.ground_trut", "", `did you mean "reward_model.ground_truth"?`},
		{"promt", "", `did you mean "prompt"?`},
		{"word.x", "", "word is text"}, {"n.x", "", "n is a number"}, {"none", "", "is null"},
		{"none.x", "", "none is null"}, {"a.e", "", "a has b, c.d"},
	} {
		got, err := r.Find(c.path)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v; want %s", c.path, got, err, c.want)
		}
		if c.want == "" {
			if err := r.Missing(c.path); !strings.Contains(err.Error(), c.missing) ||
				strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v, want %q", c.path, err, c.missing)
			}
		}
	}
	for _, path := range []string{"image.bytes", "image.bytes.0"} {
		if _, err := r.Find(path); err == nil || !strings.Contains(err.Error(), "holds bytes") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// FuzzFind: no record and no path makes it panic, and the first field is found by name.
func FuzzFind(f *testing.F) {
	f.Add(`{"a": [{"b": 1}], "a.0": 2}`, "a.0.b")
	f.Add(`{"a": "[{\"b\": null}]"}`, "a.-1.b")
	f.Add(`{"": {"": 1}}`, "..")
	f.Fuzz(func(t *testing.T, text, path string) {
		r, err := ParseRecord([]byte(text))
		if err != nil {
			return
		}
		if value, err := r.Find(path); err == nil && value == nil && r.Missing(path) == nil {
			t.Fatalf("%q in %q: not found, and nothing is missing", path, text)
		}
		for _, key := range r.Keys() {
			if value, err := r.Find(key); key != "" && err == nil && value == nil &&
				string(r.values[key]) != "null" {
				t.Fatalf("field %q of %q is not found", key, text)
			}
		}
	})
}
