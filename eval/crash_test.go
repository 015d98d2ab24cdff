package eval

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/eval/evaltest"
	"github.com/stele-lm/stele/internal/runlock"
)

// TestCutAtAnyByte: a run goes on from whatever a killed process had written of
// its samples.
func TestCutAtAnyByte(t *testing.T) {
	spec := testSpec()
	spec.Benchmarks, spec.Languages = []string{"aime24"}, []string{"en"}
	spec.Samples = map[string]int{"aime24": 2}
	questions := testQuestions(spec)[:2]
	run := func(dir string) map[string]string {
		t.Helper()
		if _, err := Run(t.Context(), spec, questions, testDeps(&script{order: 3}), dir); err != nil {
			t.Fatal(err)
		}
		return evaltest.Files(t, dir)
	}
	want := run(t.TempDir())
	dir := t.TempDir()
	for size := 0; size < len(want[samplesName]); size += 17 {
		if err := os.Remove(filepath.Join(dir, resultsName)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		writeRun(t, dir, want[manifestName], want[samplesName][:size])
		if diff := cmp.Diff(want, run(dir)); diff != "" {
			t.Fatalf("cut at byte %d (-want +got):\n%s", size, diff)
		}
	}
}

// TestHalfWrittenFiles: what a process that was killed while it wrote a file leaves
// behind is no obstacle, and is removed.
func TestHalfWrittenFiles(t *testing.T) {
	want := whole(t)
	for name, left := range map[string]map[string]string{
		"before the manifest": {runlock.Name: ""},
		"in the manifest":     {runlock.Name: "", ".manifest.json.partial-1": "{"},
		"in the samples' order": {runlock.Name: "", manifestName: want[manifestName],
			samplesName: want[samplesName], ".samples.jsonl.partial-12": "{"},
		"in the results": {manifestName: want[manifestName], samplesName: want[samplesName],
			".results.json.partial-3": `{"stele"`},
		"before the first words": {manifestName: want[manifestName]},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range left {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := Run(t.Context(), testSpec(), testQuestions(testSpec()), testDeps(&script{}),
				dir); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, evaltest.Files(t, dir)); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if strings.Contains(e.Name(), "partial") {
					t.Errorf("%s is left", e.Name())
				}
			}
		})
	}
}
