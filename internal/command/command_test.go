package command

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestWhatItSaid: the end of what a program said is a line that a terminal shows as it is.
func TestWhatItSaid(t *testing.T) {
	for said, want := range map[string]string{
		"a\nb\r\nc\n": "a | b | c", "\x1b[31mred\x1b[0m\a\x00": "[31mred[0m", "\xff\xfeok": "ok",
		"a\tb": "a b", "é 中\u202e": "é 中",
	} {
		var end tail
		_, _ = end.Write([]byte(said))
		if got := end.String(); got != want {
			t.Errorf("%q is told as %q, want %q", said, got, want)
		}
	}
}

// FuzzPlainJSON holds that what JSON reads is not changed.
func FuzzPlainJSON(f *testing.F) {
	for _, text := range []string{`{"reward": NaN}`, `{"reward": -Infinity}`, `{"id": "\"NaN", "reward": 0}`,
		`[`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var any map[string]json.RawMessage // what JSON reads is not changed
		if plain := plainJSON(line); json.Unmarshal(line, &any) == nil && !bytes.Equal(plain, line) {
			t.Fatalf("%q was read as %q", line, plain)
		}
	})
}

// echo answers with the field n of each line.
func echo(script string, limit time.Duration) Program[int] {
	return Program[int]{Name: "numbers", Run: []string{"sh", "-c", script}, Sent: "line", Limit: limit,
		Expects: `{"n": number}`,
		Read: func(answer map[string]json.RawMessage) (n int, ok bool) {
			ok = json.Unmarshal(answer["n"], &n) == nil
			return n, ok
		}}
}

// TestAsk: many may ask at once, each gets the answer to its line, and one process
// answers all.
func TestAsk(t *testing.T) {
	p, err := echo(`while IFS= read -r line; do echo "$line"; done`, 20*time.Second).Start()
	if err != nil {
		t.Fatal(err)
	}
	errs := make(chan error)
	for i := range 50 {
		go func() {
			line, _ := json.Marshal(map[string]int{"n": i})
			n, err := p.Ask(Asked{}, append(line, '\n'))
			if err == nil && n != i {
				t.Errorf("the answer to %d is %d", i, n)
			}
			errs <- err
		}()
	}
	for range 50 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if all, err := p.Finish(t.Context()); err != nil || len(all) != 50 {
		t.Errorf("%d answers, %v", len(all), err)
	}
}

// TestAskFails: a program that dies, hangs or talks nonsense is an error that names it.
func TestAskFails(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"dies": {`read -r line; echo gone >&2; exit 3`,
			"ended with exit status 3, after 0 answers to 1 lines; it said: gone"},
		"ends":     {`read -r line`, "it ended early, after 0 answers"},
		"hangs":    {`sleep 60`, "it did not answer within 300ms"},
		"nonsense": {`read -r line; echo '{"m": 1}'; sleep 60`, `expected {"n": number}`},
	} {
		p, err := echo(c.script, 300*time.Millisecond).Start()
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // it is said again to whoever asks then
			_, err = p.Ask(Asked{}, []byte("{\"n\": 1}\n"))
			if want := strings.Replace(c.want, "1 lines", "", 1); err == nil ||
				!strings.Contains(err.Error(), "numbers (sh -c") ||
				!strings.Contains(err.Error(), want[:len(want)/2]) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
		}
	}
}
