package host

import (
	"runtime"
	"sync/atomic"
)

// Team is a fixed number of threads that share loops. A transformer's step is
// some hundred loops of microseconds each: between two of them the members spin
// for a moment instead of going to sleep.
type Team struct {
	members []*member
	// state is the number of the loop in the upper half, the next index in the
	// lower: taking an index and finding out that the loop is over are one step.
	state     atomic.Uint64
	loop      atomic.Pointer[loop]
	completed atomic.Int64
	stopped   atomic.Bool
}

// loop is the work of one Run.
type loop struct {
	n    int
	body func(i, member int)
}

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
		go t.serve(m, len(t.members))
	}
	return t
}

// Size is the number of threads; members are numbered below it.
func (t *Team) Size() int { return len(t.members) + 1 }

// Close ends the threads. No Run may be in progress.
func (t *Team) Close() {
	t.stopped.Store(true)
	t.state.Add(1 << 32)
	t.rouse()
}

// Run calls body for every i below n, on all threads, and returns when all are
// done. body learns which member it runs on, to use that member's scratch memory.
// Calls must not overlap.
func (t *Team) Run(n int, body func(i, member int)) {
	if n <= 1 || len(t.members) == 0 {
		for i := range n {
			body(i, 0)
		}
		return
	}
	t.completed.Store(0)
	t.loop.Store(&loop{n, body})
	number := t.state.Load()>>32 + 1
	t.state.Store(number << 32)
	t.rouse()
	t.work(number, 0)
	for spin := 0; t.completed.Load() < int64(n); spin++ {
		if spin%64 == 63 {
			runtime.Gosched()
		}
	}
}

// work takes indices of loop number until there are none.
func (t *Team) work(number uint64, id int) {
	for {
		s := t.state.Load()
		l := t.loop.Load()
		if s>>32 != number || int(uint32(s)) >= l.n {
			return
		}
		// The loop cannot have changed when this succeeds: its number is in s.
		if t.state.CompareAndSwap(s, s+1) {
			l.body(int(uint32(s)), id)
			t.completed.Add(1)
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
	for {
		for spin := 0; t.state.Load()>>32 == seen; spin++ {
			if spin < spins {
				if spin%64 == 63 {
					runtime.Gosched() // a spinning thread must not hold up the garbage collector
				}
				continue
			}
			m.parked.Store(true)
			if t.state.Load()>>32 != seen && m.parked.CompareAndSwap(true, false) {
				break
			}
			<-m.wake
		}
		if t.stopped.Load() {
			return
		}
		seen = t.state.Load() >> 32
		t.work(seen, id)
	}
}
