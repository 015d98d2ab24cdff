package runlock

import (
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
	if _, err := Lock(dir); err == nil || !strings.Contains(err.Error(), "is being written by another process") {
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
}
