//go:build !nolingua

package langid

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/eval/language"
)

// TestModelled: the languages that are compared are lingua's, all of them.
func TestModelled(t *testing.T) {
	got, want := slices.Sorted(maps.Keys(modelled)), slices.Sorted(maps.Keys(linguas))
	if !slices.Equal(got, want) {
		t.Errorf("%q, lingua has %q", got, want)
	}
}

// TestAnyLanguage: each of lingua's languages, and one in a script that no built-in language has, is asked in with
// nothing but its words in a file of the user's.
func TestAnyLanguage(t *testing.T) {
	var file strings.Builder
	codes := append(slices.Sorted(maps.Keys(linguas)), "lep")
	for _, code := range codes {
		fmt.Fprintf(&file, "%q:\n  prompts: {prefix: P, instruction: 'I \\boxed{}', question: \"{problem} "+
			"'A: \\\\boxed{final_answer}'\"}\n", code)
		if code == "lep" {
			file.WriteString("  name: Lepcha\n  scripts: [Lepcha]\n")
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, language.File), []byte(file.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	table, err := language.Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range codes {
		l := table.Exact(code)
		if l == nil || l.Name == "" || l.Prompts.Prefix != "P" || l.Prompts.Conclude("7") != `A: \boxed{7}` ||
			!table.Ranked(code) {
			t.Errorf("%s: %+v", code, l)
		}
		if _, err := Among([]string{code, "en"}, table); err != nil {
			t.Error(err)
		}
	}
}
