package prompt

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/language"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGoldens holds one prompt of each template and language.
func TestGoldens(t *testing.T) {
	chat, err := text.LoadTemplate("../../testdata/models/tiny-qwen2")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Prompt{}
	for _, template := range Templates() {
		if template == "native-cot" {
			continue // needs worked examples: see TestTokens
		}
		for _, language := range language.Study() {
			for name, hack := range map[string]bool{"": false, "+hack": true} {
				p := bench.Problem{Language: language, Problem: "2 + 3 = ?"}
				built, err := Build(p, Options{Template: template, Hack: hack, Chat: chat.RenderTurns})
				if err != nil {
					t.Fatal(err)
				}
				if !strings.HasSuffix(built.Text, built.Prefix) || hack != (built.Prefix != "") ||
					!strings.Contains(built.Text, p.Problem) {
					t.Errorf("%s %s: %+v", template, language, built)
				}
				got[template+name+" "+language] = built
			}
		}
	}
	const path = "testdata/prompts.golden.json"
	if *update {
		data, _ := json.MarshalIndent(got, "", " ")
		if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]Prompt
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) != len(got) {
		t.Errorf("%d prompts, %d golden ones", len(got), len(want))
	}
	for name, w := range want {
		if got[name] != w {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got[name], w)
		}
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct {
		p bench.Problem
		o Options
	}{
		{bench.Problem{Language: "xx"}, Options{}},
		{bench.Problem{Language: "en"}, Options{Template: "nonsense"}},
		{bench.Problem{Language: "en"}, Options{Template: "chat"}},
		{bench.Problem{Language: "en"}, Options{Template: "native-cot"}},
		{bench.Problem{Language: "en"}, Options{Shots: shots["zh"]}},
	} {
		if _, err := Build(c.p, c.o); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}
