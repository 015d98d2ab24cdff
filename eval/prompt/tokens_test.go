package prompt

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/language"
)

// shots are worked examples of the form that MGSM's have.
var shots = map[string][]bench.Problem{
	"en": {{ID: "1", Language: "en", Problem: "Question: Ann has 2 pears and buys 3. How many has she?",
		Solution: "Step-by-Step Answer: 2 + 3 = 5. The answer is 5.", Answer: "5"},
		{ID: "2", Language: "en", Problem: "Question: What is 4 times 2?",
			Solution: "Step-by-Step Answer: 4 * 2 = 8. The answer is 8.", Answer: "8"}},
	"zh": {{ID: "1", Language: "zh", Problem: "问题：安有 2 个梨，又买了 3 个。她有几个？", Solution: "逐步解答：2 + 3 = 5。答案是 5。",
		Answer: "5"}},
	"te": {{ID: "1", Language: "te", Problem: "ప్రశ్న: 2 + 3 ఎంత?",
		Solution: "దశలవారీగా సమాధానం: 2 + 3 = 5. సమాధానం 5.", Answer: "5"}},
}

// golden is a prompt as it is put to a model.
type golden struct {
	Text, Prefix string
	IDs          []int32
}

// TestTokens holds text and token ids of one prompt of each template, in three
// scripts, with and without prefix and worked examples, for both tokenizers.
func TestTokens(t *testing.T) {
	got := map[string]golden{}
	for _, name := range []string{"tiny-qwen2", "tiny-llama31"} {
		dir := "../../testdata/models/" + name
		tokenizer, err := text.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer tokenizer.Close()
		chat, err := text.LoadTemplate(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, template := range Templates() {
			for language, examples := range shots {
				for _, c := range []struct {
					what string
					o    Options
				}{
					{"", Options{}}, {"+hack", Options{Hack: true}}, {"+few-shot", Options{Shots: examples}},
					{"+few-shot+hack", Options{Hack: true, Shots: examples}},
				} {
					c.o.Template, c.o.Chat = template, chat.RenderTurns
					if template == "native-cot" && c.o.Shots == nil || template == "verbatim" && c.o.Shots != nil {
						continue
					}
					p := bench.Problem{Language: language, Problem: "2 + 3 = ?"}
					built, err := Build(p, c.o)
					if err != nil {
						t.Fatal(err)
					}
					ids, err := built.Encode(tokenizer)
					if err != nil {
						t.Fatal(err)
					}
					key := name + " " + template + c.what + " " + language
					got[key] = golden{built.Text, built.Prefix, ids}
					agree(t, key, tokenizer, built, ids)
				}
			}
		}
	}
	const path = "testdata/tokens.golden.json"
	if *update {
		data, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		// A prompt a line, for people who compare versions.
		data = []byte(strings.ReplaceAll(string(data), `]},"`, "]},\n\""))
		if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]golden
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("prompts differ from %s (go test -update writes it anew):\n%s", path, d)
	}
}

// agree checks that ids are the text, and nothing but one begin-of-text before it.
func agree(t *testing.T, key string, tokenizer *text.Tokenizer, p Prompt, ids []int32) {
	t.Helper()
	decoded, err := tokenizer.Decode(ids, false)
	if err != nil {
		t.Fatal(err)
	}
	const begin = "<|begin_of_text|>"
	_, llama := tokenizer.ID(begin)
	if llama && strings.Count(decoded, begin) != 1 && !strings.Contains(p.Text, "<|im_start|>") {
		t.Errorf("%s: %d times %s", key, strings.Count(decoded, begin), begin)
	}
	if strings.TrimPrefix(decoded, begin) != strings.TrimPrefix(p.Text, begin) {
		t.Errorf("%s: ids are\n%q, text is\n%q", key, decoded, p.Text)
	}
	if !strings.HasSuffix(p.Text, p.Prefix) {
		t.Errorf("%s: does not end with its prefix", key)
	}
}

// TestThink checks that the prefix begins the reasoning where a template opens it.
func TestThink(t *testing.T) {
	p := bench.Problem{Language: "sw", Problem: "2 + 3 = ?"}
	prefix := language.Builtin().Lookup("sw").Prompts.Prefix
	for _, c := range []struct {
		template, end string // of the model's own chat template
		want          string
	}{
		{"r1-like", "", "<think>\n" + prefix},
		{"r1", "", "<think>\n" + prefix},
		{"chat", "<｜Assistant｜><think>\n", "<think>\n" + prefix}, // DeepSeek-R1-Distill
		{"chat", "<|im_start|>assistant\n<think>", "<think>\n" + prefix},
		{"chat", "<|im_start|>assistant\n", "assistant\n" + prefix},
	} {
		chat := func([]text.Turn, bool) (string, error) { return "x" + c.end, nil }
		built, err := Build(p, Options{Template: c.template, Hack: true, Chat: chat})
		if err != nil || !strings.HasSuffix(built.Text, c.want) || built.Prefix != prefix {
			t.Errorf("%s %q: %q, %v", c.template, c.end, built.Text, err)
		}
	}
}

// TestConclusions shows how worked examples end in each language.
func TestConclusions(t *testing.T) {
	for _, code := range language.Study() {
		got := language.Builtin().Lookup(code).Prompts.Conclude("11")
		if !strings.Contains(got, `\boxed{11}`) || strings.ContainsAny(got, `'“”「」`) ||
			strings.Contains(got, "final_answer") {
			t.Errorf("%s: %q", code, got)
		}
	}
}

// TestRealShots uses MGSM's own worked examples, which the project does not carry.
func TestRealShots(t *testing.T) {
	const shared = "../../../shared/data"
	if _, err := os.Stat(shared); err != nil {
		t.Skipf("the benchmarks are not here: %v", err)
	}
	for _, language := range language.Study() {
		examples, err := bench.Exemplars("mgsm", language, 8, bench.Options{Dir: shared})
		if err != nil {
			t.Fatal(err)
		}
		for _, template := range []string{"qwen-math", "r1-like", "none", "native-cot"} {
			built, err := Build(bench.Problem{Language: language, Problem: "2 + 3 = ?"},
				Options{Template: template, Shots: examples})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range examples {
				bare := shot(e)
				if bare.Problem == e.Problem || bare.Solution == e.Solution {
					t.Errorf("%s: example %s has no label: %q, %q", language, e.ID, e.Problem, e.Solution)
				}
				if !strings.Contains(built.Text, bare.Problem) ||
					!strings.Contains(built.Text, bare.Solution) {
					t.Errorf("%s %s: example %s is not in it", language, template, e.ID)
				}
				if template != "native-cot" && !strings.Contains(built.Text, `\boxed{`+e.Answer+`}`) {
					t.Errorf("%s %s: the answer of example %s is not boxed", language, template, e.ID)
				}
			}
		}
	}
}
