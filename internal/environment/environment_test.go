package environment

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestUsers: whatever starts and settings changed, one after another, the user's
// environment comes back.
func TestUsers(t *testing.T) {
	for _, c := range []struct {
		name   string
		starts [][]string // the user's environment first
		want   []string   // nil for the first
	}{
		{"one added", [][]string{{"A=1"}, {"A=1", "B=2"}}, nil},
		{"one changed twice", [][]string{{"A=1", "C="}, {"A=1,x", "C="}, {"A=1,x,y", "C=d"}}, nil},
		{"added, then changed", [][]string{{"A=1"}, {"A=1", "B=2"}, {"A=1", "B=2,3"}}, nil},
		{"taken away", [][]string{{"A=1", "B=2"}, {"B=2"}}, []string{"B=2", "A=1"}},
		{"nothing", [][]string{{"A=1"}, {"A=1"}}, nil},
		{"= in a value", [][]string{{"A=x=1"}, {"A=x=1,y=2"}}, nil},
	} {
		known := map[string]*string{}
		for i := 1; i < len(c.starts); i++ {
			remember(known, c.starts[i-1], c.starts[i])
		}
		want := c.want
		if want == nil {
			want = c.starts[0]
		}
		if got := undone(c.starts[len(c.starts)-1], known); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", c.name, got, want)
		}
	}
}

// TestRestart: a process that starts itself twice, and sets a variable besides, gives
// its children the environment that it was given, and computes with what it asked for.
func TestRestart(t *testing.T) {
	const child = "STELE_TEST_RESTART"
	if os.Getenv(child) != "" {
		for _, add := range []string{"STELE_TEST_A=1", "STELE_TEST_B=mine"} {
			name, _, _ := strings.Cut(add, "=")
			if now := os.Getenv(name); now != strings.TrimPrefix(add, name+"=") {
				with := slices.DeleteFunc(os.Environ(),
					func(e string) bool { return strings.HasPrefix(e, name+"=") })
				t.Fatal(Restart(append(with, add)))
			}
		}
		if err := Set("STELE_TEST_C", "3"); err != nil {
			t.Fatal(err)
		}
		print := func(of []string) {
			for _, entry := range of {
				if strings.HasPrefix(entry, "STELE_") && !strings.HasPrefix(entry, child) {
					os.Stdout.WriteString(entry + " ")
				}
			}
		}
		print(Users())
		os.Stdout.WriteString("| ")
		own := os.Environ()
		slices.Sort(own)
		print(own)
		os.Exit(0)
	}
	c := exec.Command(os.Args[0], "-test.run=^TestRestart$")
	c.Env = []string{child + "=1", "STELE_TEST_B=users"}
	out, err := c.CombinedOutput()
	want := "STELE_TEST_B=users | STELE_TEST_A=1 STELE_TEST_B=mine STELE_TEST_C=3 "
	if string(out) != want || err != nil {
		t.Errorf("%q, %v; want %q", out, err, want)
	}
}

// TestRestartEnds: a program that never is content with its environment ends.
func TestRestartEnds(t *testing.T) {
	const child = "STELE_TEST_RESTART_ENDS"
	if os.Getenv(child) != "" {
		os.Stdout.WriteString("start\n")
		os.Stdout.WriteString(Restart(os.Environ()).Error())
		os.Exit(0)
	}
	c := exec.Command(os.Args[0], "-test.run=^TestRestartEnds$")
	c.Env = append(os.Environ(), child+"=1")
	out, err := c.CombinedOutput()
	if err != nil || strings.Count(string(out), "start\n") != mostStarts+1 ||
		!strings.Contains(string(out), "did not give it the environment") {
		t.Errorf("%q, %v", out, err)
	}
}
