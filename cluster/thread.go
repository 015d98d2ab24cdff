package cluster

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stele-lm/stele/cluster/mpi"
)

// thread is the one thread that calls the library. It moves on what has begun, answers other processes while this one
// computes, and tells them that it is alive. It never blocks in the library: what waits is asked for again and again,
// with pauses that grow, so that waiting takes no core from those who compute.
type thread struct {
	job        *Job
	library    *mpi.Library
	rank, size int
	together   *mpi.Communicator // collective calls
	letters    *mpi.Communicator // the rest

	submitted chan *operation
	running   []*operation
	sending   []outgoing    // letters on their way
	outbox    []letter      // messages that wait for room
	memory    memory        // that letters pass through
	ending    chan struct{} // closed to end
	finishing atomic.Bool   // ending is closed: the thread may wait in the library
	ended     chan error

	mail
	watcher
}

// operation is a call that ends by itself when other processes have called theirs.
type operation struct {
	name    string
	begin   func() (*mpi.Request, error)
	request *mpi.Request
	// hurried is for what moves data, all processes being there: the library moves some of it a call.
	hurried bool
	done    chan error
}

const (
	// Pauses begin with the shortest after something has moved. While somebody here waits for others they grow to
	// longest, else to idle: an answer then comes late by as long as nothing was heard before it, and looking at the
	// library every millisecond would take three hundredths of a core from what this process computes.
	shortest = 20 * time.Microsecond
	longest  = time.Millisecond
	idle     = 16 * time.Millisecond
	// spin is how long data that move are asked for without a nap: not long, or who sends them has no core.
	spin = 2 * time.Millisecond
	// short is a nap while data move. Where nothing has come for a lull, who sends them still computes: then naps are
	// long, as short ones take half a core.
	short, long = 5 * time.Microsecond, 200 * time.Microsecond
	lull        = 200 * time.Millisecond
	// patience is how long ending may take, and telling others of a fault.
	patience = 5 * time.Second
)

// begin starts the thread. It returns when all processes have called it.
func begin(j *Job, library *mpi.Library) (*thread, error) {
	t := &thread{job: j, library: library, submitted: make(chan *operation, 64), ending: make(chan struct{}),
		ended: make(chan error, 1)}
	t.mail.open()
	t.watcher.open()
	started := make(chan error, 1)
	go t.run(started)
	select {
	case err := <-started:
		return t, err
	case <-time.After(startPatience()):
		return nil, fmt.Errorf("MPI_Init_thread has not returned for %v: a process of the job did not start, or the "+
			"machines do not reach each other (%s)", startPatience(), j.Library)
	}
}

func (t *thread) run(started chan<- error) {
	runtime.LockOSThread() // for good: the library knows the thread, which ends with this function
	fineTimer()
	const stacks = "OMPI_MCA_opal_signal" // Open MPI would print stacks where Go's runtime has its own
	if _, set := os.LookupEnv(stacks); !set {
		_ = os.Setenv(stacks, "")
		defer os.Unsetenv(stacks)
	}
	err := t.init()
	started <- err
	if err != nil {
		return
	}
	t.loop()
	t.ended <- t.finalize()
}

func (t *thread) init() (err error) {
	if err := t.library.Init(); err != nil {
		return err
	}
	t.together = t.library.World()
	if t.rank, err = t.together.Rank(); err != nil {
		return err
	}
	if t.size, err = t.together.Size(); err != nil {
		return err
	}
	t.letters, err = t.together.Duplicate()
	dropSegments()
	return err
}

// loop is the thread's work until end is called.
func (t *thread) loop() {
	pause := shortest
	timer := time.NewTimer(0)
	var hurry time.Time // since when data have been awaited that come
	for {
		moved := t.take() || t.test()
		got, err := t.read()
		if err != nil {
			t.fault("reading messages", err)
		}
		t.tell()
		t.announce()
		switch {
		case moved || got:
			pause, hurry = shortest, time.Time{}
			continue
		case t.hurried():
			if hurry.IsZero() {
				hurry = time.Now()
			}
			if time.Since(hurry) < spin {
				runtime.Gosched()
				yield()
			} else if time.Since(hurry) < lull {
				nap(short)
			} else {
				nap(long)
			}
			continue
		}
		timer.Reset(pause)
		select {
		case op := <-t.submitted:
			t.start(op)
			pause = shortest
		case l := <-t.posted:
			t.post(l)
			pause = shortest
		case <-t.ending:
			if len(t.running) == 0 && len(t.sending) == 0 && len(t.outbox) == 0 {
				return
			}
		case <-timer.C:
			most := idle
			if t.awaited() {
				most = longest
			}
			pause = min(2*pause, most)
		}
	}
}

// take begins what was submitted.
func (t *thread) take() (moved bool) {
	for {
		select {
		case op := <-t.submitted:
			t.start(op)
		case l := <-t.posted:
			t.post(l)
		default:
			return moved
		}
		moved = true
	}
}

func (t *thread) start(op *operation) {
	request, err := op.begin()
	if err != nil {
		op.done <- err
		return
	}
	op.request = request
	t.running = append(t.running, op)
}

// test looks at what runs.
func (t *thread) test() (moved bool) {
	kept := t.running[:0]
	for _, op := range t.running {
		done, err := op.request.Test()
		if done || err != nil {
			op.done <- err
			moved = true
			continue
		}
		kept = append(kept, op)
	}
	clear(t.running[len(kept):])
	t.running = kept
	sending := t.sending[:0]
	for _, l := range t.sending {
		done, err := l.request.Test()
		if err != nil {
			t.fault("sending a message", err)
		}
		if done {
			t.memory.put(l.text)
			moved = true
			continue
		}
		sending = append(sending, l)
	}
	clear(t.sending[len(sending):])
	t.sending = sending
	t.postMessages()
	return moved
}

// awaited reports whether somebody of this process waits for another's call, answer or room for a message.
func (t *thread) awaited() bool {
	if len(t.running) > 0 || len(t.sending) > 0 {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.asked) > 0
}

func (t *thread) hurried() bool {
	for _, op := range t.running {
		if op.hurried {
			return true
		}
	}
	return false
}

// do has the thread call the library and waits for the end of what it began.
func (t *thread) do(name string, hurried bool, begin func() (*mpi.Request, error)) error {
	op := &operation{name: name, begin: begin, hurried: hurried, done: make(chan error, 1)}
	t.submitted <- op
	if err := <-op.done; err != nil {
		return fmt.Errorf("rank %d on %s: %s: %w", t.rank, t.job.Host, name, err)
	}
	return nil
}

// finalize ends the library's work, for which it waits for all processes.
func (t *thread) finalize() error { return t.library.Finalize() }

var endOnce sync.Mutex

// end ends the thread; all processes call it.
func (t *thread) end() error {
	endOnce.Lock()
	defer endOnce.Unlock()
	t.watcher.close()
	t.takeLeave()
	t.finishing.Store(true)
	close(t.ending)
	select {
	case err := <-t.ended:
		return err
	case <-time.After(patience):
		return nil // all work is done, and the library waits for somebody who is no more
	}
}
