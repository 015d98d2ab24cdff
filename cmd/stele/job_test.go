package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/cluster/clustertest"
	"github.com/stele-lm/stele/eval/evaltest"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/trainer/objective"
)

// processes starts stele n times by a launcher; log gets what all of them say.
func processes(t *testing.T, l clustertest.Launcher, n int, log *bytes.Buffer, args ...string) *exec.Cmd {
	t.Helper()
	c := l.Command(n, []string{asProgram + "=1", "STELE_MPI_DEADLINE=10s"}, os.Args[0], args...)
	c.Stdout, c.Stderr = log, log
	return c
}

// TestProcesses: eval in 3 processes, one of which is killed at a random moment, after which 2 go on, and in 2 by
// another launcher, leaves the bytes of one process; what is wrong is said once.
func TestProcesses(t *testing.T) {
	launchers := clustertest.Launchers(t)
	random := moments(t, 23)
	root := t.TempDir()
	args := func(out string) []string {
		return strings.Fields("eval -m builtin:nano --backend go --dtype float32 --bench arith --lang en,te " +
			"--limit 15 -n 3 --max-tokens 40 --seed 5 --out " + out)
	}
	alone := filepath.Join(root, "alone")
	must0(t, args(alone)...)
	want := evaltest.Files(t, alone)
	for i, l := range launchers[:min(2, len(launchers))] {
		out := filepath.Join(root, l.Name)
		for round, n := range [][]int{{3, 2}, {2}}[i] {
			var log bytes.Buffer
			c := start(t, processes(t, l, n, &log, args(out)...))
			killed := i == 0 && round == 0 && c.reaches(func() bool {
				text, _ := os.ReadFile(filepath.Join(out, "samples.jsonl"))
				return bytes.Count(text, []byte("\n")) > 3
			}) && killOne(out, random) > 0
			err := c.end()
			if killed != (err != nil) {
				t.Fatalf("%s, %d processes, one killed: %v: %v\n%s", l.Name, n, killed, err, log.String())
			}
			if said := strings.Count(log.String(), " processes, started by "); said != 1 {
				t.Errorf("%s, %d processes: the first line was said %d times\n%s", l.Name, n, said, log.String())
			}
			if !killed && strings.Count(log.String(), "|arith|all") != 1 {
				t.Errorf("%s, %d processes: no table, or several\n%s", l.Name, n, log.String())
			}
		}
		if diff := cmp.Diff(want, evaltest.Files(t, out)); diff != "" {
			t.Errorf("%s (-alone +together):\n%.2000s", l.Name, diff)
		}
		if i == 0 {
			continue
		}
		var log bytes.Buffer
		err := processes(t, l, 2, &log, append(args(alone), "--temperature", "1")...).Run()
		exit := (*exec.ExitError)(nil)
		if !errors.As(err, &exit) || strings.Count(log.String(), "was started with other settings") != 1 ||
			!strings.Contains(log.String(), "stele: rank 0 on ") {
			t.Errorf("%s, other settings: %v\n%s", l.Name, err, log.String())
		}
	}
}

// killOne kills one of the processes that write a run and returns its id; 0 where there is none any more.
func killOne(out string, random *rand.Rand) int {
	pids := ranksOf(out)
	if len(pids) == 0 {
		return 0
	}
	pid := pids[random.IntN(len(pids))]
	if syscall.Kill(pid, syscall.SIGKILL) != nil {
		return 0
	}
	return pid
}

