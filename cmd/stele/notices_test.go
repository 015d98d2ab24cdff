package main

import (
	"bytes"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// What is linked is named in what stele notices prints, with the version in force.
func TestNotices(t *testing.T) {
	root := newRootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs([]string{"notices"})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || len(info.Deps) == 0 {
		t.Skip("this test was built without what it is made of")
	}
	ofTests := []string{"github.com/google/go-cmp", "pgregory.net/rapid"}
	for _, module := range info.Deps {
		if name := module.Path + " " + module.Version; !slices.Contains(ofTests, module.Path) &&
			!strings.Contains(out.String(), name+"\n") {
			t.Errorf("%s is linked and not named: run go generate ./third_party/notices", name)
		}
	}
	for _, other := range []string{"Go's standard library", "Rust's standard library", "Rust crate onig_sys ",
		"SIL OPEN FONT LICENSE"} {
		if !strings.Contains(out.String(), other) {
			t.Errorf("no notice of %s", other)
		}
	}
}
