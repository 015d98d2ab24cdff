package learner

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/cluster/clustertest"
	"github.com/stele-lm/stele/cluster/nccl"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/blockwise"
	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/optimizer"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// inJob is the variable that makes the test's program one process of a job; it has a folder for files.
const inJob = "STELE_LEARNER_JOB"

func TestMain(m *testing.M) {
	dir := os.Getenv(inJob)
	if dir == "" {
		kernelstest.Main(m)
	}
	kernelstest.KeepPrograms()
	job, err := cluster.Join()
	if err == nil {
		err = divided(job, dir)
	}
	if err == nil {
		err = scattered(job)
	}
	if err == nil {
		err = job.Leave()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "stele:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// TestDivided: processes that sum gradients through their memory and by NCCL, with the optimiser's state in each and
// divided, come to the same weights and the same files of state, bit for bit, and go on from them. NCCL is a library
// that computes over processes of this machine. See scattered for gradients that are divided.
func TestDivided(t *testing.T) {
	trainertest.OpenDevice(t, "xla:cpu")
	dir := t.TempDir()
	library := filepath.Join(dir, "libstub.so")
	if out, err := exec.Command("cc", "-O1", "-shared", "-fPIC", "-pthread", "-o", library,
		filepath.Join("..", "..", "cluster", "nccl", "testdata", "stub.c"), "-lrt").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l := clustertest.Launchers(t)[0]
	calls := filepath.Join(dir, "calls")
	out, err := l.Command(3, []string{inJob + "=" + dir, nccl.PathVariable + "=" + library,
		nccl.DriverVariable + "=" + library, "NCCL_STUB_RECORD=" + calls}, os.Args[0]).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	record, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range []string{"ncclAllReduce", "ncclBroadcast", "ncclCommDestroy"} {
		if !strings.Contains(string(record), call) {
			t.Errorf("%s was not called", call)
		}
	}
}

// divided is a process's part of TestDivided.
func divided(job *cluster.Job, dir string) error {
	d, err := backend.Open("xla:cpu")
	if err != nil {
		return err
	}
	folder, err := checkpoint.Open(trainertest.Data("models/tiny-qwen2"))
	if err != nil {
		return err
	}
	defer folder.Close()
	// Where one process has no use of its GPU all hear of it, and none waits for it within NCCL.
	if job.Rank == 1 {
		os.Setenv("NCCL_STUB_FAIL", "cuStreamCreate")
	}
	if _, err := openCollective(job, d); !cluster.IsAgreed(err) || !strings.Contains(err.Error(), "rank 1 on ") {
		return fmt.Errorf("a process without a GPU: %v", err)
	}
	os.Unsetenv("NCCL_STUB_FAIL")
	// Nor do the others join where one has no learner.
	collects = func(*backend.Device, int) bool { return true }
	w := model.Open(folder, d, dtypes.Float32)
	defer w.Close()
	if job.Rank == 1 {
		w.Projections = blockwise.Format{Code: blockwise.NF4}
	}
	_, err = New(w, Options{AdamW: optimizer.Default(), Objective: objective.Likelihood(), Job: job})
	if !cluster.IsAgreed(err) || !strings.Contains(err.Error(), "rank 1 on ") {
		return fmt.Errorf("a process without a learner: %v", err)
	}
	for _, c := range []struct {
		held   dtypes.DType
		state  string
		stages []int
	}{
		{dtypes.BFloat16, optimizer.StateInt8, []int{0, 1, 1}}, {dtypes.Float32, optimizer.StateFloat32, []int{0, 0}},
	} {
		var want [][]byte
		for i, stage := range c.stages {
			byNCCL := i == len(c.stages)-1
			collects = func(*backend.Device, int) bool { return byNCCL }
			options := Options{AdamW: optimizer.Default(), Objective: objective.Policy(objective.Default()), Seed: 9,
				Job: job}
			options.AdamW.LR, options.AdamW.State, options.AdamW.ZeROStage = 1e-2, c.state, stage
			got, err := updated(folder, d, c.held, options, job, dir)
			if err != nil {
				return fmt.Errorf("stage %d, NCCL %v: %w", stage, byNCCL, err)
			}
			if want == nil {
				want = got
			}
			for i := range want {
				if !bytes.Equal(want[i], got[i]) {
					return fmt.Errorf("%s, stage %d, NCCL %v: %d bytes, piece %d differs", c.held, stage, byNCCL,
						len(got[i]), i)
				}
			}
		}
	}
	return nil
}

// updated takes two updates, saves and restores the state, and takes a third; it returns the weights and, on process
// 0, the file.
func updated(folder *checkpoint.Folder, d *backend.Device, held dtypes.DType, options Options, job *cluster.Job,
	dir string) (pieces [][]byte, err error) {
	w := model.Open(folder, d, held)
	defer w.Close()
	l, err := New(w, options)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	random := rand.New(rand.NewPCG(uint64(job.Rank), 4))
	update := func() error {
		for i, spec := range l.specs {
			g := make([]float32, spec.Len())
			for k := range g {
				g[k] = float32(random.NormFloat64())
			}
			backend.Free(l.replicas[0].gradients[i])
			if l.replicas[0].gradients[i], err = backend.Upload(d, g, spec.Shape...); err != nil {
				return err
			}
		}
		_, err := l.Update(1e-2)
		return err
	}
	for range 2 {
		if err := update(); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(dir, "state.safetensors")
	if job.Rank == 0 || l.Divided() {
		if err := l.SaveState(path, nil); err != nil {
			return nil, err
		}
	}
	if err := job.Barrier(); err != nil {
		return nil, err
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := l.Restore(path, 2); err != nil {
		return nil, err
	}
	if err := update(); err != nil {
		return nil, err
	}
	pieces = append(pieces, file)
	for _, b := range l.replicas[0].trained(l) {
		data, err := backend.Bytes(b)
		if err != nil {
			return nil, err
		}
		pieces = append(pieces, data)
	}
	return pieces, job.Barrier()
}
