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
	ranges  []span // one a member, the caller's first
	// number is that of the loop; its lowest bit says that several indices are taken in turn.
	number atomic.Uint64
	// What the loop does: several or each, the other is nil. Who has taken an index of a
	// loop reads them, and so before the loop ends.
	several   func(from, to, member int)
	each      func(i, member int)
	completed atomic.Int64
	stopped   atomic.Bool
	next      atomic.Pointer[Ahead]
	fetched   fetcher // the caller's
}

// span is what is left of a member's range: the number of its loop (24 bits), the
// first index and the end (20 bits each), so that taking one and finding out that
// the loop is over are one step. The rest of a cache line keeps members apart.
type span struct {
	atomic.Uint64
	_ [56]byte
}

const (
	mostIndices = 1<<20 - 1
	numbers     = 1 << 24
	severally   = 1 // the bit of a loop's number
)

func pack(number uint64, first, end int) uint64 {
	return number%numbers<<40 | uint64(first)<<20 | uint64(end)
}

// take takes indices of a loop from the front of the range or from its end.
func (s *span) take(number uint64, front bool) (from, to int) {
	for {
		old := s.Load()
		first, end := int(old>>20&mostIndices), int(old&mostIndices)
		if old>>40 != number%numbers || first == end {
			return 0, 0
		}
		n := 1
		if number&severally != 0 {
			n = atOnce(end - first)
		}
		from, to, now := first, first+n, pack(number, first+n, end)
		if !front {
			from, to, now = end-n, end, pack(number, first, end-n)
		}
		if s.CompareAndSwap(old, now) {
			return from, to
		}
	}
}

// part is the range of n indices that is a member's, and atOnce how many of n that are
// left are taken in turn: to begin a stretch costs as much as some indices, and the last
// ones are for whoever is ready first.
func part(n, member, members int) (first, end int) {
	return n * member / members, n * (member + 1) / members
}

func atOnce(n int) int { return (3*n + 3) / 4 }

type member struct {
	parked atomic.Bool
	wake   chan struct{}
}

// spins is how often a member looks for work before it sleeps: some hundred
// microseconds, more than what lies between two loops of a step. To be woken takes
// longer than most loops last.
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
	t.ranges = make([]span, n)
	for i, m := range t.members {
		go t.serve(m, i+1)
	}
	return t
}

// Size is the number of threads; members are numbered below it.
func (t *Team) Size() int { return len(t.members) + 1 }

// Close ends the threads. No Run may be in progress.
func (t *Team) Close() {
	t.stopped.Store(true)
	t.number.Add(2)
	t.rouse()
}

// Next says what members fetch while they wait; nil is nothing. It may be called at
// any time.
func (t *Team) Next(a *Ahead) { t.next.Store(a) }

// Run calls do for every i below n, on all threads, and returns when all are
// done. do learns which member it runs on, to use that member's scratch memory.
// Calls must not overlap.
func (t *Team) Run(n int, do func(i, member int)) {
	if !t.shares(n) {
		for i := range n {
			do(i, 0)
		}
		return
	}
	t.each, t.several = do, nil
	t.loop(n, 0)
}

// RunRanges is Run for work that is done faster with several indices in turn: to begin
// with, three quarters of a member's part at once, and then less and less.
func (t *Team) RunRanges(n int, do func(from, to, member int)) {
	if !t.shares(n) {
		if n > 0 {
			do(0, n, 0)
		}
		return
	}
	t.each, t.several = nil, do
	t.loop(n, severally)
}

// shares reports whether a loop of n indices is shared: more have no room in a span.
func (t *Team) shares(n int) bool { return n > 1 && n <= mostIndices && len(t.members) > 0 }

func (t *Team) loop(n int, bit uint64) {
	t.completed.Store(0)
	number := t.number.Load()&^severally + 2 | bit
	for m := range t.ranges {
		first, end := part(n, m, len(t.ranges))
		t.ranges[m].Store(pack(number, first, end))
	}
	t.number.Store(number)
	t.rouse()
	t.work(number, 0)
	for spin := 0; t.completed.Load() < int64(n); spin++ {
		t.fetched.step(t.next.Load(), 0)
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
			if t.several != nil {
				t.several(first, end, id)
			} else {
				t.each(first, id)
			}
			done += end - first
		}
		if done > 0 {
			t.completed.Add(int64(done))
		}
	}
}

func (t *Team) rouse() {
	for _, m := range t.members {
		if m.parked.CompareAndSwap(true, false) {
			m.wake <- struct{}{}
		}
	}
}

// serve is the life of a member.
func (t *Team) serve(m *member, id int) {
	seen := uint64(0)
	var fetched fetcher
	for {
		for spin := 0; t.number.Load() == seen; spin++ {
			if spin < spins {
				fetched.step(t.next.Load(), id)
				if spin%64 == 63 {
					runtime.Gosched() // a spinning thread must not hold up the garbage collector
				}
				continue
			}
			m.parked.Store(true)
			if t.number.Load() != seen && m.parked.CompareAndSwap(true, false) {
				break
			}
			<-m.wake
		}
		if t.stopped.Load() {
			return
		}
		seen = t.number.Load()
		t.work(seen, id)
	}
}
