package eval

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestHashWeights: a file is read once, and again when it is another: other bytes, another time of
// change, or another file under the same name.
func TestHashWeights(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model.safetensors")
	write := func(path, text string, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age).Truncate(time.Second)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	check := func(text string) {
		t.Helper()
		sums, err := HashWeights(dir)
		if want := fmt.Sprintf("%x", sha256.Sum256([]byte(text))); err != nil || sums["model.safetensors"] != want {
			t.Errorf("%v, %v; want that of %q", sums, err, text)
		}
	}
	kept := func() bool { _, ok := hashed.Load(path); return ok }
	write(path, "new", 0)
	check("new")
	if kept() {
		t.Error("the hash of a file that may still change was kept")
	}
	write(path, "one", time.Hour)
	check("one")
	if !kept() {
		t.Error("the hash was not kept")
	}
	write(path, "two", time.Minute)
	check("two")
	write(path+".2", "six", time.Minute)
	if err := os.Rename(path+".2", path); err != nil {
		t.Fatal(err)
	}
	check("six")
}
