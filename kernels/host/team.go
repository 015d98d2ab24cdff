package host

import (
	"runtime"
	"sync/atomic"
)

// Team is a fixed number of threads that share loops. A transformer's step is
// some hundred loops of microseconds each: between two of them the members spin
// for a moment instead of going to sleep.
//
// A loop's indices are divided among the members in ranges, because neighbours are
// neighbours in memory; who has none left takes from the end of another's.
type Team struct {
	members []*member
	ranges  []indexRange // one a member, the caller's first
	// loopNumber counts loops; the bit inRanges says that several indices are taken at a time.
	loopNumber atomic.Uint64
	// The loop's body is doRange or doIndex, and the other is nil. Who has taken an index of
	// a loop reads them, and so before the loop ends.
	doRange   func(from, to, member int)
	doIndex   func(i, member int)
	completed atomic.Int64
	stopped   atomic.Bool
	plan      atomic.Pointer[PrefetchPlan]
	prefetch  prefetcher // the caller's
}

// indexRange holds the indices that nobody has taken yet of those that a member begins with:
// the number of the loop (24 bits), the first index and the end (20 bits each), so that taking
// one and finding out that the loop is over are one step. The rest of a cache line keeps
// members apart.
type indexRange struct {
	atomic.Uint64
	_ [56]byte
}

const (
	mostIndices = 1<<20 - 1
	loopNumbers = 1 << 24
	inRanges    = 1 // bit of a loop's number
)

func packRange(number uint64, first, end int) uint64 {
	return number%loopNumbers<<40 | uint64(first)<<20 | uint64(end)
}

// take takes indices of a loop from the front of the range or from its end; none is left where
// from equals to.
func (r *indexRange) take(number uint64, front bool) (from, to int) {
	for {
		old := r.Load()
		first, end := int(old>>20&mostIndices), int(old&mostIndices)
		if old>>40 != number%loopNumbers || first == end {
			return 0, 0
		}
		n := 1
		if number&inRanges != 0 {
			n = takenAtOnce(end - first)
		}
		from, to, now := first, first+n, packRange(number, first+n, end)
		if !front {
			from, to, now = end-n, end, packRange(number, first, end-n)
		}
		if r.CompareAndSwap(old, now) {
			return from, to
		}
	}
}

// rangeOf returns the part of n indices that a member begins with.
func rangeOf(n, member, members int) (first, end int) {
	return n * member / members, n * (member + 1) / members
}

// takenAtOnce returns how many of the n indices that are left in a range RunRanges takes at a
// time, three quarters: each time costs as much as some indices, and the last ones are for
// whoever is ready first.
func takenAtOnce(n int) int { return (3*n + 3) / 4 }

// member is a thread of a team beside the caller's.
type member struct {
	parked atomic.Bool
	wake   chan struct{}
}

// A member looks for work spins times before it sleeps, for some hundred microseconds: longer
// than a step's loops lie apart. To be woken takes longer than most loops last.
const spins = 50000

// NewTeam makes a team of n threads, the caller of Run among them; 0 means
// GOMAXPROCS.
func NewTeam(n int) *Team {
	if n < 1 {
		n = runtime.GOMAXPROCS(0)
	}
	t := &Team{}
	for range n - 1 {
		m := &member{wake: make(chan struct{}, 1)}
		t.members = append(t.members, m)
	}
	t.ranges = make([]indexRange, n)
	for i, m := range t.members {
		go t.serve(m, i+1)
	}
	return t
}

// Size returns the number of threads; members are numbered below it.
func (t *Team) Size() int { return len(t.members) + 1 }

// Close ends the threads. No Run may be in progress.
func (t *Team) Close() {
	t.stopped.Store(true)
	t.loopNumber.Add(2)
	t.wakeAll()
}

// SetPrefetch has members fetch by a plan while they wait, or nothing where it is nil. It may
// be called at any time.
func (t *Team) SetPrefetch(plan *PrefetchPlan) { t.plan.Store(plan) }

// Run calls do for every i below n, on all threads, and returns when all are
// done. do learns which member it runs on, to use that member's scratch memory.
// Calls must not overlap.
func (t *Team) Run(n int, do func(i, member int)) {
	if !t.divides(n) {
		for i := range n {
			do(i, 0)
		}
		return
	}
	t.doIndex, t.doRange = do, nil
	t.loop(n, 0)
}

// RunRanges is Run for work that is done faster with several indices at a time. do gets the
// indices from to to-1: at first three quarters of those that the member begins with, and then
// fewer and fewer.
func (t *Team) RunRanges(n int, do func(from, to, member int)) {
	if !t.divides(n) {
		if n > 0 {
			do(0, n, 0)
		}
		return
	}
	t.doIndex, t.doRange = nil, do
	t.loop(n, inRanges)
}

// divides reports whether a loop of n indices is divided among members: more than mostIndices
// have no room in an indexRange.
func (t *Team) divides(n int) bool { return n > 1 && n <= mostIndices && len(t.members) > 0 }

// loop runs the team's loop body for n indices; bit is inRanges or 0.
func (t *Team) loop(n int, bit uint64) {
	t.completed.Store(0)
	number := t.loopNumber.Load()&^inRanges + 2 | bit
	for m := range t.ranges {
		first, end := rangeOf(n, m, len(t.ranges))
		t.ranges[m].Store(packRange(number, first, end))
	}
	t.loopNumber.Store(number)
	t.wakeAll()
	t.work(number, 0)
	for spin := 0; t.completed.Load() < int64(n); spin++ {
		t.prefetch.step(t.plan.Load(), 0)
		if spin%64 == 63 {
			runtime.Gosched()
		}
	}
}

// work takes indices of loop number until there are none: its own first.
func (t *Team) work(number uint64, id int) {
	for k := range t.ranges {
		from, done := &t.ranges[(id+k)%len(t.ranges)], 0
		for {
			first, end := from.take(number, k == 0)
			if first == end {
				break
			}
			// The loop cannot have ended before these indices are counted.
			if t.doRange != nil {
				t.doRange(first, end, id)
			} else {
				t.doIndex(first, id)
			}
			done += end - first
		}
		if done > 0 {
			t.completed.Add(int64(done))
		}
	}
}

func (t *Team) wakeAll() {
	for _, m := range t.members {
		if m.parked.CompareAndSwap(true, false) {
			m.wake <- struct{}{}
		}
	}
}

// serve runs a member: it waits for loops and works on them until the team is closed.
func (t *Team) serve(m *member, id int) {
	seen := uint64(0)
	var prefetch prefetcher
	for {
		for spin := 0; t.loopNumber.Load() == seen; spin++ {
			if spin < spins {
				prefetch.step(t.plan.Load(), id)
				if spin%64 == 63 {
					runtime.Gosched() // a spinning thread must not hold up the garbage collector
				}
				continue
			}
			m.parked.Store(true)
			if t.loopNumber.Load() != seen && m.parked.CompareAndSwap(true, false) {
				break
			}
			<-m.wake
		}
		if t.stopped.Load() {
			return
		}
		seen = t.loopNumber.Load()
		t.work(seen, id)
	}
}
