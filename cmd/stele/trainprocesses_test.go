package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/cluster/clustertest"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/trainer"
)

// trainTogether is a short run of a tiny model, several passes a step; more are settings.
func trainTogether(out string, more ...string) []string {
	args := []string{"train", "--backend", "go", "--dtype", "float32", "--out", out}
	for _, s := range append([]string{
		"model=builtin:nano", "data.bench=arith", "data.levels=[1]", "data.template=plain", "data.languages=[en, sw]",
		"optimizer.lr=1e-3", "save.every=3", "save.keep_last=1", "steps=4",
	}, more...) {
		args = append(args, "--set", s)
	}
	return args
}

// grpoSettings are those of GRPO in trainTogether.
var grpoSettings = []string{"rollout.questions=6", "rollout.group_size=4", "rollout.max_tokens=6", "loss.beta=0.01",
	"rollout.batch=8", // of two processes, each has 2 questions and takes others when it is free; of four, 1 and a half
	"update.mini_batches=2", "update.micro_tokens=64"}

// checkTogether compares a run of several processes with one process's: the same rollouts and settings byte for byte,
// metrics and weights to 1e-6.
func checkTogether(t *testing.T, what, alone, together string, steps int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(alone, "rollouts", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(files, filepath.Join(alone, "manifest.json")) {
		name, err := filepath.Rel(alone, path)
		if err != nil {
			t.Fatal(err)
		}
		want, errA := os.ReadFile(path)
		got, errB := os.ReadFile(filepath.Join(together, name))
		if errA != nil || errB != nil || !bytes.Equal(want, got) {
			t.Errorf("%s: %s is another than one process's (%v, %v)", what, name, errA, errB)
		}
	}
	want, errA := trainer.ReadMetrics(filepath.Join(alone, "metrics.jsonl"))
	got, errB := trainer.ReadMetrics(filepath.Join(together, "metrics.jsonl"))
	if errA != nil || errB != nil || len(want) != steps || len(got) != steps {
		t.Fatalf("%s: %d steps have metrics, of %d alone (%v, %v)", what, len(got), len(want), errA, errB)
	}
	for i := range want {
		if len(want[i]) != len(got[i]) {
			t.Errorf("%s: step %d has %d metrics, alone %d", what, i+1, len(got[i]), len(want[i]))
		}
		for key, x := range want[i] {
			y, ok := got[i][key]
			if !trainer.OfClock(key) && (!ok || math.Abs(x-y) > 1e-6*max(1, math.Abs(x))) {
				t.Errorf("%s: step %d: %s is %v, alone %v", what, i+1, key, y, x)
			}
		}
	}
	worst := 0.0
	for _, file := range []string{"model.safetensors", "trainer_state.safetensors"} {
		name := filepath.Join("checkpoints", fmt.Sprintf("step-%d", steps), file)
		one, errA := checkpoint.OpenFile(filepath.Join(alone, name))
		other, errB := checkpoint.OpenFile(filepath.Join(together, name))
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		for _, tensor := range one.Names() {
			x, errA := one.Tensor(tensor)
			y, errB := other.Tensor(tensor)
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			xs, ys := make([]float32, x.Len()), make([]float32, y.Len())
			x.Float32s(xs)
			y.Float32s(ys)
			for i := range xs {
				worst = max(worst, math.Abs(float64(xs[i])-float64(ys[i])))
			}
		}
		one.Close()
		other.Close()
	}
	if t.Logf("%s: weights and state differ by %.2g", what, worst); worst > 1e-6 {
		t.Errorf("%s: weights and state differ by %g, more than 1e-6", what, worst)
	}
}

// TestTrainTogether: GRPO in 2 processes, started by MPICH, and in 4, by Open MPI, and SFT in 3 come to what one
// process comes to: rollouts byte for byte, the rest but for the order of sums. TestDividedRun has GRPO whose state is
// divided. What is wrong is said once.
func TestTrainTogether(t *testing.T) {
	launchers := clustertest.Launchers(t)
	root := t.TempDir()
	const steps = 3
	settings := map[string][]string{
		"grpo": append([]string{"steps=3"}, grpoSettings...),
		"sft":  {"algorithm=sft", "update.batch=12", "update.micro_tokens=64", "steps=3"},
	}
	for name, settings := range settings {
		must0(t, trainTogether(filepath.Join(root, name), settings...)...)
	}
	for _, c := range []struct {
		name                string
		processes, launcher int
	}{{"grpo", 2, 0}, {"grpo", 4, 1}, {"sft", 3, 0}} {
		l, alone := launchers[c.launcher%len(launchers)], filepath.Join(root, c.name)
		what := fmt.Sprintf("%s, %s, %d processes", c.name, l.Name, c.processes)
		out := fmt.Sprintf("%s-%d", alone, c.processes)
		var log bytes.Buffer
		args := trainTogether(out, settings[c.name]...)
		if err := start(t, processes(t, l, c.processes, &log, args...)).end(); err != nil {
			t.Fatalf("%s: %v\n%s", what, err, log.String())
		}
		if said := log.String(); strings.Count(said, fmt.Sprintf("step %d/%d ", steps, steps)) != 1 ||
			strings.Count(said, " processes, started by ") != 1 {
			t.Errorf("%s: what one says is not said once\n%s", what, said)
		}
		checkTogether(t, what, alone, out, steps)
	}
	var log bytes.Buffer
	bad := trainTogether(filepath.Join(root, "bad"), "model=no/such/model")
	if err := processes(t, launchers[0], 2, &log, bad...).Run(); err == nil ||
		strings.Count(log.String(), "stele:") != 1 {
		t.Errorf("a model that is not there: %v\n%s", err, log.String())
	}
	log.Reset()
	again := trainTogether(filepath.Join(root, "grpo"), grpoSettings...)
	if err := processes(t, launchers[0], 2, &log, again...).Run(); err == nil ||
		strings.Count(log.String(), "stele:") != 1 || !strings.Contains(log.String(), "already holds a run") {
		t.Errorf("a folder that holds a run: %v\n%s", err, log.String())
	}
}

// TestTrainTogetherKilled: of three processes one is killed at a random moment, again and again, or all get Ctrl-C.
// The rest end, and the run goes on, by whichever launcher, to the bytes of one that was let alone. Chance chooses the
// launcher, which takes half a minute; make kill-check has both.
func TestTrainTogetherKilled(t *testing.T) {
	launchers := clustertest.Launchers(t)
	random := moments(t, 21)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	settings := append([]string{"save.every=1", "steps=5"}, grpoSettings...)
	var log bytes.Buffer
	whole := filepath.Join(root, "whole")
	if err := processes(t, launchers[0], 3, &log, trainTogether(whole, settings...)...).Run(); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	want := trainedFiles(t, whole, 5)
	both := launchers[:min(2, len(launchers))]
	if one := random.IntN(len(both)); *kills <= 2 {
		both = both[one : one+1]
	}
	for _, l := range both {
		out := filepath.Join(root, l.Name)
		args := trainTogether(out, settings...)
		for attempt := range 2 {
			var log bytes.Buffer
			c := start(t, processes(t, l, 3, &log, args...))
			steps := func() int {
				metrics, _ := trainer.ReadMetrics(filepath.Join(out, "metrics.jsonl"))
				return len(metrics)
			}
			before := steps()
			enough := before + 1 + random.IntN(2)
			c.reaches(func() bool { return steps() >= enough })
			time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond)
			began, victim := time.Now(), ""
			if attempt == 0 {
				if pids := ranksOf(out); len(pids) > 0 {
					pid := pids[random.IntN(len(pids))]
					victim = rankOf(pid)
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			} else {
				_ = c.Process.Signal(syscall.SIGINT)
			}
			if c.end() == nil {
				t.Logf("%s: the run was over first", l.Name)
				victim = ""
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("%s: the rest ended %v later\n%s", l.Name, took, log.String())
			}
			said := fmt.Sprintf("stele: rank %s on %s: the process was killed", victim, host)
			if victim != "" && !strings.Contains(log.String(), said) {
				t.Errorf("%s: nobody says that rank %s was killed\n%s", l.Name, victim, log.String())
			}
			t.Logf("%s: killed rank %q with %d steps taken", l.Name, victim, steps())
			if _, err := os.Stat(filepath.Join(out, "manifest.json")); err == nil {
				args = append(trainTogether(out, settings...), "--resume")
			}
		}
		var log bytes.Buffer
		if err := processes(t, l, 3, &log, args...).Run(); err != nil {
			t.Fatalf("%s: going on: %v\n%s", l.Name, err, log.String())
		}
		if diff := cmp.Diff(want, trainedFiles(t, out, 5)); diff != "" {
			t.Errorf("%s (-whole +killed):\n%.2000s", l.Name, diff)
		}
	}
}

// rankOf is the rank that a launcher gave a process.
func rankOf(pid int) string {
	environment, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	for entry := range strings.SplitSeq(string(environment), "\x00") {
		for _, name := range []string{"PMI_RANK=", "OMPI_COMM_WORLD_RANK=", "PMIX_RANK="} {
			if rank, ok := strings.CutPrefix(entry, name); ok {
				return rank
			}
		}
	}
	return ""
}

// TestTrainTogetherAsked: Open MPI's launcher kills soon after Ctrl-C, and a training says at its start what to send it
// instead: then the step is finished and saved.
func TestTrainTogetherAsked(t *testing.T) {
	for _, l := range clustertest.Launchers(t) {
		if l.Name != "openmpi" {
			continue
		}
		out := filepath.Join(t.TempDir(), "run")
		var log bytes.Buffer
		c := start(t, processes(t, l, 2, &log, trainTogether(out, append([]string{"steps=1000", "save.every=1000"},
			grpoSettings...)...)...))
		err := c.interrupt(func() bool { return sizeOf(filepath.Join(out, "metrics.jsonl")) > 0 }, 0, syscall.SIGUSR1)
		exit := (*exec.ExitError)(nil)
		if !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
			t.Errorf("%v, expected status %d\n%s", err, exitInterrupted, log.String())
		}
		for _, want := range []string{fmt.Sprintf("kill -USR1 %d has them finish", c.Process.Pid),
			"stopped: the checkpoint, the metrics and the rollouts of step ", "stele: interrupted"} {
			if strings.Count(log.String(), want) != 1 {
				t.Errorf("%q is not said once:\n%s", want, log.String())
			}
		}
		metrics, err := trainer.ReadMetrics(filepath.Join(out, "metrics.jsonl"))
		if name, none := trainer.LastCheckpoint(out); err != nil || none != nil ||
			name != fmt.Sprintf("checkpoints/step-%d", len(metrics)) {
			t.Errorf("%d steps have metrics, the checkpoint is %s: %v, %v", len(metrics), name, err, none)
		}
	}
}

