package main

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestStartupSettings(t *testing.T) {
	for _, test := range []struct {
		name     string
		in, want []string
		changed  bool
	}{
		{"nothing set", []string{"HOME=h"}, []string{"HOME=h", "GODEBUG=asyncpreemptoff=1",
			"GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1", "GOMLX_NO_AUTO_INSTALL=1"}, true},
		{"other keys are kept",
			[]string{"GODEBUG=gctrace=1", "GLIBC_TUNABLES=glibc.malloc.check=3", "GOMLX_NO_AUTO_INSTALL=1"},
			[]string{"GOMLX_NO_AUTO_INSTALL=1", "GODEBUG=gctrace=1,asyncpreemptoff=1",
				"GLIBC_TUNABLES=glibc.malloc.check=3:glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1"}, true},
		{"the user's setting wins",
			[]string{"GODEBUG=asyncpreemptoff=0", "GLIBC_TUNABLES=glibc.malloc.hugetlb=0:glibc.malloc.arena_max=8",
				"GOMLX_NO_AUTO_INSTALL="},
			[]string{"GODEBUG=asyncpreemptoff=0", "GLIBC_TUNABLES=glibc.malloc.hugetlb=0:glibc.malloc.arena_max=8",
				"GOMLX_NO_AUTO_INSTALL="}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, changed := withStartupSettings(test.in)
			if changed != test.changed || !slices.Equal(got, test.want) {
				t.Errorf("got %q, changed %v; want %q, %v", got, changed, test.want, test.changed)
			}
			if again, changed := withStartupSettings(got); changed || !slices.Equal(again, got) {
				t.Errorf("a second pass changes %q to %q", got, again)
			}
		})
	}
}

// TestBareEnvironment: without HOME or any other variable the program says nothing that is not its own.
func TestBareEnvironment(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(path, "version")
	c.Env = []string{asProgram + "=1"}
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); err != nil || !strings.HasPrefix(out.String(), "stele ") || said.Len() > 0 {
		t.Errorf("%v, %q, on stderr %q", err, out.String(), said.String())
	}
}
