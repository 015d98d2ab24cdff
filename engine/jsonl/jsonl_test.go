package jsonl

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRecordKeepsWhatItDoesNotKnow(t *testing.T) {
	r, err := ParseRecord([]byte(`{"z": 1, "id": "ü<", "a": {"y": [1.50, null]}}`))
	if err != nil {
		t.Fatal(err)
	}
	var id string
	if found, err := r.Decode("id", &id); !found || err != nil || id != "ü<" {
		t.Fatalf("id %q, %v, %v", id, found, err)
	}
	if err := errors.Join(r.Set("new", 2), r.Set("z", 3)); err != nil {
		t.Fatal(err)
	}
	got, err := r.MarshalJSON()
	if want := `{"z":3,"id":"ü<","a":{"y": [1.50, null]},"new":2}`; err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

func TestReaderNamesTheLine(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"{\"a\":1}\n\n{\"a\":", "in.jsonl:3"}, {"[1]", "in.jsonl:1: not a JSON object"},
		{"{\"a\":1} 2", "text after"}, {"{\"a\":1,\"a\":2}", "twice"}, {"nonsense", "in.jsonl:1"},
	} {
		r := NewReader("in.jsonl", strings.NewReader(c.text))
		var err error
		for err == nil {
			_, err = r.Next()
		}
		if err == io.EOF || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.text, err, c.want)
		}
	}
}

func TestWriterIsWholeOrAbsent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(map[string]int{"a": 1}); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(path); string(data) != "old" {
		t.Errorf("before Close the file holds %q", data)
	}
	w.Abort()
	if data, _ := os.ReadFile(path); string(data) != "old" {
		t.Errorf("after Abort the file holds %q", data)
	}
	if w, err = Create(path); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(map[string]string{"t": "<ü>"}), w.Close()); err != nil {
		t.Fatal(err)
	}
	w.Abort()
	if data, _ := os.ReadFile(path); string(data) != "{\"t\":\"<ü>\"}\n" {
		t.Errorf("after Close the file holds %q", data)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("%d files are left, want 1", len(entries))
	}
}

func FuzzParseRecord(f *testing.F) {
	for _, text := range []string{`{}`, `{"a":1,"b":[{}]}`, `{"a":"\u00e9"}`, `{"a":1`, `[]`, `{"":null}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ParseRecord(text)
		if err != nil {
			return
		}
		out, err := r.MarshalJSON()
		if err != nil || !json.Valid(out) {
			t.Fatalf("%q becomes %q, %v", text, out, err)
		}
		if _, err := ParseRecord(out); err != nil {
			t.Fatalf("%q becomes %q, which does not parse: %v", text, out, err)
		}
	})
}
