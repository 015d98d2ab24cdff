package report

import (
	"path/filepath"
	"testing"
)

// TestNothingRight: where no answer is right, before or after, most numbers are undefined, and the report is made of
// what is left.
func TestNothingRight(t *testing.T) {
	for name, languages := range map[string][]string{"some languages": allLanguages, "one, trained on": {"en"}} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for _, dir := range []string{"base", "trained"} {
				r := scores([]string{"mgsm"}, 0, 0)
				r.Settings.Languages = languages
				writeResults(t, filepath.Join(root, dir), r)
			}
			r, err := New(open(t, filepath.Join(root, "base"), filepath.Join(root, "trained")), Plan{Paper: true,
				Runs: map[string]PlanRun{"trained": {Base: "base", Languages: []string{"en"}, Method: "RL"}}})
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Write(t.TempDir()); err != nil {
				t.Fatal(err)
			}
			for _, x := range r.Sections {
				for i := range x.Tables {
					if x.Tables[i].empty() {
						t.Errorf("table %s is empty", x.Tables[i].Name)
					}
				}
			}
		})
	}
}
