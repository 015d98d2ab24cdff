package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLangid names languages beyond the study's, and --lang restricts them within a script.
func TestLangid(t *testing.T) {
	in := filepath.Join(t.TempDir(), "in.jsonl")
	texts := `{"id":1,"text":"먼저 두 수를 더한 다음 나눕니다."}
{"id":2,"text":"Primeiro somamos os dois números e depois dividimos a soma por três."}
{"id":3,"text":"y = 3x + 2, a = 5"}
`
	if err := os.WriteFile(in, []byte(texts), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args  []string
		langs [3]string
	}{
		{nil, [3]string{"ko", "pt", "none"}},
		{[]string{"--lang", "study"}, [3]string{"ko", "es", "none"}},
		{[]string{"--lang", "en,fr,pt"}, [3]string{"ko", "pt", "none"}},
	} {
		command := newLangidCommand(&globals{})
		out := filepath.Join(t.TempDir(), "out.jsonl")
		command.SetArgs(append([]string{"--in", in, "--out", out}, c.args...))
		if err := command.Execute(); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(strings.TrimSpace(string(got)), "\n") {
			if !strings.Contains(line, `"lang":"`+c.langs[i]+`"`) {
				t.Errorf("%v: %s, want %s", c.args, line, c.langs[i])
			}
		}
	}
	command := newLangidCommand(&globals{})
	command.SetArgs([]string{"--in", in, "--lang", "xx"})
	command.SetErr(&bytes.Buffer{})
	command.SilenceUsage = true
	if err := command.Execute(); err == nil || !strings.Contains(err.Error(), `"xx"`) {
		t.Errorf("--lang xx: %v", err)
	}
}
