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
	Template     string  `json:"template"`
	Family       string  `json:"family"`
	Conversation string  `json:"conversation"`
	Generate     bool    `json:"add_generation_prompt"`
	Want         *string `json:"want"`
	Raises       string  `json:"raises"`
	Parse        bool    `json:"parse"`
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

// values reads a JSON object of testdata.
func values(t testing.TB, name string) *Dict {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	v, err := FromJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	return v.(*Dict)
}

// check renders a golden and compares.
func (g *golden) check(t *testing.T, what string, values *Dict) {
	t.Helper()
	template, err := Parse(g.Template)
	if (err != nil) != g.Parse {
		t.Errorf("%s: parsing gives %v, want a refusal: %v (%s)", what, err, g.Parse, g.Raises)
		return
	}
	var got string
	if err == nil {
		got, err = template.Render(values, then)
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
	given := values(t, "context.json")
	all := goldens(t, "probes.jsonl")
	if len(all) < 400 {
		t.Errorf("only %d probes", len(all))
	}
	for _, g := range all {
		g.check(t, g.Template, given)
	}
}

// TestFamilies compares the templates of many model families, each with
// conversations that fit it and some that it refuses.
func TestFamilies(t *testing.T) {
	conversations := values(t, "conversations.json")
	families := map[string]bool{}
	for _, g := range goldens(t, "families.jsonl") {
		source, err := os.ReadFile(filepath.Join("testdata", "families", g.Family+".jinja"))
		if err != nil {
			t.Fatal(err)
		}
		g.Template = string(source)
		given, ok := conversations.Get(g.Conversation)
		if !ok {
			t.Fatalf("no conversation %q", g.Conversation)
		}
		context := newDict(nil, []Value{given}, []keyword{{"add_generation_prompt", g.Generate}})
		g.check(t, g.Family+", "+g.Conversation, context)
		families[g.Family] = true
	}
	if len(families) < 30 {
		t.Errorf("only %d families", len(families))
	}
}
