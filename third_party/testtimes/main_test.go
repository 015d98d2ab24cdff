package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRead: of packages that pass a line each is printed, of one that fails what its failed tests printed as well, of
// one that does not build the compiler's words; what took longest is named, the longest first.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.com/a/b\n\ngo 1.26\n",
		"good/good_test.go": `package good
import ("fmt"; "os"; "testing"; "time")
func TestShort(t *testing.T) { fmt.Println("ok is what it prints"); fmt.Fprintln(os.Stderr, "aside") }
func TestLong(t *testing.T) { time.Sleep(600 * time.Millisecond) }`,
		"bad/bad_test.go": `package bad
import "testing"
func TestFine(t *testing.T) { t.Log("fine says") }
func TestWrong(t *testing.T) { t.Run("part", func(t *testing.T) { t.Error("wrong says") }) }`,
		"broken/broken_test.go": `package broken
import "testing"
func TestBroken(t *testing.T) { missing() }`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command("go", "test", "-json", "-vet=off", "./...")
	c.Dir = dir
	c.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	events, err := c.Output()
	if err == nil || len(events) == 0 {
		t.Fatalf("%v: %s", err, events)
	}
	var out strings.Builder
	slowest, err := read(strings.NewReader(string(events)), &out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ok  \texample.com/a/b/good", "--- FAIL: TestWrong (", "wrong says",
		"undefined: missing", "FAIL\texample.com/a/b/bad", "FAIL\texample.com/a/b/broken [build failed]"} {
		if strings.Count(out.String(), want) != 1 {
			t.Errorf("%q is not there once", want)
		}
	}
	for _, not := range []string{"fine says", "aside", "what it prints", "=== RUN   TestFine", "TestLong"} {
		if strings.Contains(out.String(), not) {
			t.Errorf("%q is there", not)
		}
	}
	if t.Failed() {
		t.Logf("it printed\n%s", out.String())
	}
	if !strings.HasPrefix(slowest, "slowest packages: good 1 s, ") ||
		!strings.Contains(slowest, "\nslowest tests: good TestLong 1 s, ") {
		t.Errorf("slowest:\n%s", slowest)
	}
}

// TestReadOther: what is no event is said as it is, and of many tests ten are named.
func TestReadOther(t *testing.T) {
	var in strings.Builder
	in.WriteString("go: no such tool\n")
	for i := range 12 {
		line, err := json.Marshal(event{Action: "pass", Package: "github.com/o/r/x/y",
			Test: "Test" + string(rune('A'+i)), Elapsed: float64(i)})
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	var out strings.Builder
	slowest, err := read(strings.NewReader(in.String()), &out)
	if err != nil || out.String() != "go: no such tool\n" {
		t.Errorf("%v, %q", err, out.String())
	}
	want := "slowest packages: \nslowest tests: x/y TestL 11 s, x/y TestK 10 s, x/y TestJ 9 s, x/y TestI 8 s, " +
		"x/y TestH 7 s, x/y TestG 6 s, x/y TestF 5 s, x/y TestE 4 s, x/y TestD 3 s, x/y TestC 2 s\n"
	if slowest != want {
		t.Errorf("%q, expected %q", slowest, want)
	}
}
