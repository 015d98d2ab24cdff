package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestVariables: a misspelt variable is spoken of with the one that was meant, and no other is; every variable that the
// README or a document names is known.
func TestVariables(t *testing.T) {
	var said strings.Builder
	warnOfVariables(&said, []string{"PATH=x", "STELE_CUP=avx2", "STELE_CPU=avx2", "STELE_PROGRAM=off",
		"STELE_MPI_DIR=x", "stele_cpu=amx", "STELE_HOMEPAGE=x", "CPU=1"})
	const warns = "warning: the environment has "
	if want := warns + "STELE_CUP, which nothing reads: did you mean STELE_CPU?\n" +
		warns + "STELE_PROGRAM, which nothing reads: did you mean STELE_PROGRAMS?\n" +
		warns + "stele_cpu, which nothing reads: did you mean STELE_CPU?\n"; said.String() != want {
		t.Errorf("said\n%s\nwant\n%s", said.String(), want)
	}
	documents, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(documents) == 0 {
		t.Fatal(documents, err)
	}
	for _, path := range append(documents, "../../README.md") {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`\bSTELE_[A-Z_]*[A-Z]\b`).FindAllString(string(data), -1) {
			if !slices.Contains(variables, name) && !slices.Contains(buildVariables, name) {
				t.Errorf("%s names %s, which the program does not know", path, name)
			}
		}
	}
}
