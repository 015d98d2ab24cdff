package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/eval/answer"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// needShared skips a test of the benchmarks themselves, which a clone lacks.
func needShared(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(shared); err != nil {
		t.Skipf("the benchmarks are not here: %v", err)
	}
}

// TestCounts loads every file that counts.json counts.
func TestCounts(t *testing.T) {
	needShared(t)
	data, err := os.ReadFile(shared + "/counts.json")
	if err != nil {
		t.Fatal(err)
	}
	var counts map[string]int
	if err := json.Unmarshal(data, &counts); err != nil {
		t.Fatal(err)
	}
	for name, want := range counts {
		benchmark, language, _ := strings.Cut(name, "/")
		o := Options{Dir: shared}
		var problems []Problem
		switch {
		case language == "exemplars":
			for _, l := range Registry[benchmark].Languages {
				p, err := Exemplars(benchmark, l, want/len(Registry[benchmark].Languages), o)
				if err != nil {
					t.Fatal(err)
				}
				problems = append(problems, p...)
			}
		case benchmark == "gsm8k":
			o.Split, language = language, "en"
			fallthrough
		default:
			if problems, err = Load(benchmark, []string{language}, o); err != nil {
				t.Error(err)
			}
		}
		if len(problems) != want {
			t.Errorf("%s: %d problems, want %d", name, len(problems), want)
		}
	}
}

