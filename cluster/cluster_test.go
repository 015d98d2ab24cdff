package cluster

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stele-lm/stele/cluster/clustertest"
)

// noFolder is the variable that has a folder in place of the one of shared memory.
const noFolder = "STELE_CLUSTER_FOLDER"

// role is the variable that makes the test's program one process of a job, and says which part it has.
const role = "STELE_CLUSTER_ROLE"

var roles = map[string]func(j *Job) error{"calls": calls, "next": next, "fault": faulty, "hang": hanging,
	"kill": killed, "many": many, "leave": leaving, "all": allFaulty}

func TestMain(m *testing.M) {
	part := roles[os.Getenv(role)]
	if part == nil {
		os.Exit(m.Run())
	}
	staging, piece, sharedArea = 100<<10, 50<<10, 90<<10 // so that little data are many pieces
	sharedFolder = cmp.Or(os.Getenv(noFolder), sharedFolder)
	j, err := Join()
	if err == nil {
		err = part(j)
	}
	if err == nil {
		err = j.Leave()
	}
	if err != nil {
		if !Quiet(err) {
			fmt.Fprintln(os.Stderr, "stele:", err)
		}
		os.Exit(1)
	}
	os.Exit(0)
}

// start runs a role in n processes and returns what they print.
func start(t *testing.T, l clustertest.Launcher, n int, part string, environment ...string) (out string, err error) {
	t.Helper()
	c := l.Command(n, append(environment, role+"="+part), os.Args[0])
	var b bytes.Buffer
	c.Stdout, c.Stderr = &b, &b
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(time.Minute, func() { _ = c.Process.Kill() })
	defer timer.Stop()
	err = c.Wait()
	return b.String(), err
}

// data are bytes that a rank and a number make, of a length that they make.
func data(rank, number, most int) []byte {
	r := rand.New(rand.NewPCG(uint64(rank), uint64(number)))
	b := make([]byte, r.IntN(most))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func numbers(rank, n int) []float32 {
	r := rand.New(rand.NewPCG(uint64(rank), 7))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64() * math.Exp(5*r.NormFloat64()))
	}
	return x
}

