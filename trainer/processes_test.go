package trainer

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/cluster/clustertest"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// inJob is the variable that makes the test's program one process of a job; it has the run's folder.
const inJob = "STELE_TRAINER_JOB"

// TestDividedDiffer: where gradients are divided, a process that cannot hand them over is refused, for it would wait
// where the others do not; and of one that has no room for its rollouts all hear before the pass that is tried.
func TestDividedDiffer(t *testing.T) {
	d := trainertest.OpenDevice(t, "xla:cpu")
	if err := d.HandsOver(); err != nil {
		t.Fatal(err)
	}
	run := clustertest.Launchers(t)[0].Command(2, []string{inJob + "=" + t.TempDir(), "STELE_MPI_DEADLINE=5s"},
		os.Args[0])
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// processOf is a process of TestDividedDiffer.
func processOf(dir string) (status int) {
	job, err := cluster.Join()
	if err == nil {
		err = differ(job, dir)
	}
	if err == nil {
		err = job.Leave()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func differ(job *cluster.Job, dir string) error {
	c, err := LoadConfig("", []string{"model=builtin:nano", "data.bench=arith", "data.levels=[1]",
		"data.template=plain", "data.languages=[en]", "rollout.questions=2", "rollout.group_size=2",
		"rollout.max_tokens=4", "update.micro_tokens=64", "optimizer.zero_stage=2", "steps=1"})
	if err != nil {
		return err
	}
	r := newRun(c, dir, Options{Backend: "xla:cpu", DType: "float32", Job: job})
	defer r.close()
	found, err := r.check(context.Background())
	if found != nil {
		defer found.close()
	}
	if err != nil {
		return err
	}
	found.plan.workload.HandsOver = job.Rank == 0
	const want = "handing gradients over is false here and true on rank 0"
	if err := r.checkAlike(found); (err == nil) != (job.Rank == 0) ||
		err != nil && !strings.Contains(err.Error(), want) {
		return fmt.Errorf("rank %d, of which 1 hands nothing over: %v", job.Rank, err)
	}
	found.plan.workload.HandsOver = true
	if err := r.load(found); err != nil {
		return err
	}
	if !r.learner.Scattered() {
		return fmt.Errorf("rank %d: gradients are not divided", job.Rank)
	}
	r.available = 1 // the pass is tried
	w := found.plan.workload
	if job.Rank == 0 {
		w.Longest = 1 << 24 // a pool of some GiB
		release, err := limitMemory(1 << 30)
		if err != nil {
			return err
		}
		defer release()
	}
	if err := r.rehearse(w); !cluster.IsAgreed(err) || !strings.Contains(err.Error(), "rank 0 on ") ||
		!strings.Contains(err.Error(), "key-value pool") {
		return fmt.Errorf("rank %d, of which 0 has no room: %v", job.Rank, err)
	}
	return nil
}

// limitMemory has this process get so many bytes of addresses more, and no others, until release is called.
func limitMemory(more uint64) (release func(), err error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return nil, err
	}
	var pages uint64
	if _, err := fmt.Sscan(string(text), &pages); err != nil {
		return nil, err
	}
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &before); err != nil {
		return nil, err
	}
	limit := unix.Rlimit{Cur: pages*uint64(os.Getpagesize()) + more, Max: before.Max}
	if err := unix.Setrlimit(unix.RLIMIT_AS, &limit); err != nil {
		return nil, err
	}
	return func() { _ = unix.Setrlimit(unix.RLIMIT_AS, &before) }, nil
}
