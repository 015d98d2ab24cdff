package cudacheck

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var update = flag.Bool("update", false, "note what programs take now as their bounds")

// Noted bounds are exceeded by more than these shares, and for launches or KiB by more than a few.
const (
	moreLaunches, fewLaunches = 0.02, 2
	moreTemporary, fewKiB     = 0.02, 64
)

// bounds are what a program may take, noted when it took so much.
type bounds struct {
	launches  int   // in all, as many times as loops take them
	outside   int   // of them outside of CUDA graphs
	temporary int64 // KiB beside inputs and outputs
	copied    int64 // KiB of the largest copy that is not of an input
}

// key tells the bounds of a program: GPU, model, program.
type key [3]string

// golden is a file of bounds, a line each.
type golden struct {
	path  string
	mu    sync.Mutex
	noted map[key]bounds
	// unknown counts the programs that have no bounds.
	unknown atomic.Int64
}

func readGolden(t *testing.T, name string) *golden {
	t.Helper()
	g := &golden{path: filepath.Join("testdata", name), noted: map[key]bounds{}}
	data, err := os.ReadFile(g.path)
	if err != nil && !(*update && os.IsNotExist(err)) {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(data), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "\t")
		if len(fields) != 7 {
			t.Fatalf("%s:%d: %d fields, expected 7", g.path, i+1, len(fields))
		}
		var numbers [4]int64
		for j := range numbers {
			if numbers[j], err = strconv.ParseInt(fields[3+j], 10, 64); err != nil {
				t.Fatalf("%s:%d: %v", g.path, i+1, err)
			}
		}
		g.noted[key(fields[:3])] = bounds{int(numbers[0]), int(numbers[1]), numbers[2], numbers[3]}
	}
	return g
}

// check compares what a program takes with what was noted, or notes it with -update.
func (g *golden) check(t *testing.T, k key, now bounds) {
	t.Helper()
	g.mu.Lock()
	noted, ok := g.noted[k]
	if *update && !t.Failed() {
		g.noted[k] = now
	}
	g.mu.Unlock()
	if *update {
		return
	}
	if !ok {
		t.Logf("NO BOUNDS: %s has none for %s; -update notes them", g.path, strings.Join(k[:], ", "))
		g.unknown.Add(1)
		return
	}
	exceeds := func(what string, now, noted int64, share float64, few int64) {
		if now > noted+max(few, int64(share*float64(noted))) {
			t.Errorf("%s: %d, %d was noted", what, now, noted)
		}
	}
	exceeds("launches", int64(now.launches), int64(noted.launches), moreLaunches, fewLaunches)
	exceeds("launches outside of CUDA graphs", int64(now.outside), int64(noted.outside), moreLaunches, fewLaunches)
	exceeds("KiB of temporaries", now.temporary, noted.temporary, moreTemporary, fewKiB)
	exceeds("KiB of a copy", now.copied, noted.copied, moreTemporary, fewKiB)
	if now != noted {
		t.Logf("takes %+v, noted are %+v", now, noted)
	}
}

// write keeps the bounds with -update. Those of GPUs and models that this run left out stay.
func (g *golden) write(t *testing.T) {
	t.Helper()
	if !*update {
		return
	}
	var b bytes.Buffer
	b.WriteString("# What programs take: GPU, model, program, launches, those outside of CUDA graphs, KiB of\n" +
		"# temporaries and of the largest copy that is not of an input. make cuda-check FLAGS=-update notes it anew.\n")
	var keys []key
	for k := range g.noted {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int { return slices.Compare(a[:], b[:]) })
	for _, k := range keys {
		n := g.noted[k]
		name := strings.Join(k[:], "\t")
		fmt.Fprintf(&b, "%s\t%d\t%d\t%d\t%d\n", name, n.launches, n.outside, n.temporary, n.copied)
	}
	if err := os.MkdirAll("testdata", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(g.path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
}