// TestTrainTogetherReward: a reward program that ends early on one process is said by it, and ends the sampling of all
// long before the step's completions are there: so many that none comes near them while another starts a program.
func TestTrainTogetherReward(t *testing.T) {
	l := clustertest.Launchers(t)[0]
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	program, seen := filepath.Join(root, "reward"), filepath.Join(root, "seen")
	script := `#!/bin/sh
n=0
while read -r line; do
	n=$((n+1))
	test "$PMI_RANK" = 1 && test $n = 3 && exit 3
	test "$PMI_RANK" = 0 && echo $n >> ` + seen + `
	echo '{"reward": 0.5}'
done
`
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	const rollouts = 128 * 64
	var log bytes.Buffer
	out := filepath.Join(root, "run")
	run := processes(t, l, 2, &log, trainTogether(out, "steps=2", "rollout.questions=128", "rollout.group_size=64",
		"rollout.max_tokens=16", "rollout.batch=4",
		"reward.commands=[{name: mine, weight: 1, run: [\""+program+"\"]}]")...)
	err = run.Run()
	want := "stele: step 1: rank 1 on " + host + ": reward mine (" + program +
		"): it ended with exit status 3, after 2 answers to "
	if err == nil || strings.Count(log.String(), "stele:") != 1 || !strings.Contains(log.String(), want) {
		t.Errorf("%v\n%s\nexpected %s", err, log.String(), want)
	}
	text, _ := os.ReadFile(seen)
	if n := bytes.Count(text, []byte("\n")); n > rollouts/2 {
		t.Errorf("process 0 was shown %d of %d completions, expected fewer than half", n, rollouts)
	} else {
		t.Logf("process 0 was shown %d of %d completions", n, rollouts)
	}
}

