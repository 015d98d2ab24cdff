package bench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// loadText loads a file of the user's own, with what was said.
func loadText(t *testing.T, name, text string, o Options) ([]Problem, string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	o.Say = &said
	problems, err := Load(path, []string{"en"}, o)
	return problems, said.String(), err
}

// TestHeader: the first line of CSV and TSV is a header where a column has a usual name or one of the fields', and
// no problem; where it is none, that is said.
func TestHeader(t *testing.T) {
	for _, c := range []struct {
		name, text string
		o          Options
		headless   bool
	}{
		{"a.csv", "prompt,completion\n1+1?,2\n2+2?,4\n", Options{}, false},
		{"a.csv", "prompt,ground_truth\n1+1?,2\n2+2?,4\n", Options{}, false},
		{"a.csv", "Question,Answer\n1+1?,2\n2+2?,4\n", Options{}, false},
		{"a.csv", "\ufeff QUESTION ,Final_Answer\n1+1?,2\n2+2?,4\n", Options{}, false},
		{"a.tsv", "prompt\tcompletion\n1+1?\t2\n2+2?\t4\n", Options{}, false},
		{"a.csv", "id,prompt,completion\nx,1+1?,2\ny,2+2?,4\n", Options{}, false},
		{"a.csv", "prompt,result\n1+1?,2\n2+2?,4\n", Options{Fields: map[string]string{"problem": "prompt",
			"answer": "result"}}, false},
		{"a.csv", "q,a\n1+1?,2\n2+2?,4\n", Options{Fields: map[string]string{"question": "q", "answer": "a"}}, false},
		{"a.csv", "q,a\n1+1?,2\n2+2?,4\n", Options{Solutions: true, Fields: map[string]string{"prompt": "{q} = ?",
			"completion": "a"}}, false},
		{"a.csv", "instruction,output\n1+1?,2\n2+2?,4\n", Options{Solutions: true, Fields: map[string]string{
			"problem": "instruction"}}, false},
		{"a.csv", "1+1?,2\n2+2?,4\n", Options{}, true},
		{"a.tsv", "1+1?\t2\n2+2?\t4\n", Options{}, true},
	} {
		problems, said, err := loadText(t, c.name, c.text, c.o)
		if err != nil || len(problems) != 2 || !strings.HasPrefix(problems[0].Problem, "1+1?") &&
			!strings.HasPrefix(problems[0].Problem, "1+1? = ?") ||
			strings.Contains(said, "is not a header") != c.headless {
			t.Errorf("%q: %+v, error %v; it said %q", c.text, problems, err, said)
		}
	}
	conversations := "messages\n\"[{\"\"role\"\": \"\"user\"\", \"\"content\"\": \"\"1?\"\"}, " +
		"{\"\"role\"\": \"\"assistant\"\", \"\"content\"\": \"\"2\"\"}]\"\n"
	if problems, said, err := loadText(t, "a.csv", conversations, Options{Solutions: true}); err != nil ||
		len(problems) != 1 || problems[0].Solution != "2" {
		t.Errorf("%+v, error %v; it said %q", problems, err, said)
	}
	_, _, err := loadText(t, "a.csv", "1,1+1?,2\n", Options{})
	if err == nil || !strings.Contains(err.Error(), "3 columns, expected 2 (problem, answer)") {
		t.Errorf("three columns without a header: error %v", err)
	}
	_, _, err = loadText(t, "a.csv", "q,a\n1,2\n", Options{Fields: map[string]string{"question": "q", "problem": "a"}})
	if err == nil || !strings.Contains(err.Error(), "fields: problem appears twice") &&
		!strings.Contains(err.Error(), "fields: question") {
		t.Errorf("a part by two names: error %v", err)
	}
}

// TestUnsaid: a conversation in which the assistant says nothing last is refused by what it lacks.
func TestUnsaid(t *testing.T) {
	const user = `{"role": "user", "content": "1+1?"}`
	for last, want := range map[string]string{
		"":                                       "the user's, so there is no answer in it",
		`, {"role": "assistant", "content": ""}`: "the assistant's, is empty",
		`, {"role": "assistant", "content": null}`: "the assistant's, is empty",
	} {
		for field, o := range map[string]Options{"messages": {}, "conversations": {},
			"chat": {Fields: map[string]string{"problem": "chat", "answer": "chat"}}} {
			_, _, err := loadText(t, "a.jsonl", `{"`+field+`": [`+user+last+`]}`+"\n", o)
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), field) {
				t.Errorf("%s%s: error %v, want %q", field, last, err, want)
			}
		}
	}
}
