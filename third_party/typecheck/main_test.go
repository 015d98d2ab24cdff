package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheck: what is wrong on another processor alone is found: a type, in a test, too, a package that is not there, a
// function without a body; assembly, functions of others' by go:linkname and C are no faults.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.26\n",
		"size/size.go": "package size\nimport \"syscall\"\n" +
			"func Links(s *syscall.Stat_t) uint64 { return s.Nlink }",
		"size/size_test.go":  "package size\nimport \"testing\"\nfunc TestLinks(t *testing.T) { var _ int = \"text\" }",
		"body/body_amd64.go": "package body\nfunc F() {}",
		"body/body.go":       "//go:build !amd64\n\npackage body\nfunc F()",
		"gone/gone_arm64.go": "package gone\nimport _ \"example.com/m/nowhere\"",
		"fine/fine.go": "package fine\nimport (\"C\"; \"time\"; _ \"unsafe\"; \"example.com/m/body\")\n" +
			"//go:linkname now time.now\nfunc now() (int64, int32, int64)\n" +
			"func F() time.Time { body.F(); return time.Now() }\nvar X = C.int(1)",
		"other/other.go": "package other\nimport _ \"unsafe\"\n//go:linkname nano runtime.nanotime\nfunc nano() int64",
		"sum/sum.go":     "package sum\nfunc Sum() int",
		"sum/sum.s":      "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range map[string]string{"GOOS": "linux", "GOARCH": "arm64", "CGO_ENABLED": "1", "GOFLAGS": "",
		"GOWORK": "off"} {
		t.Setenv(name, value)
	}
	count, faults, err := check(dir, "./...")
	if err != nil || count != 7 { // one of them is size with its test
		t.Errorf("%d packages, %v", count, err)
	}
	for _, want := range []string{"s.Nlink", "\"text\"", "body.go:4:1: F has no body", "example.com/m/nowhere"} {
		if !strings.Contains(strings.Join(faults, "\n"), want) {
			t.Errorf("nothing about %s", want)
		}
	}
	for _, fault := range faults {
		if strings.Contains(fault, "fine") || strings.Contains(fault, "other") || strings.Contains(fault, "sum") {
			t.Error(fault)
		}
	}
	if t.Failed() {
		t.Log(strings.Join(faults, "\n"))
	}
}
