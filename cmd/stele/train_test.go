package main

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/trainer"
)

var kills = flag.Int("kills", 2, "how often TestTrainKilled kills each run; make kill-check takes more")

// trainedFiles reads what a training run of some steps leaves behind, but for what the
// clock writes.
func trainedFiles(t *testing.T, dir string, steps int) map[string]string {
	t.Helper()
	all := map[string]string{}
	var paths []string
	for _, pattern := range []string{"manifest.json", "checkpoints/*/*", "checkpoints/*/adapter/*",
		"rollouts/*"} {
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
// trained, an adapter over a base in 4 bits, and with make kill-check one over the base as
// it is, which keeps nothing that the other does not.
func TestTrainKilled(t *testing.T) {
	if _, err := backend.PluginPath("cpu"); err != nil {
		t.Skipf("XLA's CPU plugin is not here: %v", err)
	}
	const steps = 6
	for name, setting := range map[string][]string{
		"all weights": {"lora.rank=0"}, "adapter": {"lora.rank=2"},
		"adapter over 4 bits": {"lora.rank=2", "lora.base=nf4"},
	} {
		if name == "adapter" && *kills <= 2 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			args := func(out string, more ...string) []string {
				args := []string{"train", "--backend", "xla:cpu", "--out", filepath.Join(root, out)}
				for _, s := range append([]string{
					"model=builtin:nano", "data.bench=arith", "data.levels=[1]", "data.template=plain",
					"data.languages=[en, sw]",
					"rollout.questions=3", "rollout.group_size=4", "rollout.max_tokens=6",
					"update.mini_batches=2", "update.micro_tokens=256",
					"optimizer.lr=1e-3", "save.every=1", "save.keep_last=2", "loss.beta=0.01",
					fmt.Sprint("steps=", steps),
				}, setting...) {
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
				c := start(t, program(&log, args("killed", resume...)...))
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
				if err := c.interrupt(ready, late, syscall.SIGKILL); err == nil {
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

// TestTrainInterrupted: a run that gets Ctrl-C or SIGTERM at random moments ends with
// exit code 130 and the command that goes on, which needs nothing else; what it comes
// to is what a run that was let alone does. A second signal ends it at once, and its
// reward program with it.
func TestTrainInterrupted(t *testing.T) {
	root := t.TempDir()
	pids := filepath.Join(root, "pids")
	command := `reward.commands=[{name: half, weight: 1, run: [sh, -c, 'echo $$ >>` + pids +
		`; while IFS= read -r x; do echo "{\"reward\": 0.5}"; done']}]`
	args := func(out string) []string {
		args := []string{"train", "--backend", "go", "--kernels", "graph", "--out", filepath.Join(root, out)}
		for _, s := range []string{
			"model=builtin:nano", "data.bench=arith", "data.levels=[1]", "data.template=plain",
			"rollout.questions=3", "rollout.group_size=4",
			"rollout.max_tokens=6", "update.micro_tokens=256", "optimizer.lr=1e-3", "save.every=4",
			"save.keep_last=1", "steps=6", command,
		} {
			args = append(args, "--set", s)
		}
		return args
	}
	must0(t, args("whole")...)
	want := trainedFiles(t, filepath.Join(root, "whole"), 6)

	stopped := filepath.Join(root, "stopped")
	random := rand.New(rand.NewPCG(3, 4))
	again := args("stopped")
	for attempt := range 6 {
		var log bytes.Buffer
		c := start(t, program(&log, again...))
		before := sizeOf(filepath.Join(stopped, "metrics.jsonl"))
		ready := func() bool { return sizeOf(filepath.Join(stopped, "metrics.jsonl")) > before }
		if attempt == 0 {
			ready = func() bool { return true } // as it starts
		}
		signal := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}[attempt%3]
		err := c.interrupt(ready, time.Duration(random.IntN(50))*time.Millisecond, signal)
		if err == nil {
			break // it was over first
		}
		// -1 is before it listens
		if code := c.ProcessState.ExitCode(); code != exitInterrupted && (code >= 0 || attempt > 0) {
			t.Fatalf("exit code %d\n%s", code, log.String())
		}
		if _, err := os.Stat(filepath.Join(stopped, "manifest.json")); err == nil {
			again = []string{"train", "--out", stopped, "--resume"}
			if said := log.String(); !strings.Contains(said, "continue with: stele "+strings.Join(again, " ")) {
				t.Errorf("it said %s", said)
			}
		}
	}
	must0(t, again...)
	if diff := cmp.Diff(want, trainedFiles(t, stopped, 6)); diff != "" {
		t.Errorf("stopped (-want +got):\n%s", diff)
	}
	checkGone(t, pids)

	// A program that hangs, and does not mind a signal.
	hung := append(args("hung"), "--set",
		`reward.commands=[{name: hung, weight: 1, timeout_s: 600, run: [sh, -c, 'trap "" INT TERM HUP; n=0; echo $$ >>`+pids+
			`; while IFS= read -r x; do n=$((n+1)); echo "{\"reward\": 0.5}"; done; if [ $n -gt 1 ]; then echo >`+
			root+`/waits; sleep 600; fi']}]`)
	for _, twice := range []bool{false, true} {
		var log bytes.Buffer
		c := start(t, program(&log, append(hung, "--resume")...))
		_ = os.Remove(filepath.Join(root, "waits"))
		ready := func() bool { return sizeOf(filepath.Join(root, "waits")) > 0 }
		began := time.Now()
		if twice {
			c.reaches(ready)
			_ = c.Process.Signal(syscall.SIGINT)
			began = time.Now()
		}
		_ = c.interrupt(ready, 0, syscall.SIGINT)
		if code := c.ProcessState.ExitCode(); code != exitInterrupted || time.Since(began) > 30*time.Second {
			t.Errorf("exit code %d after %v\n%s", code, time.Since(began), log.String())
		}
		checkGone(t, pids)
	}
}

// TestStoppedEvaluation: Ctrl-C while a run measures its model is answered by the run
// alone, once, and the command that it names goes on; what was measured is the same.
func TestStoppedEvaluation(t *testing.T) {
	root := t.TempDir()
	args := func(out string) []string {
		args := []string{"train", "--backend", "go", "--out", filepath.Join(root, out)}
		for _, s := range []string{
			"algorithm=sft", "model=builtin:nano", "data.bench=arith", "data.levels=[1]",
			"data.template=plain", "update.batch=4", "steps=1",
			"eval.bench=arith", "eval.levels=[1]", "eval.limit=60", "eval.languages=[en, sw]",
			"eval.max_tokens=40", "eval.samples=2", "rollout.batch=4",
		} {
			args = append(args, "--set", s)
		}
		return args
	}
	var log bytes.Buffer
	c := start(t, program(&log, args("stopped")...))
	samples := filepath.Join(root, "stopped", "eval", "step-0", "samples.jsonl")
	_ = c.interrupt(func() bool { return sizeOf(samples) > 0 }, 0, syscall.SIGINT)
	said := log.String()
	if code := c.ProcessState.ExitCode(); code != exitInterrupted ||
		strings.Contains(said, "the same command") ||
		strings.Count(said, "stopping the evaluation after step 0") != 1 ||
		strings.Count(said, "continue with: stele train --out") != 1 {
		t.Errorf("exit code %d\n%s", code, said)
	}
	must0(t, "train", "--out", filepath.Join(root, "stopped"), "--resume")
	must0(t, args("whole")...)
	for _, name := range []string{"eval.jsonl", "eval/step-0/samples.jsonl", "eval/step-0/results.json",
		"eval/step-1/samples.jsonl"} {
		a, errA := os.ReadFile(filepath.Join(root, "stopped", name))
		b, errB := os.ReadFile(filepath.Join(root, "whole", name))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs: %v, %v", name, errA, errB)
		}
	}
}

// TestStoppedPlan: Ctrl-C ends --dry-run at once, also while a reward program is tried.
func TestStoppedPlan(t *testing.T) {
	root := t.TempDir()
	tried := filepath.Join(root, "tried")
	var log bytes.Buffer
	c := start(t, program(&log, "train", "--backend", "go", "--dry-run", "--set", "model=builtin:nano", "--set",
		"data.bench=arith",
		"--set", "data.template=plain", "--set", "rollout.max_tokens=6", "--set", "rollout.questions=2",
		"--set", `reward.commands=[{name: hung, weight: 1, timeout_s: 600, run: [sh, -c, 'trap "" INT TERM; echo >`+
			tried+`; sleep 600']}]`))
	var began time.Time
	_ = c.interrupt(func() bool { began = time.Now(); return sizeOf(tried) > 0 }, 0, syscall.SIGINT)
	if code := c.ProcessState.ExitCode(); code != exitInterrupted || time.Since(began) > 20*time.Second {
		t.Errorf("exit code %d after %v\n%s", code, time.Since(began), log.String())
	}
}

// checkGone checks that none of the processes is there whose ids a file has.
func checkGone(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields(string(data)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("reward program %d is still there", pid)
		}
	}
}

// TestDryRunIsTheRunsCheck: train and train --dry-run refuse the same settings with the
// same line and exit code, and a plan is printed before a refusal where there is one.
func TestDryRunIsTheRunsCheck(t *testing.T) {
	root := t.TempDir()
	for name, x := range map[string]struct {
		args []string
		code int
		want string
	}{
		"tokens": {[]string{"--set", "rollout.max_tokens=100000"}, exitFailed, "positions"},
		"dtype":  {[]string{"--dtype", "int8"}, exitFailed, "int8"},
		"w8a8":   {[]string{"--dtype", "w8a8"}, exitFailed, "w8a8"},
		"int4":   {[]string{"--dtype", "int4"}, exitFailed, "int4"},
		"program": {[]string{"--set",
			"reward.commands=[{name: x, weight: 1, run: [/no/such/program]}]"}, exitFailed,
			"/no/such/program"},
		"memory": {[]string{"--memory", "1MiB"}, exitFailed, "1 MiB are available"},
		"benchmark": {[]string{"--set", "eval.bench=no-such-benchmark"}, exitUsage,
			"no-such-benchmark"},
		"evaluation": {[]string{"--set", "eval.bench=arith", "--set", "eval.top_p=2"}, exitUsage,
			"top-p is 2"},
		"setting":          {[]string{"--set", "steps=0"}, exitUsage, "steps is 0"},
		"no such setting":  {[]string{"--set", "loss.betta=0"}, exitUsage, "betta"},
		"size":             {[]string{"--memory", "much"}, exitUsage, "much"},
		"nothing to go on": {[]string{"--resume"}, exitUsage, "holds no run"},
	} {
		t.Run(name, func(t *testing.T) {
			common := append([]string{"train", "--backend", "go", "--out", filepath.Join(root, "run")},
				x.args...)
			if name != "nothing to go on" {
				for _, s := range []string{"model=builtin:nano", "data.bench=arith", "data.template=plain",
					"rollout.questions=2", "rollout.group_size=2", "steps=1"} {
					common = slices.Insert(common, 1, "--set", s)
				}
				if !slices.ContainsFunc(x.args, func(a string) bool {
					return strings.HasPrefix(a,
						"rollout.max_tokens")
				}) {
					common = append(common, "--set", "rollout.max_tokens=4")
				}
			}
			refusal := func(more ...string) (line string, code int) {
				var log bytes.Buffer
				c := program(&log, append(slices.Clone(common), more...)...)
				_ = c.Run()
				lines := strings.Split(strings.TrimSpace(log.String()), "\n")
				return lines[len(lines)-1], c.ProcessState.ExitCode()
			}
			plain, code := refusal()
			dry, dryCode := refusal("--dry-run")
			if code != x.code || dryCode != code || plain != dry || !strings.Contains(plain, x.want) {
				t.Errorf("the run: %d %s\nthe dry run: %d %s", code, plain, dryCode, dry)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(root, "run")); err == nil {
		t.Error("a folder was made")
	}
}

func TestParseBytes(t *testing.T) {
	for _, c := range []struct {
		size string
		want int64 // -1 for an error
	}{
		{"", 0}, {"24GiB", 24 << 30}, {"80 GB", 80e9}, {"0.5GiB", 1 << 29}, {"512MiB", 512 << 20},
		{"3MB", 3e6},
		{"24", -1}, {"GiB", -1}, {"-1GiB", -1}, {"0MiB", -1}, {"24TiB", -1}, {"1e99xGiB", -1},
	} {
		got, err := parseBytes(c.size)
		if (err != nil) != (c.want < 0) || err == nil && got != c.want {
			t.Errorf("%q is %d, %v; want %d", c.size, got, err, c.want)
		}
	}
}

// TestTrainAdapterFlag: --adapter is lora.adapter, which a run keeps; twice, or empty, is wrong usage.
func TestTrainAdapterFlag(t *testing.T) {
	plain := filepath.Join(adapterRoot, "plain")
	args := []string{"train", "--backend", "go", "--set", "model=" + adapterModel, "--set", "algorithm=sft", "--set",
		"data.bench=arith", "--set", "data.levels=[1]", "--set", "data.template=plain", "--set", "update.batch=2",
		"--set", "lora.merge=false"}
	out := filepath.Join(t.TempDir(), "run")
	must0(t, append(args, "--set", "steps=1", "--adapter", plain, "--out", out)...)
	must0(t, "train", "--out", out, "--resume", "--set", "steps=2")
	for _, step := range []string{"step-1", "step-2"} {
		config := filepath.Join(out, "checkpoints", step, "adapter", "adapter_config.json")
		if data, err := os.ReadFile(config); err != nil || !bytes.Contains(data, []byte(`"lora_alpha": 8`)) {
			t.Errorf("%s, %v", data, err)
		}
	}
	for want, more := range map[string][]string{
		"name it twice": {"--adapter", plain, "--set", "lora.adapter=" + plain},
		"--adapter is empty: expected the folder of an adapter": {"--adapter", ""},
		"lora.rank is 2, and the adapter":                       {"--adapter", plain, "--set", "lora.rank=2"},
	} {
		var log bytes.Buffer
		c := program(&log, append(append(args, "--dry-run"), more...)...)
		if c.Run(); c.ProcessState.ExitCode() == 0 || !strings.Contains(log.String(), want) {
			t.Errorf("%v: exit code %d, want %q:\n%s", more, c.ProcessState.ExitCode(), want, log.String())
		}
	}
}
