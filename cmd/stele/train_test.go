package main

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stele/kernels"
	"stele/trainer"
)

var kills = flag.Int("kills", 2, "how often TestTrainKilled kills each run; make kill-check takes more")

// trainedFiles reads what a training run of some steps leaves behind, but for what the
// clock writes.
func trainedFiles(t *testing.T, dir string, steps int) map[string]string {
	t.Helper()
	all := map[string]string{}
	var paths []string
	for _, pattern := range []string{"manifest.json", "checkpoints/*/*", "checkpoints/*/adapter/*", "rollouts/*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	for _, path := range paths {
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(data)
	}
	metrics, err := trainer.ReadMetrics(filepath.Join(dir, "metrics.jsonl"))
	if err != nil || len(metrics) != steps {
		t.Fatalf("%d steps have metrics, %v; want %d", len(metrics), err, steps)
	}
	for _, m := range metrics {
		for name, x := range m {
			if !trainer.OfClock(name) {
				all[fmt.Sprintf("metrics of step %v, %s", m["step"], name)] = fmt.Sprint(x)
			}
		}
	}
	return all
}

// TestTrainKilled: a GRPO run on XLA that is killed with signal 9, while a checkpoint is
// being written and at random moments, and resumed each time, leaves the bytes that one
// leaves that was let alone: weights, optimiser state, rollouts, metrics; all weights
// trained, and an adapter.
func TestTrainKilled(t *testing.T) {
	if _, err := kernels.PluginPath("cpu"); err != nil {
		t.Skipf("XLA's CPU plugin is not here: %v", err)
	}
	const steps = 6
	for name, setting := range map[string]string{"all weights": "lora.rank=0", "adapter": "lora.rank=2"} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			args := func(out string, more ...string) []string {
				args := []string{"train", "--backend", "xla:cpu", "--out", filepath.Join(root, out)}
				for _, s := range []string{
					"model=builtin:nano", "data.bench=arith", "data.levels=[1]", "data.template=plain", "data.languages=[en, sw]",
					"rollout.questions=3", "rollout.group_size=4", "rollout.max_tokens=6", "update.mini_batches=2", "update.micro_tokens=256",
					"optimizer.lr=1e-3", "save.every=1", "save.keep_last=2", "loss.beta=0.01", fmt.Sprint("steps=", steps), setting,
				} {
					args = append(args, "--set", s)
				}
				return append(args, more...)
			}
			must0(t, args("whole")...)
			want := trainedFiles(t, filepath.Join(root, "whole"), steps)

			killed := filepath.Join(root, "killed")
			random := rand.New(rand.NewPCG(6, uint64(*kills)))
			var resume []string
			for attempt := range *kills {
				var log bytes.Buffer
				c := program(&log, args("killed", resume...)...)
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				ended := make(chan error, 1)
				go func() { ended <- c.Wait() }()
				// Even kills come when a checkpoint is being written, odd ones some time
				// after one more step at least.
				before := sizeOf(filepath.Join(killed, "metrics.jsonl"))
				writing := filepath.Join(killed, "checkpoints", ".step-*.partial", "*")
				ready := func() bool { return sizeOf(filepath.Join(killed, "metrics.jsonl")) > before }
				late := time.Duration(random.IntN(60)) * time.Millisecond
				if attempt%2 == 0 {
					ready = func() bool { found, _ := filepath.Glob(writing); return len(found) > 0 }
					late = time.Duration(random.IntN(4000)) * time.Microsecond
				}
				if err := interrupt(c, ended, ready, late, syscall.SIGKILL); err == nil {
					break // it was over first
				}
				if !c.ProcessState.Sys().(syscall.WaitStatus).Signaled() {
					t.Fatalf("exit code %d\n%s", c.ProcessState.ExitCode(), log.String())
				}
				left, _ := filepath.Glob(filepath.Join(killed, "checkpoints", ".step-*"))
				m, _ := trainer.ReadMetrics(filepath.Join(killed, "metrics.jsonl"))
				t.Logf("killed with %d steps in metrics, %d checkpoints half written", len(m), len(left))
				if _, err := os.Stat(filepath.Join(killed, "manifest.json")); err == nil {
					resume = []string{"--resume"}
				}
			}
			must0(t, args("killed", resume...)...)
			if diff := cmp.Diff(want, trainedFiles(t, killed, steps)); diff != "" {
				t.Errorf("killed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseBytes(t *testing.T) {
	for _, c := range []struct {
		size string
		want int64 // -1 for an error
	}{
		{"", 0}, {"24GiB", 24 << 30}, {"80 GB", 80e9}, {"0.5GiB", 1 << 29}, {"512MiB", 512 << 20}, {"3MB", 3e6},
		{"24", -1}, {"GiB", -1}, {"-1GiB", -1}, {"0MiB", -1}, {"24TiB", -1}, {"1e99xGiB", -1},
	} {
		got, err := parseBytes(c.size)
		if (err != nil) != (c.want < 0) || err == nil && got != c.want {
			t.Errorf("%q is %d, %v; want %d", c.size, got, err, c.want)
		}
	}
}
