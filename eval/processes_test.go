package eval

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/eval/evaltest"
)

// office is where goroutines meet that stand for a job's processes.
type office struct {
	size  int
	mu    sync.Mutex
	count map[uint64]int
	ended map[uint64]chan struct{} // of GivenUp
	inbox []chan cluster.Message
	round *round        // of Exchange
	news  []chan []byte // of Broadcast
	// handed is how many questions each process took.
	handed []int
}

func newOffice(size int) *office {
	o := &office{size: size, count: map[uint64]int{}, ended: map[uint64]chan struct{}{}, handed: make([]int, size),
		round: newRound(size)}
	for range size {
		o.inbox = append(o.inbox, make(chan cluster.Message, 1<<12))
		o.news = append(o.news, make(chan []byte, size))
	}
	return o
}

// round is a call of Exchange by all.
type round struct {
	data [][]byte
	own  []error
	came int
	done chan struct{}
}

func newRound(size int) *round {
	return &round{data: make([][]byte, size), own: make([]error, size), done: make(chan struct{})}
}

// seat is a process's place.
type seat struct {
	*office
	rank int
}

func (s seat) Agree(own error) error {
	_, err := s.Exchange(nil, own)
	return err
}

func (s seat) Exchange(data []byte, own error) ([][]byte, error) {
	s.mu.Lock()
	r := s.round
	r.data[s.rank], r.own[s.rank] = data, own
	if r.came++; r.came == s.size {
		s.round = newRound(s.size)
		close(r.done)
	}
	s.mu.Unlock()
	<-r.done
	for _, err := range r.own {
		if err != nil {
			return nil, err
		}
	}
	return r.data, nil
}

func (s seat) Broadcast(data []byte) ([]byte, error) {
	if s.rank == 0 {
		for _, to := range s.news {
			to <- data
		}
	}
	return <-s.news[s.rank], nil
}

func (s seat) Next(counter uint64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.count[counter]
	s.count[counter]++
	select {
	case <-s.end(counter):
		return math.MaxInt, nil
	default:
	}
	if counter != evaluations {
		s.handed[s.rank]++
	}
	return n, nil
}

func (s seat) GiveUp(counter uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.end(counter):
	default:
		close(s.end(counter))
	}
}

func (s seat) GivenUp(counter uint64) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end(counter)
}

// end is what GiveUp closes. The caller holds mu.
func (o *office) end(counter uint64) chan struct{} {
	if o.ended[counter] == nil {
		o.ended[counter] = make(chan struct{})
	}
	return o.ended[counter]
}

func (s seat) Send(to int, data []byte) error {
	s.inbox[to] <- cluster.Message{From: s.rank, Data: data}
	return nil
}

func (s seat) GuardFiles(string, int64) (done func()) { return func() {} }

func (s seat) Messages() <-chan cluster.Message { return s.inbox[s.rank] }

// GenerateFrom implements QueueGenerator: as many requests as fit at a time, in a shuffled order.
func (s *script) GenerateFrom(ctx context.Context, q Queue, emit func(Completion) error) error {
	for n := 0; ; {
		var requests []Request
		var numbers []int
		for held := 0; held < q.Held; {
			number, r, err := q.Next(ctx)
			if err != nil {
				return err
			}
			if r == nil {
				break
			}
			requests, numbers, held = append(requests, *r), append(numbers, number), held+r.N
		}
		if len(requests) == 0 {
			return ctx.Err()
		}
		part := &script{order: s.order, stopAfter: s.stopAfter - n, stop: s.stop}
		err := part.Generate(ctx, requests, func(c Completion) error {
			n++
			c.Request = numbers[c.Request]
			return emit(c)
		})
		if err != nil {
			return err
		}
	}
}

// shared is a run by so many processes; each has a generator of its own. All return the same.
func shared(t *testing.T, size int, dir string, shard Shard, of func(rank int) (context.Context, *script)) (*office,
	*Results, error) {
	t.Helper()
	o := newOffice(size)
	results, errs := make([]*Results, size), make([]error, size)
	var all sync.WaitGroup
	for rank := range size {
		all.Go(func() {
			ctx, g := of(rank)
			deps := testDeps(g)
			deps.Parallel, deps.Devices = []int{8, 2, 16, 5}[rank], 1+rank%2 // machines may be unlike each other
			deps.Processes = Processes{rank, size, seat{o, rank}}
			out := dir
			if rank > 0 {
				out = filepath.Join(dir, "not", "to", "be", "seen") // another machine
			}
			if shard.Of > 0 {
				_, errs[rank] = RunShard(ctx, testSpec(), testQuestions(testSpec()), shard, deps, out)
			} else {
				results[rank], errs[rank] = Run(ctx, testSpec(), testQuestions(testSpec()), deps, out)
			}
		})
	}
	all.Wait()
	for rank := range size {
		if (errs[rank] == nil) != (errs[0] == nil) {
			t.Fatalf("process 0: %v; process %d: %v", errs[0], rank, errs[rank])
		}
		if diff := cmp.Diff(text(t, results[0]), text(t, results[rank])); diff != "" {
			t.Fatalf("process %d has other results than process 0:\n%s", rank, diff)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "not")); err == nil {
		t.Fatal("another process than 0 wrote")
	}
	return o, results[0], errs[0]
}

