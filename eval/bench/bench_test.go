package bench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stele-lm/stele/internal/jsonl"
)

const shared = "../../../shared/data"

// TestRealBenchmarks loads the files that the project may not carry.
func TestRealBenchmarks(t *testing.T) {
	if _, err := os.Stat(shared); err != nil {
		t.Skipf("the benchmarks are not here: %v", err)
	}
	for name, want := range map[string]int{"mgsm": 250, "aime24": 30, "aime25": 30, "gpqa_diamond": 198,
		"math500": 500, "gsm8k": 1319} {
		languages := Registry[name].Languages
		problems, err := Load(name, languages, Options{Dir: shared})
		if err != nil {
			t.Error(err)
		} else if len(problems) != want*len(languages) {
			t.Errorf("%s: %d problems, want %d", name, len(problems), want*len(languages))
		}
	}
	train, err := Load("gsm8k", []string{"en"}, Options{Dir: shared, Split: "train", Limit: 10})
	if err != nil || len(train) != 10 {
		t.Errorf("gsm8k train: %d problems, %v", len(train), err)
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOwnFile(t *testing.T) {
	path := write(t, "mine.jsonl", `{"id": 1, "language": "en", "question": "2+2?", "answer": 4, "level": `+
		`"Level 3"}
{"id": 1, "language": "de", "problem": "2+2?", "answer": "4"}
{"id": 2, "language": "en", "problem": "3+3?", "answer": "6"}
`)
	problems, err := Load(path, []string{"de", "en"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(problems) != 3 || problems[0].Language != "de" || problems[1].Answer != "4" ||
		problems[1].Level != 3 {
		t.Errorf("%+v", problems)
	}
	if problems, err = Load(path, []string{"en"}, Options{Limit: 1}); err != nil || len(problems) != 1 {
		t.Errorf("%+v, %v", problems, err)
	}
}

func TestErrorsSayWhere(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{"id":"1","problem":"x"}`, ":1: no answer: looked for"},
		{"\n" + `{"id":"1","answer":"x"}`, ":2: no problem: looked for problem, question"},
		{`{"id":"1","problem":["x","y"],"answer":"1"}`, "neither text nor a number"},
		{`{"id":"1","problem":"x","answer":"1"}` + "\n" + `{"id":"1","problem":"x","answer":"1"}`, "twice"},
		{"", "is empty"}, {"\n", "bad.jsonl: no record"},
		{"{\n \"problem\": \"x\",\n \"answer\": \"1\"\n}", ":1: the JSON ends early: what begins in " +
			"it is not closed: a record and all its fields are one line"},
		{`{"id":"1","language":"en","problem":"x","answer":"1"}` + "\n" +
			`{"id":"1","language":"de","problem":"x","answer":"2"}`, `answer "1" in en and "2" in de`},
	} {
		languages := []string{"en"}
		if strings.Contains(c.text, "de") {
			languages = append(languages, "de")
		}
		_, err := Load(write(t, "bad.jsonl", c.text), languages, Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.text, err, c.want)
		}
	}
	for _, c := range []struct{ name, language, want string }{
		{"nonsense", "en", "unknown benchmark"}, {"mgsm", "xx", "it has en es"}, {"mgsm", "en", "--data"},
	} {
		if _, err := Load(c.name, []string{c.language}, Options{Dir: t.TempDir()}); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s in %s: error %v, want %q", c.name, c.language, err, c.want)
		}
	}
}

func FuzzProblems(f *testing.F) {
	f.Add(`{"id":1,"problem":"x","answer":2}`)
	f.Add(`{"question":"x","answer":"y","level":"Level 5"}`)
	f.Fuzz(func(t *testing.T, text string) {
		problems, err := readProblems(jsonl.NewReader("fuzz", strings.NewReader(text)), []string{"en"})
		if err != nil {
			return
		}
		for _, p := range problems {
			if p.Problem == "" || p.Answer == "" || p.Language != "en" {
				t.Fatalf("%q gave %+v", text, p)
			}
		}
	})
}
