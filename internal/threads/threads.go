// Package threads says among how many threads of computation this process divides its work.
package threads

import (
	"runtime"
	"sync"
)

// Count is GOMAXPROCS as it was when the process began, whatever AllowCalls does.
var Count = runtime.GOMAXPROCS(0)

// Found is what Count was before processes of one job divided the cores of their machine.
var Found = Count

var (
	lock   sync.Mutex
	asking int // calls of AllowCalls that have not ended
)

// AllowCalls lets Go code run that threads call which Go did not make, as many as Count at a time, beside
// Go's own threads, until end is called. GOMAXPROCS bounds both, and a thread that has come back from a
// call keeps its place among them until the scheduler takes it away, after milliseconds: with places for
// Count alone, threads that should share a product found none and left it to one of them. At other times
// more places only make the scheduler look for work with threads that there are no cores for.
func AllowCalls() (end func()) {
	change(1)
	return func() { change(-1) }
}

func change(by int) {
	lock.Lock()
	defer lock.Unlock()
	before := asking
	switch asking += by; {
	case before == 0:
		runtime.GOMAXPROCS(3 * Count)
	case asking == 0:
		runtime.GOMAXPROCS(Count)
	}
}
