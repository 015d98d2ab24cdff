package study

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestPool: every job is done once, after those that it needs, at most as many beside each
// other as there are workers; the report is last; a context that ends leaves the rest.
func TestPool(t *testing.T) {
	var jobs []*Job
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 40 {
		j := &Job{Name: fmt.Sprint(i), Kind: Train}
		for k := range i {
			if random.IntN(12) == 0 {
				j.Needs = append(j.Needs, fmt.Sprint(k))
			}
		}
		jobs = append(jobs, j)
	}
	report := &Job{Name: "report", Kind: Reports}
	jobs = append(jobs[:20:20], append([]*Job{report}, jobs[20:]...)...)
	for _, workers := range []int{1, 3, 50} {
		var mu sync.Mutex
		var order []string
		done, running := map[string]bool{}, 0
		newPool(jobs, workers).run(t.Context(), func(j *Job, others int) {
			mu.Lock()
			running++
			if running > workers || others < 0 || others >= workers {
				t.Errorf("%d workers: %d run, others %d", workers, running, others)
			}
			for _, need := range j.Needs {
				if !done[need] {
					t.Errorf("%s before %s", j.Name, need)
				}
			}
			if j == report && len(done) != len(jobs)-1 {
				t.Errorf("the report after %d jobs", len(done))
			}
			pause := time.Duration(random.IntN(500)) * time.Microsecond
			order = append(order, j.Name)
			mu.Unlock()
			time.Sleep(pause)
			mu.Lock()
			if done[j.Name] {
				t.Errorf("%s twice", j.Name)
			}
			done[j.Name], running = true, running-1
			mu.Unlock()
		})
		if len(done) != len(jobs) {
			t.Errorf("%d workers: %d jobs done", workers, len(done))
		}
		if workers == 1 && strings.Join(order[:20], " ") != "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19" {
			t.Errorf("not in the file's order: %v", order)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	newPool(jobs, 1).run(ctx, func(*Job, int) {
		if n++; n == 3 {
			cancel()
		}
	})
	if n != 3 {
		t.Errorf("%d jobs of a context that ended in the third", n)
	}
}

// TestVoice: lines of several jobs do not mix, whatever the pieces they are written in.
func TestVoice(t *testing.T) {
	var out bytes.Buffer
	v := voice{w: &out}
	a, b := v.of("a"), v.of("b")
	for _, s := range []string{"one ", "line\nand ", "another\nrest"} {
		fmt.Fprint(a, s)
		fmt.Fprint(b, strings.ToUpper(s))
	}
	v.say("[%d]", 1)
	want := "a: one line\nb: ONE LINE\na: and another\nb: AND ANOTHER\n[1]\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// TestCores: of a stretch that part counts in which all cores must have worked at once.
func TestCores(t *testing.T) {
	c := cores{count: 2}
	c.add(time.Second, 2*time.Second)
	c.add(time.Second, 1800*time.Millisecond)
	c.add(2*time.Second, 3*time.Second)
	c.others = 400 * time.Millisecond
	want := "4s on 2 cores: CPU time is 85 % of cores × wall time, so that all cores worked at once in at least " +
		"70 % of it (other programs took 5 %)"
	if c.String() != want {
		t.Errorf("%q, want %q", c, want)
	}
	stop := watchCores()
	for began := cpuTime(); cpuTime()-began < 50*time.Millisecond; { // work
	}
	if got := stop(); got.cpu < 50*time.Millisecond || got.wall < got.cpu/time.Duration(2*got.count) {
		t.Errorf("%+v", got)
	}
}

// TestBeside: jobs at the same time need the memory of those that need most.
func TestBeside(t *testing.T) {
	p := Plan{MemoryFree: 10 << 30}
	for _, gib := range []int64{1, 7, 2, 4} {
		p.Jobs = append(p.Jobs, PlannedJob{Estimate: Estimate{Memory: gib << 30}})
	}
	for _, test := range []struct {
		workers int
		gib     int64
		refused bool
	}{{1, 7, false}, {2, 11, true}, {9, 14, true}} {
		if err := p.Beside(test.workers); p.Together != test.gib<<30 || err != nil != test.refused {
			t.Errorf("%d workers: %d bytes, %v", test.workers, p.Together, err)
		}
	}
}
