package main

import (
	"slices"
	"strings"
	"testing"
)

// TestOwnGPUs: processes of a machine divide its GPUs, unless their launcher did.
func TestOwnGPUs(t *testing.T) {
	four := []string{"4", "5", "GPU-a", "7"}
	for _, c := range []struct {
		all                       []string
		local, processes, devices int
		want                      string
	}{
		{four, 0, 4, 1, "4"}, {four, 2, 4, 1, "GPU-a"}, {four, 1, 2, 2, "GPU-a,7"}, {four, 1, 2, 1, "5"},
		{four[:1], 1, 4, 1, ""}, {nil, 1, 4, 1, ""}, {four, 0, 1, 1, ""}, {four[:2], 1, 2, 2, ""},
	} {
		own, err := ownGPUs(c.all, c.local, c.processes, c.devices)
		if got := strings.Join(own, ","); err != nil || got != c.want {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
	if _, err := ownGPUs(four, 0, 3, 2); err == nil || !strings.Contains(err.Error(), "need 6 GPUs, there are 4") {
		t.Error(err)
	}
	var all []string
	for local := range 2 {
		own, _ := ownGPUs(four, local, 2, 2)
		all = append(all, own...)
	}
	if !slices.Equal(all, four) {
		t.Errorf("two processes with two GPUs each have %q", all)
	}
}
