package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// phase is a part of a study's life that it is killed in.
type phase struct {
	name    string
	begun   func(dir string) bool // by what is on disk
	late    time.Duration         // the kill comes at most so much later
	args    []string
	another bool // it runs the other file, with --update, on a study that is done
}

// killPhases are all of them, in the order in which a study comes to them.
func killPhases() []phase {
	there := func(patterns ...string) func(string) bool {
		return func(dir string) bool {
			for _, pattern := range patterns {
				if found, _ := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern))); len(found) > 0 {
					return true
				}
			}
			return false
		}
	}
	done := func(job string) func(string) bool {
		return func(dir string) bool {
			text, _ := os.ReadFile(filepath.Join(dir, "jobs", filepath.FromSlash(job)+".json"))
			return bytes.Contains(text, []byte(`"state": "done"`))
		}
	}
	const ms = time.Millisecond
	return []phase{
		{name: "before the first job", begun: there("jobs"), late: 5 * ms},
		{name: "a record being written", begun: there("jobs/eval/.nano*", "jobs/eval/nano.json"), late: 2 * ms},
		{name: "an evaluation", begun: there("eval/nano/samples.jsonl"), late: 100 * ms},
		{name: "the end of an evaluation", begun: there("eval/nano/results.json", "eval/nano/.results.json*")},
		{name: "between jobs", begun: done("eval/nano"), late: 5 * ms},
		{name: "a training's beginning", begun: there("train/warm.1"), late: 20 * ms},
		{name: "a training", begun: there("train/warm.1/checkpoints/step-1"), late: 50 * ms},
		{name: "the end of a training", begun: there("train/warm.1/checkpoints/step-3"), late: 5 * ms},
		{name: "two jobs at once", begun: there("eval/warm.1/samples.jsonl", "train/en.1/metrics.jsonl"),
			late: 200 * ms, args: []string{"--workers", "2"}},
		{name: "two jobs at once, later", begun: there("train/en.1/checkpoints/step-2"), late: 100 * ms,
			args: []string{"--workers", "2"}},
		{name: "before the report", begun: done("eval/en.1"), late: 10 * ms},
		{name: "the report", begun: there(".report.partial/*"), late: 200 * ms},
		{name: "the end of the report", begun: there("report"), late: 5 * ms},
		{name: "an update", begun: there("eval/.en.1.removed", "train/.en.1.removed"), another: true},
		{name: "an update, later", begun: there("train/.en.1.removed", "jobs/train/.en.1*"), late: ms, another: true},
		{name: "after an update", begun: there("train/en.1/metrics.jsonl"), late: 100 * ms, another: true},
	}
}

// TestStudyKilled: a study that is killed at a random moment of each of its phases, also while it is
// updated to another file and with two jobs at a time, ends with the bytes of one that was let alone.
func TestStudyKilled(t *testing.T) {
	random := moments(t, 16)
	root := t.TempDir()
	file := writeStudy(t, root, "study.yaml", "", "")
	other := writeStudy(t, root, "other.yaml", "languages: [en]}", "languages: [te]}")
	whole, killed := filepath.Join(root, "whole"), filepath.Join(root, "killed")
	run := func(file, out string, more ...string) []string {
		return append([]string{"study", file, "--backend", "go", "--out", out}, more...)
	}
	must0(t, run(file, whole)...)
	want := studyFiles(t, whole)
	if len(want) < 60 || want["report/report.html"] == "" || want["report/arms/report.html"] == "" {
		t.Errorf("%d files", len(want))
	}
	for _, made := range []string{"tables/table-2.csv", "figures/figure-2.svg", "figures/training-en.svg",
		"tables/training.csv", "tables/effects.csv"} {
		if want["report/"+made] == "" || want["report/arms/"+made] != "" {
			t.Errorf("the study's report has no %s, or a comparison's has one", made)
		}
	}
	rounds := max(1, *kills/len(killPhases()))
	for range rounds {
		hits := 0
		for _, p := range killPhases() {
			args := run(file, killed, p.args...)
			if p.another {
				must0(t, run(file, killed, "--update")...)
				args = run(other, killed, "--update")
			}
			begun := p.begun
			if p.another && p.name == "after an update" {
				old := modified(filepath.Join(killed, "train/en.1/metrics.jsonl"))
				begun = func(dir string) bool {
					now := modified(filepath.Join(dir, "train/en.1/metrics.jsonl"))
					return !now.IsZero() && !now.Equal(old)
				}
			}
			var log bytes.Buffer
			c := start(t, program(&log, args...))
			late := time.Duration(random.Int64N(int64(p.late) + 1))
			if err := c.interrupt(func() bool { return begun(killed) }, late, syscall.SIGKILL); err == nil {
				t.Logf("%s: it was over first", p.name)
				continue
			}
			if !c.ProcessState.Sys().(syscall.WaitStatus).Signaled() {
				t.Fatalf("%s: exit code %d\n%s", p.name, c.ProcessState.ExitCode(), log.String())
			}
			hits++
			lines := strings.Split(strings.TrimSpace(log.String()), "\n")
			t.Logf("%s: killed after %q", p.name, lines[len(lines)-1])
		}
		if hits < len(killPhases())/2 {
			t.Errorf("only %d of %d phases were killed in", hits, len(killPhases()))
		}
		must0(t, run(file, killed, "--update", "--workers", "2")...)
		if diff := cmp.Diff(want, studyFiles(t, killed)); diff != "" {
			t.Errorf("killed (-want +got):\n%.4000s", diff)
		}
		if err := os.RemoveAll(killed); err != nil {
			t.Fatal(err)
		}
	}
}

// modified returns when a file was last written; zero where there is none.
func modified(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
