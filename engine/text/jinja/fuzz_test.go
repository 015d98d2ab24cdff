package jinja

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzRender: no template panics or breaks the limits, whatever it is.
func FuzzRender(f *testing.F) {
	for _, g := range goldens(f, "probes.jsonl") {
		f.Add(g.Template)
	}
	families, err := filepath.Glob("testdata/families/*.jinja")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range families {
		source, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(source))
	}
	given := values(f, "context.json")
	f.Fuzz(func(t *testing.T, source string) {
		template, err := Parse(source)
		if err == nil {
			_, err = template.Render(given, then)
		}
		var located *Error
		if err != nil && (!errors.As(err, &located) || located.Line < 1 ||
			strings.ContainsAny(err.Error(), "\n\r")) {
			t.Fatalf("%q: the error names no line, or has several: %q", source, err)
		}
		if err != nil && strings.Contains(err.Error(), "runtime error") {
			t.Fatalf("%q: %v", source, err)
		}
	})
}

// FuzzFromJSON: reading JSON never panics, and what is read can be written.
func FuzzFromJSON(f *testing.F) {
	for _, seed := range []string{
		`{"b": 1.0, "a": [true, null, "x\u00e9"]}`, "[1e400]", "-0", "[[[]]]", `{"a":{}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		v, err := FromJSON([]byte(source))
		if err != nil {
			return
		}
		template, err := Parse("{{ v|tojson }}{{ v }}")
		if err != nil {
			t.Fatal(err)
		}
		context := NewDict()
		context.Set("v", v)
		if _, err := template.Render(context, then); err != nil &&
			strings.Contains(err.Error(), "runtime error") {
			t.Fatal(err)
		}
	})
}