// TestOriginals loads the original Arrow folders and the TSV, and expects what the
// JSONL files made of them hold.
func TestOriginals(t *testing.T) {
	needShared(t)
	for _, c := range []struct{ name, language string }{{"aime24", "en"}, {"aime25", "bn"},
		{"gpqa_diamond", "zh"}, {"mgsm", "de"}} {
		original, err := Load(c.name, []string{c.language}, Options{Dir: shared + "/arrow_sample"})
		if err != nil {
			t.Error(err)
			continue
		}
		want, err := Load(c.name, []string{c.language}, Options{Dir: shared})
		if err != nil {
			t.Fatal(err)
		}
		// Solutions were left out of the JSONL.
		if d := cmp.Diff(want, original, cmpopts.IgnoreFields(Problem{}, "Solution")); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
	for _, path := range []string{"translated_aime2024/en", "translated_aime2024", "mgsm_de.tsv"} {
		if _, err := Load(shared+"/arrow_sample/"+path, []string{"en"}, Options{}); err != nil {
			t.Error(err)
		}
	}
}

// lay writes files below a folder.
func lay(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestHubCache reads benchmarks and a dataset of the user's from the hub cache.
func TestHubCache(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("HF_HUB_CACHE", cache)
	for id, files := range map[string]map[string]string{
		"openai--gsm8k":           {"main/test-00000-of-00001.parquet": "", "README.md": "# GSM8K"},
		"HuggingFaceH4--MATH-500": {"test.jsonl": `{"problem":"x","answer":"\\frac12","solution":"y","level":4,"subject":"Algebra","unique_id":"u"}`},
		"juletxara--mgsm":         {"mgsm_de.tsv": "Was ist \"2\"?\t2,125\n"},
		"shanchen--aime_2024_multilingual": {"README.md": "---\nconfigs:\n- config_name: default\n  " +
			"data_files:\n  - split: en\n    path: data/en-*\n  - split: de\n    path: data/de-*\n---\n",
			"data/en-0.jsonl": `{"id":7,"problem":"x","answer":204.0}`,
			"data/de-0.jsonl": `{"id":7,"problem":"y","answer":"204"}`},
		"Idavidrein--gpqa": {"gpqa_diamond.csv": "Record ID,Question,Correct " +
			"Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3,High-level domain\n" +
			"r,\"Which,\nif any?\",none,\"a, b\",c,d,Physics\n"},
		"me--mine": {"data/train.csv": "question,answer\na,1\n",
			"data/test.csv": "question,answer\nb,2\n"},
	} {
		root := lay(t, filepath.Join(cache, "datasets--"+id), map[string]string{"refs/main": "abc"})
		lay(t, filepath.Join(root, "snapshots/abc"), files)
	}
	for _, c := range []struct {
		name, split string
		languages   []string
		want        []Problem
	}{
		{"math500", "", []string{"en"},
			[]Problem{{ID: "math500-0", Benchmark: "math500", Language: "en", Problem: "x",
				Answer: `\frac12`, Solution: "y", Level: 4, Type: "Algebra"}}},
		{"mgsm", "", []string{"de"}, []Problem{{ID: "mgsm-0", Benchmark: "mgsm", Language: "de",
			Problem: `Was ist "2"?`, Answer: "2125"}}},
		{"aime24", "", []string{"de", "en"},
			[]Problem{{ID: "aime24-0", Benchmark: "aime24", Language: "de", Problem: "y", Answer: "204"},
				{ID: "aime24-0", Benchmark: "aime24", Language: "en", Problem: "x", Answer: "204"}}},
		{"gpqa_diamond", "", []string{"en"}, []Problem{{
			ID: "gpqa-0", Benchmark: "gpqa_diamond", Language: "en", Answer: "D", Type: "Physics",
			Problem: "Which,\nif any?\n\n(A) a, b\n(B) c\n(C) d\n(D) none\n\nPlease write your final " +
				"answer in the form of \\boxed{A}, \\boxed{B}, \\boxed{C}, or \\boxed{D}",
		}}},
		{"me/mine", "", []string{"en"}, []Problem{{ID: "0", Language: "en", Problem: "b", Answer: "2"}}},
		{"me/mine", "train", []string{"en"}, []Problem{{ID: "0", Language: "en", Problem: "a", Answer: "1"}}},
	} {
		got, err := Load(c.name, c.languages, Options{Split: c.split})
		if err != nil {
			t.Error(err)
		} else if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
	for _, c := range []struct {
		name, language, want string
	}{
		{"gsm8k", "en", "main/test-00000-of-00001.parquet"}, // is there, and no Parquet
		{"aime25", "en", "stele pull aime25"},
		{"me/other", "en", "not in the hub cache"},
	} {
		if _, err := Load(c.name, []string{c.language}, Options{}); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}

// TestOwnRegistry adds benchmarks without touching Go: beside the data, and by a
// file of its own.
func TestOwnRegistry(t *testing.T) {
	dir := lay(t, t.TempDir(), map[string]string{
		"benchmarks.yaml": `
trivia:
  languages: [en, de]
  answer: choice
  samples: 4
  max_tokens: 99
  sources:
  - path: t/{language}.csv
    fields: {id: nr, problem: "About {topic}: {q}", answer: right}
    choices: {columns: [right, wrong], answer: text, shuffle: true, suffix: "\nA or B?"}
listed:
  languages: [en]
  answer: choice
  sources:
  - path: l.jsonl
    choices: {column: options, answer: index}
sums:
  languages: [en]
  answer: number
  sources:
  - path: s-*.jsonl
    patterns: {answer: '#### (.*)'}
`,
		"t/en.csv": "nr,topic,q,right,wrong\n1,sea,Salty?,yes,no\n2,sky,Green?,nope,yep\n3,x,y,r,w\n" +
			"4,x,y,r,w\n",
		"t/de.csv": "nr,topic,q,right,wrong\n1,Meer,Salzig?,ja,nein\n2,Himmel,Grün?,nee,jo\n3,x,y,r,w\n" +
			"4,x,y,r,w\n",
		"l.jsonl": `{"id":"a","question":"Which?","options":["x","y","z"],"answer":2}` + "\n" +
			`{"id":"b","question":"Which?","options":{"text":["x","y"]},"answer":0}`,
		"s-1.jsonl":  `{"question":"?","answer":"so #### 1,000"}`,
		"s-2.jsonl":  `{"question":"?","answer":"so #### -2.5"}`,
		"other.yaml": "trivia: {languages: [fr], answer: math, sources: [{path: l.jsonl}]}\n",
	})
	o := Options{Dir: dir}
	got, err := Load("trivia", []string{"de", "en"}, o)
	if err != nil {
		t.Fatal(err)
	}
	letters := map[string]string{}
	for i, p := range got {
		first, second, _ := strings.Cut(p.Problem[strings.Index(p.Problem, "(A) ")+4:], "\n(B) ")
		right := map[string]string{"A": first, "B": strings.TrimSuffix(second, "\nA or B?")}[p.Answer]
		if want := []string{"ja", "nee", "r", "r", "yes", "nope", "r", "r"}[i]; right != want {
			t.Errorf("%+v: %s is %q, want %q", p, p.Answer, right, want)
		}
		if before, ok := letters[p.ID]; ok && before != p.Answer {
			t.Errorf("question %s is shuffled otherwise in another language", p.ID)
		}
		letters[p.ID] = p.Answer
	}
	if got[0].Problem[:24] != "About Meer: Salzig?\n\n(A)" || len(got) != 8 {
		t.Errorf("%+v", got)
	}
	if e, err := Lookup("trivia", o); err != nil || e.Samples != 4 || e.MaxTokens != 99 ||
		e.DataName != "math" {
		t.Errorf("%+v, %v", e, err)
	}
	if got, err = Load("listed", []string{"en"}, o); err != nil || got[0].Answer != "C" ||
		got[1].Answer != "A" || got[0].Problem != "Which?\n\n(A) x\n(B) y\n(C) z" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = Load("sums", []string{"en"}, o); err != nil || got[0].Answer != "1000" ||
		got[1].Answer != "-2.5" || got[1].ID != "1" {
		t.Errorf("%+v, %v", got, err)
	}
	// A file that is named goes before the one beside the data; paths are beside it.
	if e, err := Lookup("trivia", Options{Dir: dir,
		Registry: filepath.Join(dir, "other.yaml")}); err != nil ||
		!slices.Equal(e.Languages, []string{"fr"}) {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := Load("mgsm", []string{"en"}, o); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Error(err)
	}
}

// TestBadRows has rows that are wrong name file, row and field.
func TestBadRows(t *testing.T) {
	dir := lay(t, t.TempDir(), map[string]string{
		"aime24/en.jsonl": `{"id":"1","problem":"x","answer":"12"}` + "\n" +
			`{"id":"2","problem":"x","answer":"twelve"}`,
		"gpqa_diamond/en.jsonl": `{"id":"1","problem":"x","answer":"AB"}`,
		"gsm8k/test.jsonl":      `{"id":"1","problem":"x","answer":true}`,
		"mgsm/en.jsonl":         `{"id":"1","problem":" ","answer":"1"}`,
		"mgsm_de.tsv":           "frage ohne Antwort\n",
		"benchmarks.yaml": "own:\n  languages: [en]\n  sources:\n  - path: own.jsonl\n    fields: " +
			"{problem: q, answer: a}\n    patterns: {answer: 'is (.)'}\n    choices: {column: c}\n",
		"own.jsonl": `{"q":"x","a":"is A","c":["x","y"]}` + "\n" +
			`{"q":"x","a":"is C","c":["x","y"]}`,
	})
	for _, c := range []struct{ name, language, want string }{
		{"aime24", "en", `en.jsonl:2: field "answer": answer is "twelve": expected a whole number`},
		{"gpqa_diamond", "en", `en.jsonl:1: field "answer": answer is "AB": expected a letter`},
		{"gsm8k", "en", `test.jsonl:1: field "answer" is neither text nor a number`},
		{"mgsm", "en", `en.jsonl:1: no problem: field "problem" is empty`},
		{"mgsm", "de", `mgsm_de.tsv:1: 1 columns, expected 2`},
		{"own", "en", `own.jsonl:2: answer is "C", which names none of 2 choices`},
	} {
		if _, err := Load(c.name, []string{c.language}, Options{Dir: dir}); err == nil ||
			!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}

// TestBadRegistry has the one line that a user gets for a registry that is wrong.
func TestBadRegistry(t *testing.T) {
	const ok = "x: {languages: [en], sources: [{path: a}]}"
	if _, err := parseRegistry([]byte(ok)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ text, want string }{
		{"x: {languages: [en], sources: [{path: a}], sampels: 3}",
			`unknown setting "x.sampels", did you mean "x.samples"?`},
		{"x: [1]", "line 1, "},
		{"a/b: {languages: [en], sources: [{path: a}]}", "a/b: not a name"},
		{"x: {sources: [{path: a}]}", "x: languages"},
		{"x: {languages: [en]}", "x: sources: none"},
		{"x: {languages: [en], answer: odd, sources: [{path: a}]}", `answer is "odd"`},
		{"x: {languages: [en], samples: -1, sources: [{path: a}]}", "samples is -1"},
		{"x: {languages: [en], sources: [{path: a}, {}]}", "sources[1]: neither path nor hub"},
		{"x: {languages: [en], sources: [{hub: nonsense}]}", "expected owner/name"},
		{"x: {languages: [en], sources: [{hub: a/b, path: ../x}]}", "points outside"},
		{"x: {languages: [en], sources: [{path: a, languages: [de]}]}", `"de" is none`},
		{"x: {languages: [en], sources: [{path: a, fields: {probelm: x}}]}", `unknown part "probelm"`},
		{"x: {languages: [en], sources: [{path: a, fields: {problem: x}}]}", "problem and answer are needed"},
		{"x: {languages: [en], sources: [{path: a, patterns: {answer: '('}}]}", "patterns: answer"},
		{"x: {languages: [en], sources: [{path: a, patterns: {answer: 'x'}}]}", "no group"},
		{"x: {languages: [en], grader: strict, sources: [{path: a}]}", "chosen for a run (--grader"},
		{"x: {languages: [en], grader: choice, sources: [{path: a}]}", "write answer: choice"},
		{"x: {languages: [en], sources: [{path: a, choices: {}}]}", "either column or columns"},
		{"x: {languages: [en], sources: [{path: a, choices: {column: c, answer: odd}}]}", `answer is "odd"`},
	} {
		if _, err := parseRegistry([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want %q", c.text, err, c.want)
		}
	}
}

// TestRegistryIsWhole holds that every built-in benchmark says what the paper needs.
func TestRegistryIsWhole(t *testing.T) {
	for name, e := range Registry {
		if e.About == "" || e.Samples < 1 || e.MaxTokens < 1 {
			t.Errorf("%s: %+v", name, e)
		}
		if want := map[bool]int{true: 16, false: 1}[strings.HasPrefix(name, "aime")]; e.Samples != want {
			t.Errorf("%s: %d samples, want %d", name, e.Samples, want)
		}
	}
	repositories := Registry["gsm8k"].Repositories()
	if want := []Repository{{ID: "openai/gsm8k", Paths: []string{"main/*-*.parquet"},
		Languages: []string{"en"}}}; !cmp.Equal(want, repositories) {
		t.Errorf("%+v", repositories)
	}
}

func FuzzRegistry(f *testing.F) {
	f.Add(string(registryText))
	f.Add("x: {languages: [en], sources: [{path: a, choices: {column: c}}]}")
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := parseRegistry([]byte(text))
		if err != nil {
			return
		}
		for name, e := range entries {
			if len(e.Languages) == 0 || e.Samples < 1 || e.MaxTokens < 1 || e.name != name {
				t.Fatalf("%q gave %+v", text, e)
			}
		}
	})
}

// FuzzAnswer holds that what is read as a number or a letter is one.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{"1,000", "-2.5", "(C)", "1/2", "1e5", "1e1000000000", "1/0", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := answer.Choice.Read(text); err == nil && (len(s) != 1 || s[0] < 'A' || s[0] > 'Z') {
			t.Fatalf("%q is choice %q", text, s)
		}
		for _, a := range []answer.Type{answer.Integer, answer.Number} {
			if s, err := a.Read(text); err == nil {
				if again, err := a.Read(s); again != s || err != nil {
					t.Fatal(fmt.Sprintf("%q is %q, which is %q", text, s, again), err)
				}
			}
		}
	})
}

