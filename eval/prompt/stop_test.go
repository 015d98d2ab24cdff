package prompt

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/language"
	"github.com/stele-lm/stele/internal/jsonl"
)

// worked are MGSM's examples by language.
func worked(t *testing.T) map[string][]bench.Problem {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", "mgsm", "exemplars.jsonl")
	if _, err := os.Stat(path); err != nil {
		t.Skip(err)
	}
	in, err := jsonl.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	all := map[string][]bench.Problem{}
	for {
		record, err := in.Next()
		if err != nil {
			return all
		}
		var p bench.Problem
		for key, to := range map[string]*string{"id": &p.ID, "language": &p.Language, "problem": &p.Problem,
			"solution": &p.Solution, "answer": &p.Answer} {
			if _, err := record.Decode(key, to); err != nil {
				t.Fatal(err)
			}
		}
		all[p.Language] = append(all[p.Language], p)
	}
}

// TestStopsAtTheNextExample: what follows the prompt of a worked example, in the prompt
// that has it among its examples, is what a model writes that goes on in the same form.
// It is cut after the example's own answer, in each template and language.
func TestStopsAtTheNextExample(t *testing.T) {
	chats := map[string]text.Chat{}
	for _, name := range []string{"tiny-qwen2", "tiny-llama31"} {
		template, err := text.LoadTemplate("../../testdata/models/" + name)
		if err != nil {
			t.Fatal(err)
		}
		chats[name] = template.RenderTurns
	}
	// Conversations in plain text, and without any mark between turns but a line.
	for name, source := range map[string]string{
		"words": "{% for m in messages %}{{ m.role | upper }}: {{ m.content }}\n\n{% endfor %}{% if " +
			"add_generation_prompt %}ASSISTANT: {% endif %}",
		"lines": "{% for m in messages %}{{ m.content }}\n{% endfor %}",
		"inst": "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else " +
			"%} {{ m.content }}</s>{% endif %}{% endfor %}",
	} {
		template, err := text.NewTemplate(source, "", "</s>")
		if err != nil {
			t.Fatal(err)
		}
		chats[name] = template.RenderTurns
	}
	all := worked(t)
	if len(all) != 11 {
		t.Fatalf("examples in %v", slices.Collect(maps.Keys(all)))
	}
	for _, template := range Templates() {
		if template == "verbatim" {
			continue // has no worked examples
		}
		for name, chat := range chats {
			for code, shots := range all {
				o := Options{Template: template, Chat: chat}
				const k = 3
				asked := shots[k]
				asked.Problem = label.ReplaceAllString(asked.Problem, "")
				o.Shots = shots[:k]
				stops, err := Stops(code, o)
				if err != nil {
					t.Fatal(err)
				}
				before, err := Build(asked, o)
				if err != nil {
					t.Fatal(err)
				}
				o.Shots = shots[:k+1]
				next := shots[k+1]
				next.Problem = label.ReplaceAllString(next.Problem, "")
				after, err := Build(next, o)
				if err != nil {
					t.Fatal(err)
				}
				said, ok := strings.CutPrefix(after.Text, before.Text)
				if !ok { // the prompt's end is a header that a finished turn has otherwise
					i := strings.LastIndex(after.Text, label.ReplaceAllString(shots[k].Solution, ""))
					said = after.Text[i:]
				}
				cut := len(said)
				for _, stop := range stops {
					if i := strings.Index(said, stop); i >= 0 {
						cut = min(cut, i)
					}
				}
				got := said[:cut]
				solution := label.ReplaceAllString(shots[k].Solution, "")
				conclusion := language.Builtin().Lookup(shots[k].Language).Prompts.Conclude(shots[k].Answer)
				if !strings.Contains(got, solution) || strings.Contains(got, next.Problem) ||
					template != "plain" && template != "native-cot" && !strings.Contains(got, conclusion) {
					t.Errorf("%s, %s, %s: stops %q leave\n%q", template, name, code, stops, got)
				}
				if rest := strings.TrimRight(got[strings.Index(got, solution)+len(solution):],
					" \n"); len(rest) > len(conclusion)+40 {
					t.Errorf("%s, %s, %s: left is %q", template, name, code, rest)
				}
			}
		}
	}
}

// TestStopsAreOfExamplesOnly: without worked examples nothing is added, an answer in
// which the word of the heading stands within a line is not cut, and the colon of
// another keyboard is one too.
func TestStopsAreOfExamplesOnly(t *testing.T) {
	if stops, err := Stops("en", Options{Template: "none"}); err != nil || stops != nil {
		t.Errorf("%q, %v", stops, err)
	}
	stops, err := Stops("zh", Options{Template: "native-cot", Shots: shots["zh"]})
	if err != nil {
		t.Fatal(err)
	}
	for said, cut := range map[string]bool{
		"这个问题：很难。答案是 5。": false, "答案是 5。\n\n问题：另一个": true, "答案是 5。\n问题: 另一个": true,
	} {
		if slices.ContainsFunc(stops, func(s string) bool { return strings.Contains(said, s) }) != cut {
			t.Errorf("%q: cut should be %v by %q", said, cut, stops)
		}
	}
	gap := bench.Problem{ID: "7", Language: "en", Problem: "Question: 1 + 1?", Solution: "First.\n\nThen 2.",
		Answer: "2"}
	if _, err := Stops("en", Options{Template: "plain", Shots: []bench.Problem{gap}}); err == nil ||
		!strings.Contains(err.Error(), "empty line") {
		t.Errorf("an example with an empty line: %v", err)
	}
}
