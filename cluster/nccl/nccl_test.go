package nccl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"
)

// stub builds the library of testdata and has it loaded as NCCL and as CUDA's driver. record has its calls.
func stub(t *testing.T) (l *Library, record func() []string) {
	t.Helper()
	dir := t.TempDir()
	path, calls := filepath.Join(dir, "libstub.so"), filepath.Join(dir, "calls")
	if out, err := exec.Command("cc", "-O1", "-shared", "-fPIC", "-pthread", "-o", path, "testdata/stub.c", "-lrt").
		CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Setenv(PathVariable, path)
	t.Setenv(DriverVariable, path)
	t.Setenv("NCCL_STUB_RECORD", calls)
	t.Setenv("NCCL_ALGO", "Ring")
	l, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	return l, func() []string {
		text, err := os.ReadFile(calls)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
}

// join makes communicators of ranks that are threads here.
func join(t *testing.T, l *Library, size int) []*Communicator {
	t.Helper()
	id, err := l.NewID()
	if err != nil {
		t.Fatal(err)
	}
	if id, err = IDOf(id.Bytes()); err != nil { // as it travels
		t.Fatal(err)
	}
	if l.cuda, err = openDriver(); err != nil {
		t.Fatal(err)
	}
	all := make([]*Communicator, size)
	each(t, size, func(rank int) (err error) {
		if all[rank], err = l.Prepare(rank); err == nil {
			err = all[rank].Join(id, rank, size)
		}
		return err
	})
	return all
}

func each(t *testing.T, size int, work func(rank int) error) {
	t.Helper()
	var wait sync.WaitGroup
	errs := make([]error, size)
	for rank := range size {
		wait.Go(func() { errs[rank] = work(rank) })
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func rangeOf(numbers []float32) Range {
	return Range{uintptr(unsafe.Pointer(unsafe.SliceData(numbers))), len(numbers)}
}

// TestCollectives: sums, parts of sums, gathered parts, sums at an owner and what an owner has, of 1, 2, 3 and 4
// processes, and the calls that this takes, with their arguments.
func TestCollectives(t *testing.T) {
	for _, size := range []int{1, 2, 3, 4} {
		l, record := stub(t)
		all := join(t, l, size)
		n := 12 * 7001 // more than the stub takes at a time
		value := func(rank, i int) float32 { return float32(i%1000) + float32(rank)/4 }
		numbers := make([][][]float32, size)
		for rank := range numbers {
			for range 5 {
				x := make([]float32, n)
				for i := range x {
					x[i] = value(rank, i)
				}
				numbers[rank] = append(numbers[rank], x)
			}
		}
		ctx := context.Background()
		each(t, size, func(rank int) error {
			c, x := all[rank], numbers[rank]
			small := Range{rangeOf(x[0]).Address, 5}
			return errors.Join(
				c.AllReduce(ctx, small, Range{small.Address + 20, n - 5}),
				c.ReduceScatter(ctx, rangeOf(x[1])),
				c.AllGather(ctx, rangeOf(x[2])),
				c.ReduceTo(ctx, Rooted{rangeOf(x[3][:n-3]), size - 1}),
				c.Broadcast(ctx, Rooted{Range{rangeOf(x[4]).Address, 4*n - 6}, size - 1}),
			)
		})
		last := size - 1
		for rank, x := range numbers {
			sum, part := func(i int) (s float32) {
				for r := range size {
					s += value(r, i)
				}
				return s
			}, n/size
			for i := range n {
				want := [5]float32{sum(i), value(rank, i), value(i/part, i), value(rank, i), value(last, i)}
				if i/part == rank {
					want[1] = sum(i)
				}
				if rank == last && i < n-3 {
					want[3] = sum(i)
				}
				if i >= n-2 {
					want[4] = x[4][i] // half of one number was sent
				}
				for k, w := range want {
					if k == 1 && i/part != rank {
						continue // undefined
					}
					if x[k][i] != w {
						t.Fatalf("%d processes, rank %d, collective %d, number %d: %v, want %v", size, rank, k, i,
							x[k][i], w)
					}
				}
			}
		}
		for _, c := range all {
			c.Close()
			c.Close() // once is enough, twice is no harm
			if err := c.AllReduce(ctx); err == nil {
				t.Error("a closed communicator works")
			}
		}
		calls := record()
		for rank := range size {
			for _, want := range []string{
				fmt.Sprintf("cuDeviceGet %d", rank),
				fmt.Sprintf("cuDevicePrimaryCtxRetain %d", 100+rank),
				fmt.Sprintf("ncclCommInitRank ranks %d rank %d last byte 42 context %d", size, rank, 1100+rank),
				fmt.Sprintf("cuDevicePrimaryCtxRelease %d", 100+rank),
			} {
				if count(calls, want) != 1 {
					t.Errorf("%d processes: %q was called %d times", size, want, count(calls, want))
				}
			}
		}
		for _, want := range []string{
			"cuStreamCreate flags 1", "ncclAllReduce count 5 type 7 op 0 in place 1",
			fmt.Sprintf("ncclAllReduce count %d type 7 op 0 in place 1", n-5),
			fmt.Sprintf("ncclReduceScatter count %d type 7 op 0 in place 1", n/size),
			fmt.Sprintf("ncclAllGather count %d type 7 in place 1", n/size),
			fmt.Sprintf("ncclReduce count %d type 7 op 0 root %d in place 1", n-3, last),
			fmt.Sprintf("ncclBroadcast count %d type 1 root %d in place 1", 4*n-6, last),
			"ncclCommDestroy", "cuStreamDestroy",
		} {
			if count(calls, want) != size {
				t.Errorf("%d processes: %q was called %d times", size, want, count(calls, want))
			}
		}
		if groups := count(calls, "ncclGroupStart"); groups != 5*size || groups != count(calls, "ncclGroupEnd") {
			t.Errorf("%d processes: %d groups, want %d", size, groups, 5*size)
		}
	}
}

func count(calls []string, want string) (n int) {
	for _, c := range calls {
		if c == want {
			n++
		}
	}
	return n
}

// TestFails: every call that fails is an error that names it, the process and what NCCL says, closes the communicator
// and aborts what the others wait for.
func TestFails(t *testing.T) {
	l, record := stub(t)
	numbers := rangeOf(make([]float32, 8))
	for _, call := range []string{
		"ncclGetUniqueId", "cuInit", "cuDeviceGet", "cuDevicePrimaryCtxRetain", "cuStreamCreate", "ncclCommInitRank",
		"ncclGroupStart", "ncclGroupEnd", "ncclAllReduce", "ncclReduceScatter", "ncclAllGather", "ncclReduce",
		"ncclBroadcast", "asynchronous",
	} {
		t.Setenv("NCCL_STUB_FAIL", call)
		l.cuda = nil
		id, err := l.NewID()
		joined := false
		if err == nil {
			var c *Communicator
			if c, err = l.Prepare(0); err == nil {
				err = c.Join(id, 0, 1)
			}
			if err == nil {
				joined = true
				ctx := context.Background()
				err = c.AllReduce(ctx, numbers)
				for _, next := range []func() error{
					func() error { return c.ReduceScatter(ctx, numbers) },
					func() error { return c.AllGather(ctx, numbers) },
					func() error { return c.ReduceTo(ctx, Rooted{numbers, 0}) },
					func() error { return c.Broadcast(ctx, Rooted{numbers, 0}) },
				} {
					if err == nil {
						err = next()
					}
				}
				if c.comm != 0 {
					t.Errorf("%s failed and the communicator is open", call)
				}
			}
		}
		want := call
		if call == "asynchronous" {
			want = "remote process exited (6): what the stub says last"
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", call, err)
		}
		if joined && !strings.Contains(err.Error(), "rank 0 of 1") {
			t.Errorf("%s: %v names no rank", call, err)
		}
	}
	if !slices.Contains(record(), "ncclCommAbort") {
		t.Error("nothing was aborted")
	}
}

// TestGivenUp: a collective that does not end is given up with its context.
func TestGivenUp(t *testing.T) {
	l, record := stub(t)
	c := join(t, l, 1)[0]
	t.Setenv("NCCL_STUB_HANG", "1")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	err := c.AllReduce(ctx, rangeOf(make([]float32, 3)))
	if err == nil || !strings.Contains(err.Error(), "ncclAllReduce was given up") {
		t.Error(err)
	}
	if !slices.Contains(record(), "ncclCommAbort") {
		t.Error("nothing was aborted")
	}
}

// TestRefused: what is wrong with a library or a call is said before it is made.
func TestRefused(t *testing.T) {
	l, _ := stub(t)
	c := join(t, l, 2)[1]
	odd := rangeOf(make([]float32, 7))
	for name, err := range map[string]error{
		"7 numbers have no 2 equal parts": errors.Join(c.ReduceScatter(context.Background(), odd)),
		"rank 2 of 2":                     c.Join(ID{}, 2, 2),
		"device -1":                       second(l.Prepare(-1)),
		"127 bytes":                       second(IDOf(make([]byte, 127))),
	} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Setenv("NCCL_STUB_VERSION", "21103")
	if _, err := Open(); err == nil || !strings.Contains(err.Error(), "NCCL 2.11.3, expected 2.12.0 or newer") {
		t.Error(err)
	}
	t.Setenv(PathVariable, "/no/such/"+File)
	if _, err := Open(); err == nil || !strings.Contains(err.Error(), PathVariable) {
		t.Error(err)
	}
	t.Setenv(PathVariable, "libm.so.6")
	if _, err := Open(); err == nil || !strings.Contains(err.Error(), "has no ncclGetVersion") {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestReal: NVIDIA's library, where STELE_NCCL_REAL names it, gives its version, an id and errors without a GPU.
func TestReal(t *testing.T) {
	path := os.Getenv("STELE_NCCL_REAL")
	if path == "" {
		t.Skip("STELE_NCCL_REAL names no library of NVIDIA's")
	}
	t.Setenv(PathVariable, path)
	l, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s is NCCL %s", path, VersionString(l.Version))
	if err := l.check("call", 4, 0); !strings.HasPrefix(err.Error(), "call: invalid argument") {
		t.Error(err)
	}
	if err := l.check("call", 6, 0); !strings.HasPrefix(err.Error(), "call: remote process exited") {
		t.Error(err)
	}
	id, err := l.NewID()
	if err != nil {
		t.Fatal(err)
	}
	if other, err := l.NewID(); err != nil || other == id || id == (ID{}) {
		t.Errorf("two ids: %v, %v, %v", id, other, err)
	}
	// Without a driver a communicator is refused by the library itself, with all arguments where it looks for them:
	// a rank that is wrong is told before CUDA is asked.
	var comm uintptr
	err = l.check("ncclCommInitRank", l.initRank(&comm, 2, id, 0), 0)
	t.Log(err)
	if err == nil || comm != 0 {
		t.Errorf("joined without a GPU: %v", err)
	}
}
