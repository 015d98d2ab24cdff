package engine

import (
	"strings"
	"testing"
)

// TestUnusedDevices: who has several GPUs and uses one is told how to use them.
func TestUnusedDevices(t *testing.T) {
	if note := unused("xla:cuda", 1); note != "" {
		t.Errorf("of one device: %q", note)
	}
	const want = "xla:cuda has 4 devices, and 1 is used: --devices 4 divides"
	if note := unused("xla:cuda", 4); !strings.HasPrefix(note, want) {
		t.Errorf("of four: %q", note)
	}
}