func text(t *testing.T, r *Results) string {
	t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestProcesses: 1, 2, 3 and 4 processes with one queue write what one run does, byte for byte; each has its part;
// a folder that is done is only read.
func TestProcesses(t *testing.T) {
	want := whole(t)
	for _, size := range []int{2, 3, 4, 1} {
		dir := t.TempDir()
		for round := range 2 {
			o, results, err := shared(t, size, dir, Shard{}, func(rank int) (context.Context, *script) {
				return t.Context(), &script{order: uint64(rank)}
			})
			if err != nil {
				t.Fatal(err)
			}
			if results == nil || results.Mean.Samples == 0 {
				t.Fatalf("%d processes: no results", size)
			}
			if diff := cmp.Diff(want, evaltest.Files(t, dir)); diff != "" {
				t.Fatalf("%d processes (-one +several):\n%s", size, diff)
			}
			for rank, n := range o.handed {
				if size > 1 && (n > 0) != (round == 0) {
					t.Errorf("%d processes, round %d: process %d asked %d times", size, round, rank, n)
				}
			}
		}
	}
	var parts []string
	for i := range 2 {
		parts = append(parts, t.TempDir())
		if _, _, err := shared(t, 3, parts[i], Shard{i + 1, 2}, func(rank int) (context.Context, *script) {
			return t.Context(), &script{}
		}); err != nil {
			t.Fatal(err)
		}
	}
	out := t.TempDir()
	if _, err := Merge(t.Context(), parts, out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, evaltest.Files(t, out)); diff != "" {
		t.Fatalf("shards of several processes (-one +merged):\n%s", diff)
	}
}

// TestProcessesStopped: a run that is stopped on all processes, again and again, with another number of them each
// time, keeps every sample that was judged and ends with the same bytes.
func TestProcessesStopped(t *testing.T) {
	want := whole(t)
	random := rand.New(rand.NewPCG(8, 9))
	for range 10 {
		dir := t.TempDir()
		for stops, kept := 0, 0; ; stops++ {
			size := 1 + random.IntN(4)
			ctx, cancel := context.WithCancel(t.Context())
			after, who := 1+random.IntN(9), random.IntN(size)
			_, _, err := shared(t, size, dir, Shard{}, func(rank int) (context.Context, *script) {
				g := &script{order: uint64(stops)}
				if rank == who {
					g.stopAfter, g.stop = after, cancel
				}
				return ctx, g
			})
			cancel()
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			data, err := os.ReadFile(filepath.Join(dir, samplesName))
			if err != nil {
				t.Fatal(err)
			}
			now := strings.Count(string(data), "\n")
			if stops == 0 && now < after || now < kept { // later some are made anew
				t.Fatalf("%d samples are on disk after stop %d, %d were and %d were made", now, stops, kept, after)
			}
			if kept = now; stops > 200 {
				t.Fatal("the run does not come to an end")
			}
			if random.IntN(2) == 0 {
				tear(t, filepath.Join(dir, samplesName), random)
				kept = 0
			}
		}
		if diff := cmp.Diff(want, evaltest.Files(t, dir)); diff != "" {
			t.Fatalf("(-one +stopped):\n%s", diff)
		}
	}
}

// TestProcessesRefuse: a folder that process 0 cannot write, and a process that has another run than process 0, are
// an error on all.
func TestProcessesRefuse(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "foreign"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, _, err := shared(t, 3, dir, Shard{}, func(int) (context.Context, *script) { return t.Context(), &script{} })
	if err == nil || !strings.Contains(err.Error(), "holds no evaluation") {
		t.Error(err)
	}
	o, errs := newOffice(2), make([]error, 2)
	var all sync.WaitGroup
	for rank := range 2 {
		all.Go(func() {
			deps := testDeps(&script{})
			deps.Processes = Processes{rank, 2, seat{o, rank}}
			spec := testSpec()
			spec.Seed += uint64(rank)
			_, errs[rank] = Run(t.Context(), spec, testQuestions(spec), deps, filepath.Join(dir, "run"))
		})
	}
	all.Wait()
	for rank, err := range errs {
		if err == nil || !strings.Contains(err.Error(), "a different run from process 0: seed was 7, is 8") {
			t.Errorf("process %d: %v", rank, err)
		}
	}
}

// failing fails with err where it has one, and else generates one request's samples and waits to be stopped.
type failing struct {
	*script
	err error
}

func (f failing) GenerateFrom(ctx context.Context, q Queue, emit func(Completion) error) error {
	if f.err != nil {
		return f.err
	}
	if n, r, _ := q.Next(ctx); r != nil {
		err := f.Generate(ctx, []Request{*r}, func(c Completion) error {
			c.Request = n
			return emit(c)
		})
		if err != nil {
			return err
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

// TestProcessesFail: when one process fails the others stop at once, and all have its error. They can go on to another
// run, which gets nothing of this one.
func TestProcessesFail(t *testing.T) {
	want := whole(t)
	for who := range 3 {
		dir := t.TempDir()
		o, errs, results := newOffice(3), make([]error, 3), make([]*Results, 3)
		var all sync.WaitGroup
		for rank := range 3 {
			all.Go(func() {
				deps := testDeps(&script{})
				g := failing{&script{}, nil}
				if rank == who {
					g.err = errors.New("the disk is full")
				}
				deps.Generator, deps.Processes = g, Processes{rank, 3, seat{o, rank}}
				_, errs[rank] = Run(t.Context(), testSpec(), testQuestions(testSpec()), deps, filepath.Join(dir, "one"))
				deps.Generator = &script{}
				results[rank], _ = Run(t.Context(), testSpec(), testQuestions(testSpec()), deps,
					filepath.Join(dir, "other"))
			})
		}
		all.Wait()
		for rank, err := range errs {
			if err == nil || !strings.Contains(err.Error(), "the disk is full") || results[rank] == nil {
				t.Errorf("process %d failed; process %d: %v", who, rank, err)
			}
		}
		if diff := cmp.Diff(want, evaltest.Files(t, filepath.Join(dir, "other"))); diff != "" {
			t.Errorf("process %d failed (-one +the run after):\n%s", who, diff)
		}
	}
}
