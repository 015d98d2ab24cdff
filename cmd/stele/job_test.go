package main

import (
	"bytes"
	"context"
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

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/cluster/clustertest"
	"github.com/stele-lm/stele/eval/evaltest"
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
	seed := *killSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-kill-seed %d", seed)
	random := rand.New(rand.NewPCG(23, seed))
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
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			c := processes(t, l, n, &log, args(out)...)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			stop := context.AfterFunc(ctx, func() { _ = c.Process.Kill() })
			killed := false
			if i == 0 && round == 0 {
				killed = killOne(ctx, out, random)
			}
			err := c.Wait()
			stop()
			cancel()
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

// killOne kills one of the processes that write a run, once a few samples are there. It is false where the run is
// over first.
func killOne(ctx context.Context, out string, random *rand.Rand) bool {
	for ctx.Err() == nil {
		if text, _ := os.ReadFile(filepath.Join(out, "samples.jsonl")); bytes.Count(text, []byte("\n")) > 3 {
			break
		}
		if _, err := os.Stat(filepath.Join(out, "results.json")); err == nil {
			return false
		}
		time.Sleep(5 * time.Millisecond)
	}
	pids := ranksOf(out)
	return len(pids) > 0 && syscall.Kill(pids[random.IntN(len(pids))], syscall.SIGKILL) == nil
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
