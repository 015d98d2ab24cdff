package progress

import (
	"strings"
	"testing"
	"time"
)

func TestPlainLines(t *testing.T) {
	var out strings.Builder
	clock := time.Unix(0, 0)
	m := newMeter(&out, "mgsm", "samples", 10, 110, 1, func() time.Time { return clock })
	for range 5 {
		clock = clock.Add(2 * time.Second)
		m.Add(10, "40 % right")
	}
	m.Close()
	want := "mgsm 40/110 samples, 40 % right, 14s left\n" +
		"mgsm 60/110 samples, 40 % right, 10s left\n"
	if out.String() != want {
		t.Errorf("wrote\n%swant\n%s", out.String(), want)
	}
}

func TestFinished(t *testing.T) {
	var out strings.Builder
	clock := time.Unix(0, 0)
	m := newMeter(&out, "mgsm", "samples", 0, 2, 1, func() time.Time { return clock })
	clock = clock.Add(3 * time.Second)
	m.Add(2, "")
	m.Close()
	if got, want := out.String(), "mgsm 2/2 samples, in 3s\n"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
}

func TestNilIsSilent(t *testing.T) {
	var m *Meter
	m.Add(1, "")
	m.Close()
}
