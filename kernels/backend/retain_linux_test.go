package backend

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"golang.org/x/sys/unix"
)

// TestRetainMemory: with RetainMemory the temporaries of a program that runs again and again are not
// asked of the system each time. In a process of its own, as a C library's settings are the process's.
func TestRetainMemory(t *testing.T) {
	const child = "STELE_TEST_RETAIN"
	if os.Getenv(child) == "" {
		c := exec.Command(os.Args[0], "-test.run=^TestRetainMemory$", "-test.v")
		c.Env = append(os.Environ(), child+"=1", "GLIBC_TUNABLES=glibc.malloc.arena_max=1")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if strings.Contains(string(out), "--- SKIP") {
			t.Skip(string(out))
		}
		t.Logf("%s", out)
		return
	}
	d, err := Open("xla:cpu")
	if err != nil {
		t.Skip(err)
	}
	const side, inner, passes = 4096, 8, 20 // 64 MiB
	x := shapes.Make(dtypes.Float32, side, inner)
	p, err := Compile(d, "large", []Input{{Name: "x", Shape: x}}, func(in []*graph.Node) []*graph.Node {
		a := graph.OptimizationBarriers(graph.Dot(in[0], in[0]).General([]int{1}, nil, []int{1}, nil), in[0])[0]
		return []*graph.Node{graph.ReduceAllSum(graph.Mul(a, a))}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	zeros, err := d.Zeros(dtypes.Float32, side, inner)
	if err != nil {
		t.Fatal(err)
	}
	defer Free(zeros)
	faults := func() int64 {
		var before, after unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &before); err != nil {
			t.Fatal(err)
		}
		for range passes {
			out, err := p.Run([]Buffer{zeros})
			if err != nil {
				t.Fatal(err)
			}
			Free(out...)
		}
		if err := unix.Getrusage(unix.RUSAGE_SELF, &after); err != nil {
			t.Fatal(err)
		}
		return after.Minflt - before.Minflt
	}
	faults()
	asked := faults()
	RetainMemory()
	faults()
	kept := faults()
	t.Logf("%d page faults in %d passes, %d where memory is kept", asked, passes, kept)
	if asked < passes*16 { // 64 MiB in pages of 4 MiB at most
		t.Skip("the system has given memory without faults")
	}
	if kept > asked/4 {
		t.Errorf("%d page faults in %d passes, %d where memory is kept", asked, passes, kept)
	}
}
