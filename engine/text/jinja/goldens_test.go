package jinja

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var then = time.Date(2024, time.July, 26, 0, 0, 0, 0, time.UTC)

// golden is a line of the reference files; see third_party/template-goldens.py.
type golden struct {
	Template     string          `json:"template"`
	Family       string          `json:"family"`
	Conversation string          `json:"conversation"`
	Context      json.RawMessage `json:"context"`
	Want         *string         `json:"want"`
	Raises       string          `json:"raises"`
	Parse        bool            `json:"parse"`
}

func goldens(t testing.TB, name string) []golden {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []golden
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<24)
	for in.Scan() {
		var g golden
		if err := json.Unmarshal(in.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		all = append(all, g)
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func context(t testing.TB, data []byte) *Dict {
	t.Helper()
	v, err := FromJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	return v.(*Dict)
}

// check renders a golden and compares.
func (g *golden) check(t *testing.T, what string, data []byte) {
	t.Helper()
	template, err := Parse(g.Template)
	if (err != nil) != g.Parse {
		t.Errorf("%s: parsing gives %v, want a refusal: %v (%s)", what, err, g.Parse, g.Raises)
		return
	}
	var got string
	if err == nil {
		got, err = template.Render(context(t, data), then)
	}
	switch {
	case err != nil && strings.Contains(err.Error(), "\n"):
		t.Errorf("%s: an error of several lines: %q", what, err)
	case err != nil && g.Raises == "":
		t.Errorf("%s: %v, want %q", what, err, *g.Want)
	case err == nil && g.Raises != "":
		t.Errorf("%s: %q, want %s", what, got, g.Raises)
	case err == nil && got != *g.Want:
		t.Errorf("%s:\n got %q\nwant %q", what, got, *g.Want)
	}
}

// TestProbes compares one construct after the other with Jinja2.
func TestProbes(t *testing.T) {
	data, err := os.ReadFile("testdata/context.json")
	if err != nil {
		t.Fatal(err)
	}
	all := goldens(t, "probes.jsonl")
	if len(all) < 400 {
		t.Errorf("only %d probes", len(all))
	}
	for _, g := range all {
		g.check(t, g.Template, data)
	}
}
