// Package evaltest has what tests of evaluations share.
package evaltest

import (
	"os"
	"path/filepath"
	"testing"
)

// Files reads the three files that make a finished run's folder, by name. A file
// that is not there ends the test.
func Files(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range []string{"samples.jsonl", "results.json", "manifest.json"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(data)
	}
	return all
}
