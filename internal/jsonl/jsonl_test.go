package jsonl

import (
	"bytes"
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

// What encoding/json says of Go types is put into words: the field, what was found
// and what was expected.
func TestErrorsAreInWords(t *testing.T) {
	type inner struct {
		Sizes []int32 `json:"sizes"`
		On    bool    `json:"on"`
	}
	var whole struct {
		Seed   uint64             `json:"seed"`
		Layers int                `json:"layers"`
		Share  float64            `json:"share"`
		Name   string             `json:"name"`
		Inner  inner              `json:"inner"`
		Scores map[string]float64 `json:"scores"`
	}
	for _, c := range []struct{ text, want string }{
		{`{"seed": "x"}`, `field "seed": found text, expected a whole number from 0 on`},
		{`{"seed": -4}`, `field "seed": found -4, expected a whole number from 0 on`},
		{`{"seed": 99999999999999999999}`,
			`field "seed": found 99999999999999999999, expected a whole number from 0 on that fits 64 bits`},
		{`{"layers": 2.5}`, `field "layers": found 2.5, expected a whole number`},
		{`{"share": [1]}`, `field "share": found a list, expected a number`},
		{`{"name": {}}`, `field "name": found an object, expected text`},
		{`{"name": true}`, `field "name": found true or false, expected text`},
		{`{"inner": {"sizes": [1, "2"]}}`, `field "inner.sizes": found text, expected a whole number`},
		{`{"inner": {"sizes": 4}}`, `field "inner.sizes": found a number, expected a list of whole numbers`},
		{`{"inner": {"on": "yes"}}`, `field "inner.on": found text, expected true or false`},
		{`{"scores": [1]}`, `field "scores": found a list, expected an object`},
		{`[]`, "found a list, expected an object"},
		{`{"seed": 1`, "the JSON ends early: what begins in it is not closed"},
		{"", "the JSON ends early: what begins in it is not closed"},
		{`{"share": NaN}`, "column 11: NaN is no number of JSON: write null"},
		{"{\"seed\": 1,\n \"share\": -Infinity}",
			"line 2, column 12: -Infinity is no number of JSON: write null"},
		{`{"name": None}`, "column 10: None is Python's, not JSON: write null"},
		{`{'name': 1}`, `column 2: ' is no quotation mark of JSON: write "`},
		{`{"seed": 1,}`, "not JSON: column 12: found '}', expected a field's name in quotation marks"},
		{`{"seed" 1}`, "not JSON: column 9: found '1', expected a colon"},
		{`{"seed": 1 "x": 2}`, `not JSON: column 12: found '"', expected a comma or }`},
		{`{"sizes": [1 2]}`, "not JSON: column 14: found '2', expected a comma or ]"},
		{`{"name": tru}`, "not JSON: column 13: found '}', expected true, false or null"},
		{"{\"name\": \"a\tb\"}",
			`not JSON: column 12: found '\t', expected text, in which control characters are written as \n or \t`},
		{`{"name": "\x"}`, `not JSON: column 12: found 'x', expected an escape such as \n or \\`},
		{`{"seed": 1} 5`, "column 13: text after the JSON object"},
	} {
		err := Unmarshal([]byte(c.text), &whole)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.text, err, c.want)
		}
		if c.text != "" && c.text[0] == '{' { // the same of records, whole or by their fields
			r, err := ParseRecord([]byte(c.text))
			if err == nil {
				for _, field := range r.Keys() {
					var into any = map[string]any{"seed": &whole.Seed, "layers": &whole.Layers,
						"share": &whole.Share,
						"name":  &whole.Name, "inner": &whole.Inner, "scores": &whole.Scores}[field]
					_, err = r.Decode(field, into)
				}
			}
			if err == nil || strings.Contains(err.Error(), "json:") ||
				strings.Contains(err.Error(), "invalid character") {
				t.Errorf("%s: as a record %v", c.text, err)
			}
		}
	}
}

// A decoder's errors about a text that it reads piece by piece are about the whole.
func TestExplainDecoder(t *testing.T) {
	text := []byte(`{"a": {"b": [1, 2]}, "c": NaN}`)
	d := json.NewDecoder(bytes.NewReader(text))
	var err error
	for err == nil {
		_, err = d.Token()
	}
	if got := Explain(text, err); got.Error() != "column 27: NaN is no number of JSON: write null" {
		t.Error(got)
	}
	if got := Explain(nil, err).Error(); !strings.HasPrefix(got, "not JSON: found 'N'") {
		t.Error(got)
	}
}

func TestRecordShowsWhatItFound(t *testing.T) {
	r, err := ParseRecord([]byte(`{"seed": "7", "ids": [1, 3000000000], "gone": null}`))
	if err != nil {
		t.Fatal(err)
	}
	var seed uint64
	var ids []int32
	if _, err := r.Decode("seed", &seed); err == nil ||
		err.Error() != `field "seed": found "7", expected a whole number from 0 on` {
		t.Error(err)
	}
	if _, err := r.Decode("ids", &ids); err == nil ||
		err.Error() != `field "ids": found 3000000000, expected a whole number that fits 32 bits` {
		t.Error(err)
	}
	for _, c := range []struct {
		fields []string
		want   string
	}{
		{[]string{"text"}, `no "text": the record has seed, ids, gone`},
		{[]string{"gone"}, `field "gone" is null`},
		{[]string{"a", "b", "c"}, `no "a", "b" or "c": the record has seed, ids, gone`},
	} {
		if err := r.Lacks(c.fields...); err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	if err := NewRecord().Lacks("a"); err.Error() != `no "a": the record has nothing` {
		t.Error(err)
	}
}

// Latin-1 would be read as U+FFFD, without a word.
func TestOnlyUTF8IsRead(t *testing.T) {
	_, err := ParseRecord([]byte("{\"text\": \"ann\xe9e\"}"))
	if want := "column 14 is not UTF-8 (byte 0xe9): write the file as UTF-8"; err == nil ||
		err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
