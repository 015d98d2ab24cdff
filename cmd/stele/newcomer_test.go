package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/internal/jsonl"
)

// stele runs a command line in this process.
func stele(t *testing.T, args ...string) (out, said string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	err = root.Execute()
	return stdout.String(), stderr.String(), err
}

func TestVersionFlag(t *testing.T) {
	command, _, err := stele(t, "version")
	if err != nil {
		t.Fatal(err)
	}
	if flag, _, err := stele(t, "--version"); err != nil || flag != command ||
		!strings.HasPrefix(flag, "stele ") {
		t.Errorf("--version prints %q, version %q: %v", flag, command, err)
	}
	var said struct{ Version string }
	out, _, err := stele(t, "version", "--json")
	err = errors.Join(err, json.Unmarshal([]byte(out), &said))
	if err != nil || "stele "+said.Version+"\n" != command {
		t.Errorf("version --json prints %q: %v", out, err)
	}
}

// TestDidYouMean has a name of each kind that is almost right.
func TestDidYouMean(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "run.yaml")
	if err := os.WriteFile(config, []byte("model: builtin:nano\nrollout:\n  goup_size: 3\n"),
		0o644); err != nil {
		t.Fatal(err)
	}
	train := func(setting string) []string {
		return []string{"train", "--dry-run", "--set", "model=builtin:nano", "--set", "data.bench=arith",
			"--set", setting}
	}
	evaluate := func(more ...string) []string {
		return append([]string{"eval", "-m", "builtin:nano", "--out", filepath.Join(dir, "run")}, more...)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"genrate"}, `"generate"`},
		{[]string{"eval", "mereg"}, `"merge"`},
		{evaluate("--benchmark", "arith"), "--bench"},
		{evaluate("--max-token", "3"), "--max-tokens"},
		{evaluate("--bench", "arth"), `"arith"`},
		{evaluate("--preset", "papr"), `"paper"`},
		{evaluate("--template", "qwen-instuct"), `"qwen-instruct"`},
		{[]string{"generate", "-m", "builtin:tny", "-p", "x"}, `"tiny"`},
		{[]string{"generate", "-m", "builtin:nano", "-p", "x", "--dtype", "bf16"}, `"bfloat16"`},
		{[]string{"generate", "-m", "builtin:nano", "-p", "x", "--backend", "cuda"}, `"xla:cuda"`},
		{[]string{"generate", "-m", "builtin:nano", "-p", "x", "--kernels", "hsot"}, `"host"`},
		{[]string{"train", "--config", config, "--dry-run"},
			`line 3: unknown setting "rollout.goup_size", did you mean "rollout.group_size"?`},
		{train("optimiser.lr=1"), `"optimizer"`},
		{train("lr=1"), `"optimizer.lr"`},
		{train("preset=dappo"), `"dapo"`},
		{train("loss.aggregation=token_mean"), `"token-mean"`},
		{train("algorithm=grop"), `"grpo"`},
	} {
		_, _, err := stele(t, c.args...)
		if err == nil || !strings.Contains(err.Error(), "did you mean") ||
			!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("stele %s: error %v, want one line that asks for %s", strings.Join(c.args, " "), err,
				c.want)
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{train("steps=abc"), "expected a whole number"},
		{train("data.languages=3"), "expected"},
	} {
		if _, _, err := stele(t, c.args...); err == nil || !strings.Contains(err.Error(), c.want) ||
			strings.ContainsAny(err.Error(), "\n{") || strings.Contains(err.Error(), "struct") {
			t.Errorf("stele %s: error %v, want %q in one line without Go's types", strings.Join(c.args, " "),
				err, c.want)
		}
	}
}