// calls makes every call and compares what comes with what others must have given.
func calls(j *Job) error {
	if left := segments(); len(left) > 0 {
		return fmt.Errorf("who is killed leaves %v", left)
	}
	if len(j.Hosts) != j.Size || j.LocalSize != j.Size || j.Local != j.Rank {
		return fmt.Errorf("%+v: on one machine", j)
	}
	for k, most := range []int{1, 2, 100, 300_000} {
		got, err := j.Broadcast(data(j.Rank, k, most))
		if err != nil {
			return err
		}
		if want := data(0, k, most); !bytes.Equal(got, want) {
			return fmt.Errorf("broadcast %d: %d bytes, expected other %d", k, len(got), len(want))
		}
		all, err := j.AllGather(data(j.Rank, k, most))
		if err != nil {
			return err
		}
		gathered, err := j.Gather(data(j.Rank, k, most))
		if err != nil || (j.Rank == 0) != (len(gathered) == j.Size) {
			return fmt.Errorf("gathered %d at rank %d: %v", len(gathered), j.Rank, err)
		}
		for rank, got := range gathered {
			if !bytes.Equal(got, all[rank]) {
				return fmt.Errorf("gathered %d: what is of rank %d differs", k, rank)
			}
		}
		for rank, got := range all {
			if want := data(rank, k, most); !bytes.Equal(got, want) {
				return fmt.Errorf("gathering %d: %d bytes of rank %d, expected other %d", k, len(got), rank, len(want))
			}
		}
	}
	for _, n := range []int{0, 1, 5, 1000, 90_001} {
		want := numbers(0, n)
		for rank := 1; rank < j.Size; rank++ {
			for i, v := range numbers(rank, n) {
				want[i] += v
			}
		}
		got := numbers(j.Rank, n)
		if err := j.AllReduce(got[:n/3], nil, got[n/3:n/2], got[n/2:]); err != nil {
			return err
		}
		for i := range want {
			if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
				return fmt.Errorf("sum %d of %d is %g, expected %g", i, n, got[i], want[i])
			}
		}
	}
	// Parts that differ in length, one of them empty.
	bounds := make([]int, j.Size+1)
	for rank := range j.Size {
		bounds[rank+1] = bounds[rank] + rank*3
	}
	x := numbers(j.Rank, bounds[j.Size])
	if err := j.ReduceScatter(x, bounds); err != nil {
		return err
	}
	parts := make([][][]byte, j.Size)
	for rank := range parts { // from the end, each in two pieces
		own := bytesOf(x[bounds[rank]:bounds[rank+1]])
		parts[rank] = [][]byte{own[len(own)/2:], nil, own[:len(own)/2]}
	}
	if err := j.AllGatherParts(parts); err != nil {
		return err
	}
	y := numbers(j.Rank, bounds[j.Size])
	if err := j.AllReduce(y); err != nil {
		return err
	}
	for i := range x {
		if x[i] != y[i] {
			return fmt.Errorf("number %d by parts is %g, at once %g", i, x[i], y[i])
		}
	}
	first, end := bounds[j.Rank], bounds[j.Rank+1]
	sum, given := slices.Repeat([]float32{0.5}, end-first), numbers(j.Rank, bounds[j.Size])
	add := func(at int, sums []float32) {
		for i, v := range sums {
			sum[at+i] += v
		}
	}
	if err := j.Scatter(given, bounds, add); err != nil {
		return err
	}
	if j.Rank == 0 {
		given = nil
	}
	if err := j.Scatter(given, bounds, add); err != nil {
		return err
	}
	for i := range sum {
		others := float32(0)
		for rank := 1; rank < j.Size; rank++ {
			others += numbers(rank, bounds[j.Size])[first+i]
		}
		want := 0.5 + y[first+i]
		if want += others; sum[i] != want {
			return fmt.Errorf("number %d of a part is %g after two sums, expected %g", i, sum[i], want)
		}
	}
	if err := j.ReduceScatter(x, []int{0}); err == nil {
		return fmt.Errorf("bounds that divide nothing are not refused")
	}
	var own error
	if j.Rank == j.Size-1 {
		own = fmt.Errorf("no such file")
	}
	if err := j.Agree(own); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("rank %d on ", j.Size-1)) {
		return fmt.Errorf("agreed on %v", err)
	}
	if err := j.Agree(context.Canceled); !errors.Is(err, context.Canceled) || !IsAgreed(err) {
		return fmt.Errorf("agreed on %v", err)
	}
	if err := j.Agree(nil); err != nil {
		return err
	}
	if j.Rank == 1 {
		j.Stop()
	}
	<-j.Stopped()
	// Letters, to everybody.
	for to := range j.Size {
		for k := range 3 {
			if err := j.Send(to, append(data(j.Rank, k, 1000), byte(k))); err != nil {
				return err
			}
		}
	}
	seen := make([]int, j.Size)
	for range 3 * j.Size {
		m := <-j.Messages()
		if want := append(data(m.From, seen[m.From], 1000), byte(seen[m.From])); !bytes.Equal(m.Data, want) {
			return fmt.Errorf("message %d of rank %d is not what was sent", seen[m.From], m.From)
		}
		seen[m.From]++
	}
	held := int64(len(j.staging[0]) + len(j.staging[1]))
	if s, ok := j.crosses.(*shared); ok {
		held = int64(len(s.all))
	}
	if told := j.ExchangeBytes(); told != held {
		return fmt.Errorf("sums pass through %d bytes, ExchangeBytes is %d", held, told)
	}
	if j.Rank == 0 {
		fmt.Printf("good: %T %s %s\n", j.crosses, j.Launcher, j.Library)
	}
	return nil
}

// next takes numbers of two counters while rank 0 computes and takes none for a while.
func next(j *Job) error {
	const many = 500
	var taken []byte
	counter := func(which uint64, n int) error {
		for {
			k, err := j.Next(which)
			if err != nil || k >= n {
				return err
			}
			taken = binary.LittleEndian.AppendUint64(taken, which<<32|uint64(k))
		}
	}
	if j.Rank == 0 {
		x := 1.0
		for began := time.Now(); time.Since(began) < 300*time.Millisecond; {
			x = math.Sqrt(x + 1)
		}
		if x == 0 {
			return fmt.Errorf("computed nothing")
		}
	}
	if err := counter(3, many); err != nil {
		return err
	}
	if err := counter(1<<40, 10); err != nil {
		return err
	}
	all, err := j.AllGather(taken)
	if err != nil {
		return err
	}
	seen := map[uint64]bool{}
	others := 0
	for rank, b := range all {
		for ; len(b) > 0; b = b[8:] {
			seen[binary.LittleEndian.Uint64(b)] = true
			if rank > 0 {
				others++
			}
		}
	}
	if len(seen) != many+10 {
		return fmt.Errorf("%d numbers were handed out, expected %d", len(seen), many+10)
	}
	if j.Rank == 0 {
		fmt.Println("others took", others)
	}
	return nil
}

