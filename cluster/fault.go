package cluster

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// DeadlineVariable says after how long a process that is not heard of is given up, as in 30s.
const DeadlineVariable = "STELE_MPI_DEADLINE"

// defaultDeadline is what it is where nothing says otherwise.
const defaultDeadline = 30 * time.Second

// checkDeadline refuses a DeadlineVariable that says no time.
func checkDeadline() error {
	text := os.Getenv(DeadlineVariable)
	if text == "" {
		return nil
	}
	if d, err := time.ParseDuration(text); err != nil || d < time.Second {
		return fmt.Errorf("%s=%s: expected a time of at least 1s, with its unit, such as 30s or 2m", DeadlineVariable,
			text)
	}
	return nil
}

// Deadline is how long a process may not be heard of, or hang in work that Guard watches over, before the job ends.
func Deadline() time.Duration {
	if d, err := time.ParseDuration(os.Getenv(DeadlineVariable)); err == nil && d > 0 {
		return d
	}
	return defaultDeadline
}

// startPatience is how long the processes may take to find each other.
func startPatience() time.Duration { return 4 * Deadline() }

// watcher notes when others were heard of. Rank 0 hears of all, and all of rank 0.
type watcher struct {
	deadline time.Duration
	watching atomic.Bool
	heard    []time.Time  // by rank
	last     time.Time    // when the thread looked last
	sent     time.Time    // when this process said last that it is alive
	suspect  time.Time    // since when another's silence was found, which a lower rank says first
	claimed  atomic.Bool  // somebody ends the program
	aborting atomic.Bool  // and has said why
	status   atomic.Int32 // that the program exits with then; 0 is 1
	// Of the end: the others are told, until when that may take, and who is not heard of; -1 for nobody.
	announced bool
	leaving   time.Time
	lost      int
	// farewell tells the machine's lookout that this process ends by itself.
	farewell atomic.Pointer[func()]
	guards   sync.Map // *guard → nothing
}

// guard is work that must not take long.
type guard struct {
	what  string
	since time.Time
	limit time.Duration
}

func (w *watcher) open() { w.deadline, w.lost = Deadline(), -1 }

// watch begins to watch over the others.
func (t *thread) watch() {
	now := time.Now()
	t.heard = make([]time.Time, t.size)
	for i := range t.heard {
		t.heard[i] = now
	}
	t.last = now
	t.watching.Store(true)
}

func (w *watcher) close() { w.watching.Store(false) }

func (t *thread) heardFrom(rank int) {
	if t.watching.Load() {
		t.heard[rank] = time.Now()
	}
}

// tell says that this process is alive, looks whether the others are and whether what Guard watches over goes on.
func (t *thread) tell() {
	if !t.watching.Load() {
		return
	}
	now := time.Now()
	if now.Sub(t.sent) < t.deadline/10 {
		return
	}
	if stood := now.Sub(t.last); stood > t.deadline/2 { // this process was stopped, or its machine slept
		for i := range t.heard {
			t.heard[i] = t.heard[i].Add(stood)
		}
		t.guards.Range(func(key, _ any) bool {
			g := key.(*guard)
			g.since = g.since.Add(stood)
			return true
		})
	}
	t.last, t.sent = now, now
	first, last := 0, 1 // whom this process hears and tells
	if t.rank == 0 {
		first, last = 1, t.size
	}
	for rank := first; rank < last; rank++ {
		if silent := now.Sub(t.heard[rank]); silent > t.deadline {
			t.silent(rank, silent)
		} else if rank == 0 {
			t.suspect = time.Time{}
		}
		t.post(letter{to: rank, tag: tagAlive})
	}
	t.guards.Range(func(key, _ any) bool {
		if g := key.(*guard); now.Sub(g.since) > g.limit {
			t.guards.Delete(g)
			go t.job.Abort(fmt.Errorf("%s has not ended for %v: does its file system hang?", g.what,
				now.Sub(g.since).Round(time.Second))) // which asks whether another, that hangs there too, was first
		}
		return true
	})
}

// silent says that a process is not heard of. That rank 0 is not, all others find: the lower ranks say it first.
func (t *thread) silent(rank int, since time.Duration) {
	if t.rank > 1 {
		if t.suspect.IsZero() {
			t.suspect = time.Now()
		}
		if time.Since(t.suspect) < min(time.Duration(t.rank)*t.deadline/10, t.deadline) {
			return
		}
	}
	t.lost = rank
	t.abort(fmt.Sprintf("rank %d on %s has not been heard of for %v: it was killed or stopped, or its machine "+
		"or the network is gone (said by rank %d on %s)", rank, t.host(rank), since.Round(time.Second), t.rank,
		t.job.Host))
}

// fault ends the job because the library failed.
func (t *thread) fault(doing string, err error) {
	if t.claimed.Load() {
		return
	}
	t.abort(fmt.Sprintf("rank %d on %s: %s: %v", t.rank, t.job.Host, doing, err))
}

