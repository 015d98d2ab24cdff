package runlock

import (
	"context"
	"errors"
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
	release, err := Lock(t.Context(), dir, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("is being written by another process (process %d on ", os.Getpid())
	if _, err := Lock(t.Context(), dir, nil, nil); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want a refusal", err)
	}
	time.AfterFunc(100*time.Millisecond, func() { _ = release() })
	again, err := Lock(t.Context(), dir, nil, nil)
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
	alive, looks = 500*time.Millisecond, 20*time.Millisecond
	defer func() { alive, looks = time.Minute, time.Second }()
	var said strings.Builder
	touch := func(ago time.Duration) {
		t.Helper()
		at := time.Now().Add(-ago)
		if err := errors.Join(os.WriteFile(path, []byte(note), 0o644), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	// It is there: it touches its file.
	touch(0)
	time.AfterFunc(100*time.Millisecond, func() { _ = os.Chtimes(path, time.Now(), time.Now()) })
	if _, err := Lock(t.Context(), dir, &said, nil); err == nil ||
		!strings.Contains(err.Error(), "process 7 on another-machine") ||
		!strings.Contains(said.String(), "waiting for up to 1s") {
		t.Errorf("%v, having said %q, want a refusal", err, said.String())
	}
	// It was killed a moment ago, or its machine's clock is ahead, or it was there long ago.
	for ago, least := range map[time.Duration]time.Duration{0: alive / 2, -time.Hour: alive / 2, 2 * alive: 0} {
		touch(ago)
		began := time.Now()
		last, err := Lock(t.Context(), dir, nil, nil)
		if err != nil {
			t.Fatalf("touched %v ago: %v", ago, err)
		}
		if took := time.Since(began); took < least || least == 0 && took > alive/2 {
			t.Errorf("touched %v ago: waited %v", ago, took)
		}
		if err := last(); err != nil {
			t.Error(err)
		}
	}
	// Who waits may be stopped.
	touch(0)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := Lock(ctx, dir, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want to be stopped", err)
	}
}
