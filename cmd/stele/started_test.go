package main

import (
	"flag"
	"math/rand/v2"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

var killSeed = flag.Uint64("kill-seed", 0, "seed of the moments in which tests kill; 0 takes the clock's")

// moments draws the moments at which a test kills, and whom; it logs what draws the same again. stream is the test's
// own number.
func moments(t *testing.T, stream uint64) *rand.Rand {
	t.Helper()
	seed := *killSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-kill-seed %d", seed)
	return rand.New(rand.NewPCG(stream, seed))
}

// startedLimit is how long a program may run that a test has started, by a machine with much else to do.
const startedLimit = 5 * time.Minute

// started is a program that runs: stele in a process of its own, or a launcher of several.
type started struct {
	*exec.Cmd
	ended chan struct{} // closed when it has ended
	err   error         // what it has ended with
}

// start starts a program. One that is not at its end after startedLimit is killed.
func start(t *testing.T, c *exec.Cmd) *started {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	s := &started{Cmd: c, ended: make(chan struct{})}
	limit := time.AfterFunc(startedLimit, func() { _ = c.Process.Kill() })
	go func() {
		s.err = c.Wait()
		limit.Stop()
		close(s.ended)
	}()
	return s
}

// end waits for the program's end and returns what it has ended with.
func (s *started) end() error {
	<-s.ended
	return s.err
}

// reaches waits until something is so; it is false where the program ends before.
func (s *started) reaches(ready func() bool) bool {
	for !ready() {
		select {
		case <-s.ended:
			return false
		case <-time.After(time.Millisecond):
		}
	}
	return true
}

// interrupt sends a signal once ready, and late after that; it returns what the program has ended with.
func (s *started) interrupt(ready func() bool, late time.Duration, signal syscall.Signal) error {
	if s.reaches(ready) {
		select {
		case <-s.ended:
		case <-time.After(late):
			_ = s.Process.Signal(signal) // the process may have ended in the meantime
		}
	}
	return s.end()
}
