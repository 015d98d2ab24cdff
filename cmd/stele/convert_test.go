package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestConvert: a model goes to a file and back, and every command takes the file; what cannot be written is
// said, and nothing is left.
func TestConvert(t *testing.T) {
	dir := t.TempDir()
	file, folder := filepath.Join(dir, "tiny.gguf"), filepath.Join(dir, "folder")
	for _, args := range [][]string{
		{"convert", "-m", "../../testdata/models/tiny-llama31", "--out", file, "--dtype", "q8_0"},
		{"convert", "-m", file, "--out", folder, "--dtype", "BF16"},
	} {
		if _, _, err := stele(t, args...); err != nil {
			t.Fatal(err)
		}
	}
	in := write(t, `{"prompt_ids": [1, 2, 3]}`)
	var outputs []string
	for _, model := range []string{file, folder} {
		out, _, err := stele(t, "generate", "-m", model, "--in", in, "--max-tokens", "8", "--temperature", "0",
			"--dtype", "bfloat16")
		if err != nil {
			t.Fatal(err)
		}
		outputs = append(outputs, out)
	}
	if outputs[0] != outputs[1] {
		t.Errorf("the file gives %s, the folder that was made of it %s", outputs[0], outputs[1])
	}
	text := write(t, `{"text": "<|begin_of_text|>one 1234"}`)
	own, _, err := stele(t, "tokenize", "-m", "../../testdata/models/tiny-llama31", "--in", text, "--special")
	if err != nil {
		t.Fatal(err)
	}
	for _, model := range []string{file, dir} { // the folder holds no other file
		got, _, err := stele(t, "tokenize", "-m", model, "--in", text, "--special")
		if err != nil || got != own {
			t.Errorf("%s: %s, %v, want %s", model, got, err, own)
		}
	}
	for _, args := range [][]string{
		{"doctor", "-m", file},
		{"train", "--dry-run", "--set", "model=" + file, "--set", "data.bench=arith", "--set", "data.levels=[1]",
			"--set", "data.languages=[en]"},
		{"eval", "-m", file, "--bench", "arith", "--lang", "en", "--limit", "1", "-n", "1", "--max-tokens", "2",
			"--out", filepath.Join(dir, "run")},
	} {
		if _, said, err := stele(t, args...); err != nil {
			t.Errorf("%q: %v\n%s", args, err, said)
		}
	}

	second := filepath.Join(dir, "second.gguf")
	if err := os.Link(file, second); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		want string
	}{
		{"convert -m " + file + " --out " + folder, "already exists"},
		{"convert -m " + file + " --out " + dir + "/x --dtype q8_0", "is for a GGUF file"},
		{"convert -m " + file + " --out " + dir + "/x.gguf --dtype q4_0", "expected float32, float16"},
		{"generate -p a -m " + dir, "holds 2 GGUF files"},
		{"convert -m builtin:nano --out " + dir + "/none/x.gguf", "no such file or directory"},
	} {
		_, _, err := stele(t, strings.Fields(c.args)...)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("stele %s: %v, want %q", c.args, err, c.want)
		}
		if usage := (usageError{}); errors.As(err, &usage) != strings.Contains(c.args, "dtype") {
			t.Errorf("stele %s: %v is wrong usage: %t", c.args, err, errors.As(err, &usage))
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || strings.HasPrefix(e.Name(), "x") {
			t.Errorf("%s is left", e.Name())
		}
	}
}
