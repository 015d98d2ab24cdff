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
	m.AddTokens(600)
	m.Add(2, "")
	m.Close()
	if got, want := out.String(), "mgsm 2/2 samples, 200 tok/s, in 3s\n"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
}

func TestIfLong(t *testing.T) {
	for first, want := range map[int]string{2: "", 6: "score 2/4 texts, 6s left\nscore 4/4 texts, in 8s\n"} {
		var out strings.Builder
		clock := time.Unix(0, 0)
		m := newMeter(&out, "score", "texts", 0, 4, 1, func() time.Time { return clock }).IfLong()
		for _, seconds := range []int{first, 2} {
			clock = clock.Add(time.Duration(seconds) * time.Second)
			m.Add(2, "")
		}
		m.Close()
		if out.String() != want {
			t.Errorf("of a job whose first half took %d s it wrote %q, want %q", first, out.String(), want)
		}
	}
}

func TestNilIsSilent(t *testing.T) {
	var m *Meter
	m.Add(1, "")
	m.AddTokens(1)
	m.Close()
}
