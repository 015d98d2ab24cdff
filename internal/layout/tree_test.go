package layout

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
)

const root = "../.."

// tree is the module's folder.
var tree = os.DirFS(root)

// goFiles are the Go files of the module, by their paths from its folder.
func goFiles(t *testing.T) (list []string) {
	t.Helper()
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") ||
			entry.Name() == "testdata" ||
			name == "runs" || name == "bin") {
			return fs.SkipDir
		}
		if path.Ext(name) == ".go" {
			list = append(list, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 100 {
		t.Fatalf("only %d Go files below %s", len(list), root)
	}
	return list
}