// Guard watches over work that must go on, such as writing a file: where done is not called within the limit, or the
// Deadline where that is longer, the job ends with a line that names rank, machine and what.
func (j *Job) Guard(what string, limit time.Duration) (done func()) {
	if j.thread == nil {
		return func() {}
	}
	t, g := j.thread, &guard{what: what, since: time.Now(), limit: max(limit, Deadline())}
	t.guards.Store(g, nil)
	return func() { t.guards.Delete(g) }
}

// GuardFiles is Guard of the reading or writing of as many bytes, or fewer: a server of files that another takes over
// from may take some 90 seconds.
func (j *Job) GuardFiles(what string, bytes int64) (done func()) {
	const least = 10e6 // bytes a second
	return j.Guard(what, max(4*Deadline(), time.Duration(float64(bytes)/least*float64(time.Second))))
}

// Abort ends all processes because this one cannot go on: it prints one line with rank, machine and reason, and exits
// with status 1. The others end without a word. It does not return, unless the job is of one, which goes on as it is.
func (j *Job) Abort(reason error) {
	if j.thread == nil {
		return
	}
	j.End(1, reason)
}

// End is Abort with another exit status, which is that of all; without a reason it prints nothing.
func (j *Job) End(status int, reason error) {
	t := j.thread
	if t == nil {
		return
	}
	t.status.CompareAndSwap(0, int32(status))
	line := ""
	if reason != nil {
		line = fmt.Sprintf("rank %d on %s: %v", j.Rank, j.Host, reason)
		if !j.speaksFirst() {
			time.Sleep(patience) // whose turn it is ends this process meanwhile
		}
	}
	t.abort(line)
	select {} // the thread ends the program
}

// lastWords is the counter whose first number is for who says why the job ends.
const lastWords = 0x6c61 << 48

// speaksFirst reports whether this process is the first that has something to say of the job's end, as far as rank 0
// says so: where several meet an error at a time, one line is enough.
func (j *Job) speaksFirst() bool {
	if j.thread.finishing.Load() { // nobody asks any more
		return true
	}
	first := make(chan bool, 1)
	go func() {
		n, err := j.Next(lastWords)
		first <- err != nil || n == 0
	}()
	select {
	case is := <-first:
		return is
	case <-time.After(patience / 10): // it may hang, or be gone
		return true
	}
}

// exitStatus is what the program ends with.
func (w *watcher) exitStatus() int { return max(1, int(w.status.Load())) }

// passingOn is how long a launcher has to pass on what was printed before a process ends: MPICH's drops what it has not
// read when it learns of that.
const passingOn = 200 * time.Millisecond

// abort prints the line and ends the program, within patience. The others are told by the thread, which may be the
// one that calls.
func (t *thread) abort(line string) {
	if !t.claimed.CompareAndSwap(false, true) {
		return
	}
	t.takeLeave()
	if line != "" {
		fmt.Fprintln(os.Stderr, "stele:", line)
	}
	t.aborting.Store(true)  // the thread ends the program from now on
	if t.finishing.Load() { // the thread tells nobody any more: the launcher sees the status
		time.Sleep(passingOn)
		os.Exit(t.exitStatus())
	}
	go t.exit()
}

// takeLeave tells the lookout.
func (t *thread) takeLeave() {
	if farewell := t.farewell.Load(); farewell != nil {
		(*farewell)()
	}
}

// exit ends the program where the thread, which should, hangs in the library.
func (t *thread) exit() {
	time.Sleep(patience)
	os.Exit(t.exitStatus())
}

// gone ends the job because another process of this machine was killed, which the lookout has said.
func (t *thread) gone(int) {
	if t.claimed.CompareAndSwap(false, true) {
		t.takeLeave()
		t.aborting.Store(true)
		go t.exit()
	}
}

// announce tells the others that the job ends, when that is due, and ends this process when they are told.
func (t *thread) announce() {
	if !t.aborting.Load() {
		return
	}
	if !t.announced {
		t.announced = true
		for rank := range t.size {
			if rank != t.rank && rank != t.lost {
				t.post(letter{to: rank, tag: tagAbort, text: []byte{byte(t.exitStatus())}})
			}
		}
		t.leaving = time.Now().Add(patience / 10)
		return
	}
	if len(t.sending) > 0 && time.Now().Before(t.leaving) {
		return
	}
	time.Sleep(passingOn)
	if t.lost >= 0 { // who is not heard of may hang: its launcher ends it
		t.library.Abort(1)
	}
	os.Exit(t.exitStatus())
}

// told ends this process because another one has said why.
func (t *thread) told(status int) {
	t.status.CompareAndSwap(0, int32(status))
	if t.claimed.CompareAndSwap(false, true) {
		t.takeLeave()
		time.Sleep(passingOn)
		os.Exit(t.exitStatus())
	}
}