// TestTogetherDiffer: a process that has another model file, other settings, other data or another folder than process
// 0 is refused before anything is computed: one line names it, what differs and what to do.
func TestTogetherDiffer(t *testing.T) {
	l := clustertest.Launchers(t)[0]
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	const config = `model: model
data: {bench: own.jsonl, template: plain, languages: [en]}
optimizer: {lr: 1e-3}
rollout: {questions: 1, group_size: 2, max_tokens: 4}
steps: 1
`
	const own = `{"id": "1", "problem": "1 + 1?", "answer": "2"}` + "\n"
	train := "train --config run.yaml --out "
	for name, c := range map[string]struct {
		args    string
		file    string // of rank 1's folder, in which a text is another
		from    string
		to      string
		want    string
		further string
	}{
		"model": {train + "../out", "model/tokenizer.json", "\n", " ", "SHA-256 of tokenizer.json is ",
			"copy the file there, or name a path that all machines see"},
		"weights": {train + "../out", "model/model.safetensors", "\x00\x00", "\x00\x01",
			"SHA-256 of model.safetensors is ", "copy the file there, or name a path that all machines see"},
		"settings": {train + "../out", "run.yaml", "1e-3", "2e-3",
			"optimizer.lr is 0.002 here and 0.001 on rank 0 (" + host + "): all processes must have the same",
			"start all with the same files and arguments"},
		"data": {train + "../out", "own.jsonl", "1?", "2?", "problems, by their SHA-256 is ",
			"start all with the same files and arguments"},
		"another path": {train + "run", "", "", "", "run's folder is ",
			"give --out a path from / that all machines see"},
		"not shared": {train + "/proc/self/cwd/run", "", "", "",
			"/proc/self/cwd/run is not the folder that rank 0 (" + host + ") writes",
			"give --out a path on a file system that all machines share"},
		"evaluation": {"eval -m model --bench own.jsonl --lang en -n 1 --max-tokens 4 --out run",
			"model/model.safetensors", "\x00\x00", "\x00\x01",
			"this process has a different run from process 0: weights.model.safetensors was ",
			"start all with the same model, data and settings"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for rank := range 2 {
				dir := filepath.Join(root, fmt.Sprint(rank))
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				must0(t, "convert", "-m", "builtin:nano", "--out", filepath.Join(dir, "model"))
				err := errors.Join(os.WriteFile(filepath.Join(dir, "run.yaml"), []byte(config), 0o644),
					os.WriteFile(filepath.Join(dir, "own.jsonl"), []byte(own), 0o644))
				if err != nil {
					t.Fatal(err)
				}
			}
			if c.file != "" {
				path := filepath.Join(root, "1", c.file)
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				at := bytes.LastIndex(text, []byte(c.from))
				copy(text[max(at, 0):], c.to)
				if err := os.WriteFile(path, text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			var log bytes.Buffer
			run := l.Command(2, []string{asProgram + "=1", "STELE_MPI_DEADLINE=3s"}, "sh", append([]string{"-c",
				"cd " + root + "/$PMI_RANK && exec \"$@\"", "sh", os.Args[0], "--backend", "go", "--dtype", "float32"},
				strings.Fields(c.args)...)...)
			run.Stdout, run.Stderr = &log, &log
			if err := run.Run(); err == nil || strings.Count(log.String(), "stele:") != 1 ||
				!strings.Contains(log.String(), "stele: rank 1 on "+host+": "+c.want) ||
				!strings.Contains(log.String(), c.further+"\n") {
				t.Errorf("%v\n%s\nexpected rank 1 on %s: %s … %s", err, log.String(), host, c.want, c.further)
			}
		})
	}
}

// TestTrainTogetherFaults: a disk that is full for one process, and a file system that hangs, end all with one line
// that says whose and what; another job that would write the run is refused meanwhile.
func TestTrainTogetherFaults(t *testing.T) {
	l := clustertest.Launchers(t)[0]
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for name, fault := range map[string]struct {
		spoil func(metrics string) error
		want  string
	}{
		"full disk": {func(metrics string) error {
			return os.Symlink("/dev/full", metrics)
		}, "stele: rank 0 on " + host + ": write %s: no space left on device"},
		"hung file system": {func(metrics string) error {
			return syscall.Mkfifo(metrics, 0o600)
		}, "stele: rank 0 on " + host + ": writing %s has not ended for 12s: does its file system hang?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // one of them waits
			out := filepath.Join(t.TempDir(), "run")
			metrics := filepath.Join(out, "metrics.jsonl")
			var log bytes.Buffer
			c := processes(t, l, 2, &log, trainTogether(out, append([]string{"steps=1000"}, grpoSettings...)...)...)
			c.Env = append(c.Env, "STELE_MPI_DEADLINE=3s")
			run := start(t, c)
			run.reaches(func() bool { return sizeOf(metrics) > 0 })
			if name == "full disk" {
				var other bytes.Buffer
				second := processes(t, l, 2, &other, trainTogether(out, grpoSettings...)...)
				if err := second.Run(); err == nil || strings.Count(other.String(), "stele:") != 1 ||
					!strings.Contains(other.String(), out+" is being written by another process (process ") {
					t.Errorf("a second job: %v\n%s", err, other.String())
				}
			}
			spoiled := metrics + ".spoiled"
			if err := errors.Join(fault.spoil(spoiled), os.Rename(spoiled, metrics)); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			err := run.end()
			want := fmt.Sprintf(fault.want, metrics)
			if took := time.Since(began); err == nil || took > 30*time.Second ||
				strings.Count(log.String(), "stele:") != 1 || !strings.Contains(log.String(), want) {
				t.Errorf("after %v: %v\n%s\nexpected %s", took, err, log.String(), want)
			}
		})
	}
}
