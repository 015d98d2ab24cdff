package runlock

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLock: a run that is being written is refused, and one whose lock is let go of within
// moments, as by the child of a process that was killed, is not.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	release, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("is being written by another process (process %d on ", os.Getpid())
	if _, err := Lock(dir); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want a refusal", err)
	}
	time.AfterFunc(100*time.Millisecond, func() { _ = release() })
	again, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Error(err)
	}

	// A file system that does not pass locks on to another machine, whose process was there a moment ago, or long ago.
	path := filepath.Join(dir, Name)
	if left, err := os.ReadFile(path); err != nil || len(left) > 0 {
		t.Errorf("what is left is %q, %v", left, err)
	}
	note := "process 7 on another-machine, since 2026-01-01 00:00:00\n"
	if err := os.WriteFile(path, []byte(note), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); err == nil || !strings.Contains(err.Error(), "process 7 on another-machine") {
		t.Errorf("%v, want a refusal", err)
	}
	long := time.Now().Add(-2 * alive)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
	last, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := last(); err != nil {
		t.Error(err)
	}
}