// ranksOf are the processes of this program that name out on their command lines.
func ranksOf(out string) (pids []int) {
	entries, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, entry := range entries {
		line, _ := os.ReadFile(entry)
		var pid int
		fields := strings.Split(string(line), "\x00")
		if fields[0] == os.Args[0] && strings.Contains(string(line), out) {
			if n, _ := fmt.Sscanf(entry, "/proc/%d/", &pid); n == 1 {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// TestDividedRun: a run whose optimiser's state is divided over 3 processes, and goes on with 2 that divide the
// gradients, too, is what one process makes; so is SFT whose gradients are divided. A pass that fails on one process
// ends all with one line.
func TestDividedRun(t *testing.T) {
	l := clustertest.Launchers(t)[0]
	root := t.TempDir()
	alone, together := filepath.Join(root, "alone"), filepath.Join(root, "together")
	settings := append([]string{"save.every=2"}, grpoSettings...)
	device := []string{"--backend", "go"}
	if d, err := backend.Open("xla:cpu"); err == nil && d.HandsOver() == nil {
		device[1] = "xla:cpu"
	} else {
		t.Logf("gradients are not divided here: %v", err)
	}
	must0(t, append(trainTogether(alone, append(settings, "optimizer.zero_stage=2", "steps=4")...), device...)...)
	for i, n := range []int{3, 2} {
		var log bytes.Buffer
		args := append(trainTogether(together, append(settings, fmt.Sprintf("optimizer.zero_stage=%d", 1+i),
			fmt.Sprintf("steps=%d", 2+2*i))...), device...)
		if i > 0 {
			args = append(args, "--resume")
		}
		err := start(t, processes(t, l, n, &log, args...)).end()
		if err != nil || !strings.Contains(log.String(), fmt.Sprintf("memory planned of each of %d processes", n)) {
			t.Fatalf("%d processes: %v\n%s", n, err, log.String())
		}
	}
	checkTogether(t, "divided", alone, together, 4)
	alone, together = filepath.Join(root, "sft alone"), filepath.Join(root, "sft together")
	args := func(out, algorithm string) []string {
		return append(trainTogether(out, "algorithm="+algorithm, "update.batch=12", "update.micro_tokens=64", "steps=2",
			"save.every=2", "optimizer.zero_stage=2"), device...)
	}
	must0(t, args(alone, "sft")...)
	var log bytes.Buffer
	if err := start(t, processes(t, l, 2, &log, args(together, "sft")...)).end(); err != nil {
		t.Fatalf("SFT: %v\n%s", err, log.String())
	}
	checkTogether(t, "divided, SFT", alone, together, 2)
	if device[1] != "xla:cpu" {
		return
	}
	log.Reset()
	err := start(t, processes(t, l, 2, &log, args(filepath.Join(root, "failing"), failing)...)).end()
	said := log.String()
	if err == nil || strings.Count(said, "stele:") != 1 || !strings.Contains(said, "nobody receives") ||
		!strings.Contains(said, "stele: step 1: rank 1 on ") {
		t.Errorf("a pass of rank 1 fails: %v\n%s", err, said)
	}
}

// failing is an algorithm whose passes fail on rank 1 when they run: they hand something over to nobody.
const failing = "failing"

func init() {
	objective.Register(objective.Algorithm{Name: failing, New: func(objective.Options) (objective.Objective, error) {
		o := objective.Likelihood()
		o.Statistics = []string{failing}
		o.Loss = func(t *objective.Tokens) *graph.Node {
			returned := graph.StopGradient(t.LogProb)
			if cluster.Joined().Rank == 1 {
				nobody := graph.Const(t.LogProb.Graph(), int32(-1))
				done := backend.HandOver(nobody, []*graph.Node{returned}, []int{0})
				returned = graph.Add(returned, graph.Reshape(done))
			}
			t.Return(failing, returned)
			return graph.Neg(t.LogProb)
		}
		return o, nil
	}})
}

// TestStudyTogether: a study that 3 processes do job by job, of which one is killed at a random moment, and 2 go on
// with, leaves the samples and results of one process.
func TestStudyTogether(t *testing.T) {
	l := clustertest.Launchers(t)[0]
	random := moments(t, 29)
	root := t.TempDir()
	file := writeStudy(t, root, "study.yaml", "seeds: [1]", "seeds: [1, 2]")
	alone, together := filepath.Join(root, "alone"), filepath.Join(root, "together")
	args := func(out string) []string {
		return []string{"study", file, "--backend", "go", "--dtype", "float32", "--out", out}
	}
	must0(t, args(alone)...)
	for _, n := range []int{3, 2} {
		var log bytes.Buffer
		c := start(t, processes(t, l, n, &log, args(together)...))
		killed := false
		if n == 3 {
			at := []string{"eval/nano/samples.jsonl", "train/warm.1/metrics.jsonl", "eval/warm.1/samples.jsonl",
				"train/en.1"}[random.IntN(4)]
			killed = c.reaches(func() bool {
				_, err := os.Stat(filepath.Join(together, at))
				return err == nil
			}) && killOne(together, random) > 0
			t.Logf("killed at %s: %v", at, killed)
		}
		err := c.end()
		if killed != (err != nil) || !killed && strings.Count(log.String(), "] report") != 1 {
			t.Fatalf("%d processes, one killed: %v: %v\n%s", n, killed, err, log.String())
		}
	}
	for _, name := range []string{"nano", "warm.1", "en.1", "en.2"} {
		for _, f := range []string{"samples.jsonl", "results.json"} {
			want, errA := os.ReadFile(filepath.Join(alone, "eval", name, f))
			got, errB := os.ReadFile(filepath.Join(together, "eval", name, f))
			if errA != nil || errB != nil || !bytes.Equal(want, got) {
				t.Errorf("eval/%s/%s is another than one process's (%v, %v)", name, f, errA, errB)
			}
		}
	}
}

// TestProcessesHang: a file of an evaluation, a training or a study whose file system hangs ends all with one line that
// says whose and which, also where all processes read it at a time.
func TestProcessesHang(t *testing.T) {
	l := clustertest.Launchers(t)[0]
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	file := writeStudy(t, root, "study.yaml", "", "")
	commands := map[string]func(out string, more ...string) []string{
		"eval": func(out string, _ ...string) []string {
			return strings.Fields("eval -m builtin:nano --backend go --dtype float32 --bench arith --lang en --limit " +
				"2 -n 1 --max-tokens 4 --out " + out)
		},
		"train": func(out string, more ...string) []string {
			return append(trainTogether(out, "algorithm=sft", "update.batch=2", "steps=1", "save.every=1"), more...)
		},
		"study": func(out string, _ ...string) []string {
			return []string{"study", file, "--backend", "go", "--out", out}
		},
	}
	cases := []struct{ command, file, doing string }{
		{"eval", "samples.jsonl", "reading RUN/samples.jsonl"},
		{"eval", "manifest.json", "reading RUN"},
		{"train", "manifest.json", "reading RUN"},
		{"train", "checkpoints/step-1/model.safetensors", "reading RUN/checkpoints/step-1/model.safetensors"},
		{"train", ".lock", "locking RUN/.lock"},
		{"study", "jobs/eval/nano.json", "reading RUN"},
		{"study", "study.yaml", "writing RUN/study.yaml"},
	}
	var runs []*started
	logs, folders := make([]bytes.Buffer, len(cases)), make([]string, len(cases))
	for i, c := range cases {
		folders[i] = filepath.Join(root, fmt.Sprint(i))
		path := filepath.Join(folders[i], c.file)
		if strings.Contains(c.file, "step-1") || c.file == "samples.jsonl" { // it is read of a run that is there
			must0(t, commands[c.command](folders[i])...)
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if c.command == "study" { // without it the folder is none of a study's
			err = errors.Join(err, os.MkdirAll(filepath.Join(folders[i], "jobs"), 0o755))
		}
		if err := errors.Join(err, syscall.Mkfifo(path, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range cases { // all wait at a time
		run := processes(t, l, 2, &logs[i], commands[c.command](folders[i], "--resume")...)
		run.Env = append(run.Env, "STELE_MPI_DEADLINE=2s")
		runs = append(runs, start(t, run))
	}
	for i, c := range cases {
		err, said := runs[i].end(), logs[i].String()
		want := " on " + host + ": " + strings.ReplaceAll(c.doing, "RUN", folders[i]) + " has not ended for "
		if err == nil || strings.Count(said, "stele:") != 1 || !strings.Contains(said, want) ||
			!strings.Contains(said, "does its file system hang?") {
			t.Errorf("%s, %s: %v\n%s\nexpected %s", c.command, c.file, err, said, want)
		}
	}
}

// TestProcessesStop: of three processes of which one has the only question, one that has it or not gets Ctrl-C: all end
// in its midst, with one line and the exit status of one process.
func TestProcessesStop(t *testing.T) {
	l := clustertest.Launchers(t)[0]
	for _, rank := range []string{"0", "2"} {
		out := filepath.Join(t.TempDir(), "run")
		var log bytes.Buffer
		c := start(t, processes(t, l, 3, &log, strings.Fields("eval -m builtin:nano --backend go --dtype float32 "+
			"--bench arith --lang en --limit 1 -n 2000 --max-tokens 1000 --temperature 1 --batch 4 --out "+out)...))
		began := time.Now()
		if c.reaches(func() bool { return sizeOf(filepath.Join(out, "samples.jsonl")) > 0 }) {
			for _, pid := range ranksOf(out) {
				if rankOf(pid) == rank {
					began = time.Now()
					_ = syscall.Kill(pid, syscall.SIGINT)
				}
			}
		}
		err := c.end()
		exit, took := (*exec.ExitError)(nil), time.Since(began)
		if !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted || took > 20*time.Second {
			t.Errorf("rank %s: it ended %v later with %v\n%s", rank, took, err, log.String())
		}
		said := log.String()
		if strings.Count(said, "stele:") != 1 || !strings.Contains(said, "stele: interrupted\n") ||
			strings.Count(said, " of 2000 samples: the same command continues from there") != 1 {
			t.Errorf("rank %s: it said\n%s", rank, said)
		}
	}
}

// TestProcessesUsage: wrong usage ends several processes with one line and the exit status of one.
func TestProcessesUsage(t *testing.T) {
	root := t.TempDir()
	file := writeStudy(t, root, "study.yaml", "", "")
	for _, l := range clustertest.Launchers(t) {
		var log bytes.Buffer
		err := processes(t, l, 2, &log, "study", file, "--workers", "2", "--out", filepath.Join(root, "out")).Run()
		exit := (*exec.ExitError)(nil)
		if !errors.As(err, &exit) || exit.ExitCode() != exitUsage || strings.Count(log.String(), "stele:") != 1 {
			t.Errorf("%s: %v\n%s", l.Name, err, log.String())
		}
	}
}