// TestLanguages is about which of the benchmarks are asked in which languages.
func TestLanguages(t *testing.T) {
	data := t.TempDir()
	lay := func(name, line string) {
		path := filepath.Join(data, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(line+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	lay("math500/en.jsonl", `{"id":"1","problem":"x","answer":"1"}`)
	for _, l := range []string{"en", "sw", "th"} {
		lay("mgsm/"+l+".jsonl", `{"id":"1","problem":"x","answer":"1"}`)
	}
	lay("own.jsonl", `{"problem":"x","answer":"1"}`)
	lay("two.jsonl", `{"id":"1","problem":"x","answer":"1","language":"de"}`+"\n"+
		`{"id":"1","problem":"x","answer":"1","language":"en"}`)
	own, two := filepath.Join(data, "own.jsonl"), filepath.Join(data, "two.jsonl")
	for _, c := range []struct {
		benchmarks, asked       []string
		left, languages, absent []string
		said, fails             string
	}{
		{benchmarks: []string{"math500"}, left: []string{"math500"}, languages: []string{"en"}},
		{benchmarks: []string{"math500", "mgsm"}, left: []string{"math500", "mgsm"},
			languages: []string{"en", "th", "sw"},
			absent:    []string{"math500|th", "math500|sw"},
			said:      "mgsm: no data in es ru de fr bn zh ja te"},
		{benchmarks: []string{"math500", "mgsm"}, asked: []string{"en", "sw"},
			left: []string{"math500", "mgsm"}, languages: []string{"en", "sw"},
			absent: []string{"math500|sw"}, said: "math500 is not available in sw"},
		{benchmarks: []string{"math500", "mgsm"}, asked: []string{"sw"}, left: []string{"mgsm"},
			languages: []string{"sw"},
			absent:    []string{"math500|sw"}, said: "math500 is not available in sw"},
		{benchmarks: []string{"math500", "mgsm"}, asked: []string{"en", "swa"},
			left: []string{"math500", "mgsm"}, languages: []string{"en"},
			absent: []string{"math500|swa", "mgsm|swa"}, said: `did you mean "sw"?`},
		{benchmarks: []string{"math500"}, asked: []string{"sw", "te"},
			fails: "none of math500 is available in sw te"},
		{benchmarks: []string{"aime24"}, fails: "--data"},
		{benchmarks: []string{own}, left: []string{own}, languages: []string{"en"}, said: "name no language"},
		{benchmarks: []string{own}, asked: []string{"th"}, left: []string{own}, languages: []string{"th"}},
		{benchmarks: []string{two}, left: []string{two}, languages: []string{"en", "de"}},
		{benchmarks: []string{two, "math500"}, asked: []string{"de", "en"}, left: []string{two, "math500"},
			languages: []string{"de", "en"},
			absent:    []string{"math500|de"}, said: "math500 is not available in de"},
	} {
		spec := eval.Spec{Benchmarks: c.benchmarks, Languages: c.asked}
		var said bytes.Buffer
		err := settleLanguages(&spec, bench.Options{Dir: data}, &said)
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%v in %v: error %v, want %q", c.benchmarks, c.asked, err, c.fails)
			}
			continue
		}
		if err != nil {
			t.Errorf("%v in %v: %v", c.benchmarks, c.asked, err)
			continue
		}
		equal := func(a, b []string) bool { return strings.Join(a, " ") == strings.Join(b, " ") }
		if !equal(spec.Benchmarks, c.left) || !equal(spec.Languages, c.languages) ||
			!equal(spec.Absent, c.absent) {
			t.Errorf("%v in %v: %v in %v without %v, want %v in %v without %v", c.benchmarks, c.asked,
				spec.Benchmarks, spec.Languages, spec.Absent, c.left, c.languages, c.absent)
		}
		if !strings.Contains(said.String(), c.said) || c.said == "" && said.Len() > 0 {
			t.Errorf("%v in %v: says %q, want %q", c.benchmarks, c.asked, said.String(), c.said)
		}
		for _, b := range spec.Benchmarks {
			if problems, err := bench.Load(b, spec.LanguagesOf(b), bench.Options{Dir: data}); err != nil ||
				len(problems) == 0 {
				t.Errorf("%s in %v: %d problems, %v", b, spec.LanguagesOf(b), len(problems), err)
			}
		}
	}
}

// TestScoreReadsGenerate: what generate writes is scored as it is, and the
// log-probabilities are those that it reported.
func TestScoreReadsGenerate(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	lines := `{"prompt":[{"role":"system","content":"Be brief."},{"role":"user","content":"2 + 3 = ?"}],"note":{"a":[1]}}
{"problem":"4 + 4 = ?","reward_model":{"ground_truth":"8"}}
`
	if err := os.WriteFile(at("in.jsonl"), []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := stele(t, "generate", "-m", "builtin:nano", "--backend", "go", "--in", at("in.jsonl"),
		"--out", at("out.jsonl"), "--max-tokens", "6", "--temperature", "1", "--top-p", "1"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := stele(t, "score", "-m", "builtin:nano", "--backend", "go", "--in", at("out.jsonl"),
		"--out", at("scored.jsonl")); err != nil {
		t.Fatal(err)
	}
	generated, scored := records(t, at("out.jsonl")), records(t, at("scored.jsonl"))
	if len(generated) != 2 || len(scored) != 2 {
		t.Fatalf("%d generated and %d scored, want 2", len(generated), len(scored))
	}
	for i := range generated {
		var was, is []float64
		if _, err := generated[i].Decode("logprobs", &was); err != nil {
			t.Fatal(err)
		}
		if _, err := scored[i].Decode("logprobs", &is); err != nil || len(is) != len(was) || len(is) == 0 {
			t.Fatalf("%v, %v, %v", was, is, err)
		}
		for k := range is {
			if d := is[k] - was[k]; d > 1e-4 || d < -1e-4 {
				t.Errorf("line %d, token %d: %g generated, %g scored", i, k, was[k], is[k])
			}
		}
		if strings.Join(generated[i].Keys(), " ") != strings.Join(scored[i].Keys(), " ") {
			t.Errorf("fields were %v, are %v", generated[i].Keys(), scored[i].Keys())
		}
	}
	if note, err := scored[0].Find("note.a.0"); err != nil || string(note) != "1" {
		t.Errorf("an unknown field became %s, %v", note, err)
	}
}

func records(t *testing.T, path string) (out []*jsonl.Record) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		r, err := jsonl.ParseRecord([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// TestGenerateKeepsConversations asks with the messages of the data as they are.
func TestGenerateKeepsConversations(t *testing.T) {
	var said guesses
	for _, c := range []struct{ line, prompt, last, says string }{
		{`{"prompt":"x"}`, "x", "", ""},
		{`{"question":"x"}`, "x", "", "no prompt, so question is asked"},
		{`{"prompt":[{"role":"user","content":"x"}]}`, "", "x", ""},
		{`{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"y"}]}`, "", "x",
			"its last message is left out"},
		{`{"messages":[{"from":"human","value":"x"}]}`, "", "x", ""},
		{`{"messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"text","text":"y"}]}]}`,
			"", "xy", ""},
	} {
		said = guesses{}
		record, err := jsonl.ParseRecord([]byte(c.line))
		if err != nil {
			t.Fatal(err)
		}
		messages, prompt, err := asked(record, &said)
		if err != nil {
			t.Errorf("%s: %v", c.line, err)
			continue
		}
		var b bytes.Buffer
		said.write(&b, "in")
		last := ""
		if len(messages) > 0 {
			var end text.Message
			if err := json.Unmarshal(messages[len(messages)-1], &end); err != nil {
				t.Fatal(err)
			}
			last = end.Content
		}
		if prompt != c.prompt || last != c.last || !strings.Contains(b.String(), c.says) || c.says == "" &&
			b.Len() > 0 {
			t.Errorf("%s: prompt %q, messages %v, says %q", c.line, prompt, messages, b.String())
		}
	}
	for _, line := range []string{`{"id":1}`, `{"prompt":[1,2]}`,
		`{"messages":[{"role":"assistant","content":"y"}]}`, `{"prompt":3}`} {
		record, err := jsonl.ParseRecord([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := asked(record, &said); err == nil {
			t.Errorf("%s: no error", line)
		}
	}
}

// TestAbsentInManifest keeps what is not there beside what is.
func TestAbsentInManifest(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "two.jsonl")
	text := `{"id":"1","problem":"2 + 2 = ?","answer":"4","language":"en"}` + "\n" +
		`{"id":"1","problem":"2 + 2 = ?","answer":"4","language":"de"}` + "\n"
	if err := os.WriteFile(data, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(dir, "run")
	out, said, err := stele(t, "eval", "-m", "builtin:nano", "--backend", "go", "--bench", data, "--lang",
		"en,sw", "--template", "plain", "--max-tokens", "4", "--out", run)
	if err != nil || strings.Contains(out, "|sw") || !strings.Contains(said, "is not available in sw") {
		t.Fatalf("%v\n%s\n%s", err, out, said)
	}
	var manifest struct {
		Settings eval.Spec `json:"settings"`
	}
	raw, err := os.ReadFile(filepath.Join(run, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &manifest); err != nil ||
		strings.Join(manifest.Settings.Absent, " ") != data+"|sw" {
		t.Errorf("%v, %v", manifest.Settings.Absent, err)
	}
}

// TestRecordsInWords: what is wrong with a line is said with its file and line, the field,
// what was found and what was expected, in every command that reads JSONL.
func TestRecordsInWords(t *testing.T) {
	model := filepath.Join("..", "..", "testdata", "models", "tiny-qwen2")
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.jsonl"), filepath.Join(dir, "out.jsonl")
	generate := []string{"generate", "-m", model, "--max-tokens", "1"}
	score := []string{"score", "-m", model}
	decode := []string{"tokenize", "-m", model, "--decode"}
	for _, c := range []struct {
		command    []string
		line, want string
	}{
		{generate, `{"prompt": "a", "seed": "7"}`,
			`in.jsonl:2: field "seed": found "7", expected a whole number from 0 on`},
		{generate, `{"prompt_ids": [1, 2.5]}`,
			`in.jsonl:2: field "prompt_ids": found 2.5, expected a whole number`},
		{generate, `{"prompt_ids": [1, 99999]}`,
			"in.jsonl:2: prompt token 99999 is outside the model's vocabulary of 2064"},
		{generate, `{"prompt_ids": []}`, "in.jsonl:2: the prompt is empty"},
		{generate, `{"prompt": [{"role": 5, "content": "x"}]}`,
			`in.jsonl:2: field "prompt": message 0: field "role": found a number, expected text`},
		{generate, `{"text": "a"}`,
			`in.jsonl:2: no "prompt", "messages" or "prompt_ids": the record has text`},
		{generate, `{"prompt": null}`, `in.jsonl:2: field "prompt" is null`},
		{generate, `{"prompt": NaN}`,
			`in.jsonl:2: field "prompt": column 12: NaN is no number of JSON: write null`},
		{generate, `{"prompt": "a"`, "in.jsonl:2: the JSON ends early"},
		{score, `{"prompt_ids": [1], "completion_ids": "x"}`,
			`in.jsonl:2: field "completion_ids": found "x", expected a list of whole numbers, token ids`},
		{score, `{"prompt_ids": [1], "completion_ids": [-1]}`,
			"in.jsonl:2: token -1 is outside the model's vocabulary"},
		{score, `{"prompt_ids": [], "completion_ids": [1]}`, "in.jsonl:2: the prompt is empty"},
		{decode, `{"ids": 5}`, `in.jsonl:2: field "ids": found 5, expected a list of whole numbers`},
		{[]string{"tokenize", "-m", model}, `{"text": ["a"]}`,
			`in.jsonl:2: field "text": found a list, expected text`},
		{[]string{"langid"}, `{"text": 5}`, `in.jsonl:2: field "text": found 5, expected text`},
		{[]string{"langid"}, `{"words": 5}`, `in.jsonl:2: no "text": the record has words`},
		{[]string{"grade"}, `{"output": "1", "reference": 1}`,
			`in.jsonl:2: field "reference": found 1, expected text`},
		{[]string{"langid"}, "", "in.jsonl is empty"}, {[]string{"grade"}, "", "in.jsonl is empty"},
		{score, "", "in.jsonl is empty"}, {decode, "", "in.jsonl is empty"},
	} {
		if err := os.WriteFile(in, []byte("\n"+c.line+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		stdout, _, err := stele(t, append(c.command, "--in", in, "--out", out)...)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") ||
			stdout != "" {
			t.Errorf("%s %s: %v, stdout %q; want %q", c.command[0], c.line, err, stdout, c.want)
		}
		if _, err := os.Stat(out); err == nil {
			t.Fatalf("%s %s: a file was written", c.command[0], c.line)
		}
	}
	if err := os.WriteFile(in, []byte(`{"ids": [40, 999999, 888888]}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, said, err := stele(t, append(decode, "--in", in, "--out", out)...)
	if want := "the tokenizer has no text for 2 of the ids, such as 888888"; err != nil ||
		!strings.Contains(said, want) {
		t.Errorf("says %q, %v; want %q", said, err, want)
	}
	if _, _, err := stele(t, "langid", "--in", in, "--out", filepath.Join(dir, "none", "out")); err == nil ||
		!strings.Contains(err.Error(), "there is no folder "+filepath.Join(dir, "none")) {
		t.Errorf("a folder that is not there: %v", err)
	}
}