// faulty has the last rank fail while the others wait.
func faulty(j *Job) error {
	if j.Rank == j.Size-1 {
		j.Abort(fmt.Errorf("no space left on device"))
	}
	return j.Barrier()
}

// allFaulty has all ranks fail at a time.
func allFaulty(j *Job) error {
	if err := j.Barrier(); err != nil {
		return err
	}
	j.Abort(fmt.Errorf("no space left on device"))
	return nil
}

// hanging has the last rank hang in work that is watched over.
func hanging(j *Job) error {
	if j.Rank == j.Size-1 {
		defer j.Guard("writing a file", 0)()
		time.Sleep(time.Hour)
	}
	return j.Barrier()
}

// killed has one process kill itself, or stop, while the others wait for it: for the killed one in a sum that it has
// begun.
func killed(j *Job) error {
	x := []float32{1}
	if err := j.AllReduce(x); err != nil {
		return err
	}
	if os.Getenv("STELE_CLUSTER_VICTIM") == strconv.Itoa(j.Rank) {
		if err := j.Barrier(); err != nil { // as a sum does
			return err
		}
		if fd, err := strconv.Atoi(os.Getenv("PMI_FD")); err == nil {
			// What a process has open is closed one by one when it is killed, this among the first: on a busy
			// machine the launcher may run before the rest is.
			_ = syscall.Close(fd)
			time.Sleep(200 * time.Millisecond)
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	if os.Getenv("STELE_CLUSTER_STOPPED") == strconv.Itoa(j.Rank) {
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	}
	return j.AllReduce(x)
}

// many has rank 1 send more messages than anybody reads for a while.
func many(j *Job) error {
	const n = 70_000
	if j.Rank == 1 {
		for i := range n {
			if err := j.Send(0, binary.LittleEndian.AppendUint32(nil, uint32(i))); err != nil {
				return err
			}
		}
	}
	if err := j.Barrier(); err != nil || j.Rank != 0 {
		return err
	}
	for i := range n {
		if m := <-j.Messages(); binary.LittleEndian.Uint32(m.Data) != uint32(i) {
			return fmt.Errorf("message %d is number %d", i, binary.LittleEndian.Uint32(m.Data))
		}
	}
	fmt.Println("all read")
	return nil
}

// leaving has the last rank give up while it leaves, which rank 0 does not.
func leaving(j *Job) error {
	if j.Rank == 0 {
		if err := j.Barrier(); err != nil { // that of the other's leave
			return err
		}
		time.Sleep(time.Hour)
	}
	go func() { _ = j.Leave() }()
	if j.Rank != j.Size-1 {
		time.Sleep(time.Hour)
	}
	for !j.thread.finishing.Load() {
		time.Sleep(time.Millisecond)
	}
	j.Stop() // which has nobody to tell
	j.Abort(fmt.Errorf("others do not end"))
	return nil
}

// TestMany: messages that nobody reads hold up nothing.
func TestMany(t *testing.T) {
	each(t, func(t *testing.T, l clustertest.Launcher) {
		out, err := start(t, l, 2, "many", DeadlineVariable+"=2s")
		if err != nil || !strings.Contains(out, "all read") {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// TestDeadline: a deadline that says no time is refused before a library is looked for. (Hydra may die of processes
// that end at once, and lose what they said: no launcher is asked.)
func TestDeadline(t *testing.T) {
	for _, text := range []string{"5", "soon", "-3s", "0", "10ms"} {
		t.Setenv(DeadlineVariable, text)
		want := DeadlineVariable + "=" + text + ": expected a time of at least 1s, with its unit"
		if err := Alone().join(&launcher{size: 2}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, expected %s", err, want)
		}
	}
	for text, want := range map[string]time.Duration{"": defaultDeadline, "2m": 2 * time.Minute, "1s": time.Second} {
		t.Setenv(DeadlineVariable, text)
		if err := checkDeadline(); err != nil || Deadline() != want {
			t.Errorf("%q is %v: %v", text, Deadline(), err)
		}
	}
}

func each(t *testing.T, test func(t *testing.T, l clustertest.Launcher)) {
	for _, l := range clustertest.Launchers(t) {
		t.Run(l.Name, func(t *testing.T) { test(t, l) })
	}
}

// TestCalls: sums cross by memory that processes share, of which no file is left, or by the library if there is none.
func TestCalls(t *testing.T) {
	each(t, func(t *testing.T, l clustertest.Launcher) {
		folder := t.TempDir()
		for _, c := range []struct {
			n       int
			folder  string
			crosses crossing
		}{{2, folder, (*shared)(nil)}, {3, folder, (*shared)(nil)}, {3, "/no/such/folder", byLibrary{}},
			{4, folder, (*shared)(nil)}} {
			out, err := start(t, l, c.n, "calls", noFolder+"="+c.folder)
			if want := fmt.Sprintf("good: %T", c.crosses); err != nil || strings.Count(out, want) != 1 {
				t.Errorf("%d processes: %v, expected %q\n%s", c.n, err, want, out)
			} else if c.n == 2 {
				t.Log(out)
			}
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Errorf("left are %v, %v", left, err)
		}
	})
}

func TestNext(t *testing.T) {
	each(t, func(t *testing.T, l clustertest.Launcher) {
		out, err := start(t, l, 3, "next")
		if n := 0; err != nil || func() int { _, _ = fmt.Sscanf(out, "others took %d", &n); return n }() == 0 {
			t.Errorf("%v\n%s: the others take work while rank 0 computes", err, out)
		}
	})
}

// TestKilled: where one process is killed all end, and one line says which, and where, whatever the launcher does.
func TestKilled(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	each(t, func(t *testing.T, l clustertest.Launcher) {
		for victim := range 3 {
			want := fmt.Sprintf("stele: rank %d on %s: the process was killed (signal 9), or crashed; the others end",
				victim, host)
			began := time.Now()
			out, err := start(t, l, 3, "kill", "STELE_CLUSTER_VICTIM="+strconv.Itoa(victim))
			if took := time.Since(began); err == nil || strings.Count(out, "stele:") != 1 ||
				!strings.Contains(out, want) || took > 15*time.Second {
				t.Errorf("after %v: %v\n%s\nexpected %s", took, err, out, want)
			}
		}
	})
}

// TestMismatch: a library that is another launcher's, or is not there, is refused in one line; that of MPI 5's ABI will
// do.
func TestMismatch(t *testing.T) {
	all := clustertest.Launchers(t)
	for i, l := range all[:min(2, len(all))] {
		if other := all[(i+1)%2]; len(all) > 1 {
			out, err := start(t, l, 3, "calls", Variable+"="+other.Dir)
			if err == nil || strings.Count(out, "stele:") != 1 ||
				!strings.Contains(out, "it belongs to another launcher") {
				t.Errorf("%s with %s's library: %v\n%s", l.Name, other.Name, err, out)
			}
		}
		out, err := start(t, l, 3, "calls", Variable+"=/no/such/library")
		if err == nil || strings.Count(out, "stele:") != 1 ||
			!strings.Contains(out, Variable+": stat /no/such/library") {
			t.Errorf("%s without a library: %v\n%s", l.Name, err, out)
		}
		standard := filepath.Join(l.Dir, "lib", "libmpi_abi.so.1")
		if _, err := os.Stat(standard); err != nil {
			continue
		}
		if out, err := start(t, l, 2, "calls", Variable+"="+standard); err != nil || !strings.Contains(out, standard) {
			t.Errorf("%s: %v\n%s", standard, err, out)
		}
	}
}

// TestStarted: what a launcher says in the environment, and what is none of it.
func TestStarted(t *testing.T) {
	for _, c := range []struct {
		environment string
		want        launcher
	}{
		{"", launcher{}},
		{"SLURM_PROCID=0 SLURM_NTASKS=8 SLURM_JOB_ID=3", launcher{}}, // a batch script
		{"PMI_RANK=3 PMI_SIZE=4 MPI_LOCALRANKID=1 MPI_LOCALNRANKS=2",
			launcher{name: "mpiexec (Hydra)", rank: 3, size: 4, local: 1, locals: 2, family: hydra}},
		{"OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2 PMIX_RANK=1 PMIX_NAMESPACE=a",
			launcher{name: "Open MPI's mpirun", rank: 1, size: 2, family: openMPI}},
		{"SLURM_STEP_ID=0 PMI_RANK=2 PMI_SIZE=6 SLURM_LOCALID=0 SLURM_STEP_TASKS_PER_NODE=2(x3)",
			launcher{name: "srun", rank: 2, size: 6, locals: 2, family: otherPMI}},
		{"SLURM_STEP_ID=0 PMIX_RANK=2 PMIX_NAMESPACE=a SLURM_STEP_NUM_TASKS=6",
			launcher{name: "srun", rank: 2, size: 6, family: anyMPI}},
		{"PALS_RANKID=1 PALS_SIZE=4 PALS_LOCAL_RANKID=1 PALS_LOCAL_SIZE=2", // without PMIx
			launcher{name: "mpiexec (PALS)", rank: 1, size: 4, local: 1, locals: 2, family: otherPMI}},
		{"PMIX_RANK=1 PALS_RANKID=1 PALS_SIZE=4 PALS_LOCAL_RANKID=1 PALS_LOCAL_SIZE=2",
			launcher{name: "a PMIx launcher", rank: 1, size: 4, local: 1, locals: 2, family: anyMPI}},
	} {
		values := map[string]string{}
		for _, entry := range strings.Fields(c.environment) {
			name, value, _ := strings.Cut(entry, "=")
			values[name] = value
		}
		got, err := started(func(name string) string { return values[name] })
		if got == nil {
			got = &launcher{}
		}
		if err != nil || *got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", c.environment, *got, err, c.want)
		}
	}
	for rank := range 2 { // srun --mpi=none: the first task of a machine says it
		values := map[string]string{"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "2",
			"SLURM_PROCID": strconv.Itoa(rank), "SLURM_LOCALID": strconv.Itoa(rank)}
		err := unconnected(func(name string) string { return values[name] }, "node7")
		want := fmt.Sprintf("rank %d on node7: srun started 2 tasks without MPI: ", rank)
		if err == nil || !strings.HasPrefix(err.Error(), want) || Quiet(err) != (rank > 0) {
			t.Errorf("%v, quiet %v; want %s", err, Quiet(err), want)
		}
	}
	broken := map[string]string{"PMI_RANK": "4", "PMI_SIZE": "4"}
	if _, err := started(func(name string) string { return broken[name] }); err == nil {
		t.Error("rank 4 of 4 is not refused")
	}
}

// TestFaults: where one fails, hangs, stops or is killed all end, and one line says which, where and why.
func TestFaults(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	each(t, func(t *testing.T, l clustertest.Launcher) {
		for stopped := range 2 {
			began := time.Now()
			out, err := start(t, l, 3, "kill", "STELE_CLUSTER_STOPPED="+strconv.Itoa(stopped), DeadlineVariable+"=1s")
			want := fmt.Sprintf("stele: rank %d on %s has not been heard of for ", stopped, host)
			if took := time.Since(began); err == nil || strings.Count(out, "stele:") != 1 ||
				!strings.Contains(out, want) || took > 20*time.Second {
				t.Errorf("rank %d stopped: after %v: %v\n%s\nexpected %s", stopped, took, err, out, want)
			}
		}
		for part, want := range map[string]string{
			"fault": "stele: rank 2 on " + host + ": no space left on device",
			"all":   " on " + host + ": no space left on device",
			"leave": "stele: rank 2 on " + host + ": others do not end",
			"hang":  "stele: rank 2 on " + host + ": writing a file has not ended for 1s: does its file system hang?",
		} {
			began := time.Now()
			out, err := start(t, l, 3, part, DeadlineVariable+"=1s")
			took := time.Since(began)
			if err == nil || strings.Count(out, "stele:") != 1 || !strings.Contains(out, want) ||
				took > 20*time.Second {
				t.Errorf("%s: after %v: %v\n%s\nexpected %s", part, took, err, out, want)
			}
		}
	})
}
