package cluster

import (
	"encoding/binary"
	"math"
)

// GiveUp tells all processes that the work that a counter hands out is given up, as one of them has failed: Next hands
// out no more of it, and GivenUp is closed.
func (j *Job) GiveUp(counter uint64) {
	t := j.thread
	if t == nil {
		j.alone.giveUp(counter)
		return
	}
	if !t.giveUp(counter) {
		return
	}
	for rank := range j.Size {
		if rank != j.Rank {
			t.posted <- letter{rank, tagGiveUp, binary.LittleEndian.AppendUint64(nil, counter)}
		}
	}
}

// GivenUp is closed when a process has given up a counter's work.
func (j *Job) GivenUp(counter uint64) <-chan struct{} {
	m := &j.alone
	if j.thread != nil {
		m = &j.thread.mail
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.work(counter).givenUp
}

// work is what a counter hands out.
type work struct {
	next    uint64 // of rank 0
	givenUp chan struct{}
	over    bool // givenUp is closed
}

// work returns a counter's. The caller holds mu.
func (m *mail) work(counter uint64) *work {
	w := m.works[counter]
	if w == nil {
		w = &work{givenUp: make(chan struct{})}
		m.works[counter] = w
	}
	return w
}

// giveUp notes that work is given up, and reports whether it was not.
func (m *mail) giveUp(counter uint64) (first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.work(counter)
	if w.over {
		return false
	}
	w.over, w.next = true, math.MaxInt64
	close(w.givenUp)
	return true
}

// count takes the next number of a counter of rank 0's.
func (m *mail) count(counter uint64) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.work(counter)
	n := w.next
	if !w.over {
		w.next++
	}
	return n
}