// TestTranslatedAnswers: a question's answer in words is another in each language, a number
// or a letter is not.
func TestTranslatedAnswers(t *testing.T) {
	for kind, same := range map[string]bool{"text": false, "{command: [cat]}": false, "math": true,
		"choice of 10": true} {
		dir := lay(t, t.TempDir(), map[string]string{
			"en.jsonl": `{"id":"1","problem":"?","answer":"H"}` + "\n",
			"de.jsonl": `{"id":"1","problem":"?","answer":"I"}` + "\n",
			"benchmarks.yaml": "q: {languages: [en, de], answer: " + kind +
				", sources: [{path: \"{language}.jsonl\"}]}\n"})
		_, err := Load("q", []string{"en", "de"}, Options{Dir: dir})
		if same && (err == nil || !strings.Contains(err.Error(),
			`question 1 has answer "H" in en and "I" in de`)) || !same && err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestManyChoices: a set with more choices than the graders of mathematics know is asked,
// and its answers are of the type of so many choices, however it names them; up to five
// stay what they were.
func TestManyChoices(t *testing.T) {
	ten := `["o","p","q","r","s","t","u","v","w","x"]`
	load := func(answer, entry, record string) ([]Problem, error) {
		dir := lay(t, t.TempDir(), map[string]string{"q.jsonl": record + "\n",
			"benchmarks.yaml": "q:\n  languages: [en]\n  answer: " + answer +
				"\n  sources:\n  - path: q.jsonl\n    fields: {problem: question, answer: answer}\n    " +
				entry + "\n"})
		return Load("q", []string{"en"}, Options{Dir: dir})
	}
	for _, c := range []struct{ name, answer, entry, record, reference, kind string }{
		{"list", "choice", "choices: {column: options, answer: index}", `{"question":"?","options":` + ten +
			`,"answer":9}`, "J", "choice of 10"},
		{"letters", "choice", "choices: {column: options}", `{"question":"?","options":` + ten +
			`,"answer":"B"}`, "B", "choice of 10"},
		{"five", "choice", "choices: {column: options}",
			`{"question":"?","options":["o","p","q","r","s"],"answer":"E"}`, "E", ""},
		{"six", "choice", "choices: {column: options}",
			`{"question":"?","options":["o","p","q","r","s","t"],"answer":"E"}`, "E", "choice of 6"},
		{"answer", "choice", "", `{"question":"? A or G","answer":"G"}`, "G", "choice of 26"},
		{"text", "choice", "", `{"question":"?\n(A) 1\n(B) 2\n(C) 3\n(D) 4\n(E) 5\n(F) 6","answer":"B"}`,
			"B", "choice of 6"},
		{"dots", "choice", "", `{"question":"? A. 1 B. 2 C. 3 D. 4 E. 5 F. 6 G. 7","answer":"(C)"}`, "C",
			"choice of 7"},
		{"chinese", "choice", "", `{"question":"？A、一 B、二 C、三 D、四 E、五 F、六","answer":"B"}`, "B", "choice of 6"},
		{"four", "choice", "", `{"question":"Let F) be. (A) 1 (B) 2 (C) 3 (D) 4","answer":"D"}`, "D", ""},
		{"declared", "choice of 10", "", `{"question":"Which of them?","answer":"(J)"}`, "J", "choice of 10"},
		{"declared, few", "choice of 4", "", `{"question":"Which of them?","answer":"D"}`, "D", ""},
		{"letters of mathematics", "math", "", `{"question":"?\n(A) 1\n(B) 2\n(C) 3\n(D) 4\n(E) 5\n(F) ` +
			`6","answer":"(B)"}`, "B", "choice of 6"},
		{"a letter as text", "text", "", `{"question":"? A. 1 B. 2 C. 3 D. 4 E. 5 F. 6 G. 7","answer":"A"}`,
			"A", "text"},
		{"a letter for a command", "{command: [judge]}", "",
			`{"question":"? A. 1 B. 2 C. 3 D. 4 E. 5 F. 6 G. 7","answer":"A"}`, "A", "command"},
		{"words", "text", "", `{"question":"Who?","answer":" Ada Lovelace "}`, "Ada Lovelace", "text"},
	} {
		got, err := load(c.answer, c.entry, c.record)
		if err != nil || got[0].Answer != c.reference || got[0].AnswerType != c.kind {
			t.Errorf("%s: %+v, %v, want %s of type %q", c.name, got, err, c.reference, c.kind)
		}
	}
	for _, c := range []struct{ name, answer, entry, record, want string }{
		{"one", "choice", "choices: {column: options}", `{"question":"?","options":["o"],"answer":"A"}`,
			"1 choices, expected 2 to 26"},
		{"27", "choice", "choices: {column: options}", `{"question":"?","options":[` +
			strings.Repeat(`"x",`, 26) + `"x"],"answer":"A"}`, "27 choices, expected 2 to 26"},
		{"more than declared", "choice of 4", "", `{"question":"? A. 1 B. 2 C. 3 D. 4 E. 5 F. ` +
			`6","answer":"B"}`, "the problem has 6 choices, and answer is choice of 4"},
		{"beyond", "choice of 4", "", `{"question":"Which?","answer":"E"}`, "expected a letter from A to D"},
		{"unknown type", "words", "", `{"question":"?","answer":"E"}`,
			`answer is "words": expected ` + strings.Join(answer.Names(), ", ")},
		{"too many", "choice of 27", "", `{"question":"?","answer":"E"}`, `answer is "choice of 27"`},
	} {
		if _, err := load(c.answer, c.entry, c.record); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	// By its path nothing says that a set is of choices but its text, which is said.
	path := filepath.Join(lay(t, t.TempDir(), map[string]string{"q.jsonl": `{"problem":"?\nA) 1\nB) 2\nC) ` +
		`3\nD) 4\nE) 5\nF) 6","answer":"B"}` + "\n"}), "q.jsonl")
	var said strings.Builder
	if got, err := Load(path, []string{"en"}, Options{Say: &said}); err != nil ||
		got[0].AnswerType != "choice of 6" || !strings.Contains(said.String(),
		"1 questions have more than 5 lettered choices") {
		t.Errorf("by path: %+v, %v, said %q", got, err, said.String())
	}
	// Choices that are in no question would not be asked, and their letters or numbers
	// not be what the model can answer.
	for _, c := range []struct{ record, want string }{
		{`{"question":"Which?","options":["1","2","3"],"answer":"B"}`,
			`field "options" holds 3 choices that are not in the question`},
		{`{"question":"Which?","choices":["1","2"],"answer":1}`, "choices: {column: choices, answer: index}"},
		{`{"question":"Which?","choices":["one","two"],"answer":"two"}`,
			"choices: {column: choices, answer: text}"},
		{`{"question":"Which?","choices":{"text":["one","two"],"label":["A","B"]},"answer":"A"}`,
			"choices: {column: choices, answer: letter}"},
		{`{"question":"Which?","Options":"[\"one\", \"two\"]","answer":"A"}`,
			`field "Options" holds 2 choices`},
		{`{"question":"Which?","A":"one","B":"two","C":"x","D":"y","answer":"A"}`,
			"choices: {columns: [A, B, C, D], answer: letter}"},
		{`{"question":"Which: one or two?","choices":["one","two"],"answer":"two"}`, ""},
		{`{"question":"Which?","choices":[],"options":["4"],"answer":"4"}`, ""},
		{`{"question":"How many?","options":{"unit":"cm"},"answer":"4"}`, ""},
	} {
		path := filepath.Join(lay(t, t.TempDir(), map[string]string{"q.jsonl": c.record + "\n"}), "q.jsonl")
		_, err := Load(path, []string{"en"}, Options{})
		if c.want == "" && err != nil || c.want != "" &&
			(err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.record, err, c.want)
		}
	}
	path = filepath.Join(lay(t, t.TempDir(), map[string]string{"q.jsonl": `{"problem":"Points A, B, C, D, ` +
		`E, F lie on a line. Which is nearest?","answer":"F"}` + "\n"}), "q.jsonl")
	if _, err := Load(path, []string{"en"}, Options{}); err != nil {
		t.Errorf("geometry: %v", err)
	}
}
