package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// TestStudySaid: what holds for the whole study is said once, before the first job; of each evaluation
// the mean alone; and that answers were cut off of each arm, but once of models with random weights.
func TestStudySaid(t *testing.T) {
	root := t.TempDir()
	file := writeStudy(t, root, "study.yaml", "arms:\n",
		"- {name: tiny, model: \"builtin:tiny\"}\narms:\n- {name: also, model: nano, algorithm: sft, "+
			"languages: [en], seeds: [1, 2], update: {batch: 4}}\n")
	run := func(args ...string) string {
		var log bytes.Buffer
		args = append([]string{"study", file, "--backend", "go", "--out", filepath.Join(root, "out")}, args...)
		if err := program(&log, args...).Run(); err != nil {
			t.Fatalf("%v\n%s", err, log.String())
		}
		return log.String()
	}
	for want, args := range map[string][]string{
		"--devices is 0":                        {"--devices", "0"},
		"2 devices are asked for":               {"--devices", "2"},
		"one job after another uses all of the": {"--devices", "2", "--workers", "2"},
	} {
		args = append([]string{"study", file, "--backend", "go", "--out", filepath.Join(root, "none")}, args...)
		if _, _, err := stele(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
	said := run("--workers", "2")
	ignored := "also, warm: rollout.questions=2, rollout.group_size=2, rollout.max_tokens=6 have no effect: " +
		"algorithm is sft\n"
	if at := strings.Index(said, ignored); at < 0 || at > strings.Index(said, "[1/") ||
		strings.Count(said, "no effect: ") != 1 {
		t.Errorf("%q is not said once, at the beginning", ignored)
	}
	if n := strings.Count(said, ": arith, mean of 2 languages: accuracy "); n != 6 ||
		strings.Contains(said, "benchmark  ") {
		t.Errorf("means of %d evaluations, want 6", n)
	}
	warnings := func(jobs ...string) (n int) {
		for _, job := range jobs {
			n += strings.Count(said, "eval/"+job+": warning: ")
		}
		return n
	}
	if n := warnings("nano", "tiny"); n != 1 {
		t.Errorf("%d warnings of built-in models, want 1", n)
	}
	if n := warnings("also.1", "also.2", "warm.1", "en.1"); n != 4 {
		t.Errorf("%d warnings of arms, want 4", n)
	}
	if t.Failed() {
		t.Log(said)
	}
	if said = run(); strings.Contains(said, "no effect") {
		t.Errorf("of trainings that are done:\n%s", said)
	}
}
