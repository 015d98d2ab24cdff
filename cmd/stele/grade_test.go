package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGradeFile holds what stele grade makes of the kinds of lines it reads.
func TestGradeFile(t *testing.T) {
	const want = `{"id":1,"output":"So \\boxed{\\frac{4}{8}}","reference":"0.5","extracted":"\\frac{4}{8}","pred":"\\frac{4}{8}","gt":"0.5","verdict":true,"via":"symbolic"}
{"id":2,"output":"\\boxed{7 cm}","reference":null,"gt":"7","extracted":"7","pred":"7","verdict":true,"via":"string"}
{"id":3,"prediction":"{8}","reference":"7","extracted":"{8}","pred":"{8}","gt":"7","verdict":false,"via":"no"}
{"id":4,"output":"","reference":"7","extracted":"","pred":"","gt":"7","verdict":false,"via":"none"}
`
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.jsonl"), filepath.Join(dir, "out.jsonl")
	lines := `{"id":1,"output":"So \\boxed{\\frac{4}{8}}","reference":"0.5"}
{"id":2,"output":"\\boxed{7 cm}","reference":null,"gt":"7"}
{"id":3,"prediction":"{8}","reference":"7"}
{"id":4,"output":"","reference":"7"}
`
	if err := os.WriteFile(in, []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	root := newRootCommand()
	root.SetArgs([]string{"grade", "--in", in, "--out", out})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}
