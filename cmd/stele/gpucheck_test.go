package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stele-lm/stele/kernels/backend"
)

// TestGPUCheck: a check that is killed with signal 9 in the midst of a part leaves no process, and goes on with that
// part; the report has the figures of both calls with their commands.
func TestGPUCheck(t *testing.T) {
	if _, err := backend.PluginPath("cpu"); err != nil {
		t.Skipf("XLA's CPU plugin is not here: %v", err)
	}
	out := filepath.Join(t.TempDir(), "check")
	args := []string{"gpu-check", "--backend", "xla:cpu", "--small", "--out", out, "--only", "decode 0.5B,step 0.5B"}
	parts := func() map[string]string {
		var r struct {
			Parts []struct{ Part, Outcome string }
		}
		data, err := os.ReadFile(filepath.Join(out, "gpu-check.json"))
		if err == nil {
			err = json.Unmarshal(data, &r)
		}
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		all := map[string]string{}
		for _, p := range r.Parts {
			all[p.Part] = p.Outcome
		}
		return all
	}
	var log bytes.Buffer
	c := start(t, program(&log, args...))
	if err := c.interrupt(func() bool { return parts()["decode 0.5B"] == "done" }, 100*time.Millisecond,
		syscall.SIGKILL); err == nil {
		t.Fatalf("it was over first\n%s", log.String())
	}
	if got := parts(); got["machine"] != "done" || got["step 0.5B"] != "" {
		t.Errorf("killed with %v", got)
	}
	for until := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		left := processesOf(t, out)
		if len(left) == 0 {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("killed, it left %q", left)
		}
	}

	log.Reset()
	if err := program(&log, args...).Run(); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	if strings.Contains(log.String(), "decode 0.5B …") || !strings.Contains(log.String(), "step 0.5B: done") {
		t.Errorf("the second call said\n%s", log.String())
	}
	report, err := os.ReadFile(filepath.Join(out, "gpu-check.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"| 0.5B, decoding 256 together |", "| 0.5B, GRPO step 2x2x8@16: rollout |",
		"| 0.5B, GRPO step 2x2x8@16: update, MFU |",
		"stele bench -m WORK/qwen2.5-0.5b --backend xla:cpu --dtype bfloat16",
		"in 2 calls",
		"| prefill that goes on exactly, 7B shape | at most 1.2 × the free one's time |  | not measured |"} {
		if !strings.Contains(string(report), text) {
			t.Errorf("the report has no %q:\n%s", text, report)
		}
	}
	measured := regexp.MustCompile(`\| decode, batch 1, 0.5B shape \| at least 40 % of the bandwidth limit \| [0-9]`)
	if !measured.Match(report) {
		t.Errorf("the report has no share of the bandwidth limit:\n%s", report)
	}
	// With --only other parts may still need the models.
	if _, err := os.Stat(filepath.Join(out, "work", "stele-gpu-check-small", "qwen2.5-0.5b")); err != nil {
		t.Errorf("the model is gone: %v", err)
	}
}

// processesOf lists the processes whose command line has a text.
func processesOf(t *testing.T, text string) (all []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err == nil && bytes.Contains(line, []byte(text)) {
			all = append(all, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return all
}
