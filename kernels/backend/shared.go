package backend

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
)

// Shared opens each backend of XLA's once and compiles each program once for all that open it
// here, one after another or beside each other. A program is known by its text: weights are
// inputs, so models of the same shape have the same. The Go backend, which compiles nothing, is
// opened anew each time: GoMLX's can hang where it runs two programs at once. It is safe for
// concurrent use; what it opened lives as long as the process.
type Shared struct {
	mu      sync.Mutex
	devices map[string]*Device
}

// Open opens a backend as the function Open does, unless it is open. A nil Shared shares nothing.
func (s *Shared) Open(name string) (*Device, error) {
	if s == nil {
		return Open(name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.devices[name]; d != nil {
		return d, nil
	}
	d, err := Open(name)
	if err != nil || !d.IsXLA() {
		return d, err
	}
	d.programs = &programs{known: map[[sha256.Size]byte]*compiled{}}
	if s.devices == nil {
		s.devices = map[string]*Device{}
	}
	s.devices[name] = d
	return d, nil
}

var compileCount, reuseCount atomic.Int64

// Compiled counts the programs that this process has compiled, and how often it used one of them
// again instead.
func Compiled() (compiled, reused int) { return int(compileCount.Load()), int(reuseCount.Load()) }

// Loaded counts those of the compiled programs that were found on disk (see KeepPrograms).
func Loaded() int { return int(loadCount.Load()) }

// unusedPrograms is how many programs that nobody uses are kept.
const unusedPrograms = 256

// programs are those of a device that its users share.
type programs struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]*compiled
	clock int
}

// compiled is a program, or one that is being compiled.
type compiled struct {
	done    chan struct{} // closed once it is compiled, or is not
	execute compute.Executable
	err     error
	users   int
	freed   int // when the last user let go of it
}

// get returns the program of a text, which the first to ask for it compiles. release must be
// called when it is not needed any more.
func (p *programs) get(
	text []byte, compile func() (compute.Executable, error),
) (execute compute.Executable, release func(), err error) {
	key := sha256.Sum256(text)
	p.mu.Lock()
	c, there := p.known[key]
	if !there {
		c = &compiled{done: make(chan struct{})}
		p.known[key] = c
	}
	c.users++
	p.mu.Unlock()
	if there {
		<-c.done
	} else {
		c.execute, c.err = compile()
		close(c.done)
	}
	if c.err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.known[key] == c {
			delete(p.known, key)
		}
		return nil, nil, c.err
	}
	if there {
		reuseCount.Add(1)
	}
	return c.execute, sync.OnceFunc(func() { p.release(c) }), nil
}

// release notes that a user is done with a program, and lets go of the one that has been unused
// longest where there are many.
func (p *programs) release(c *compiled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clock++
	c.users, c.freed = c.users-1, p.clock
	var unused [][sha256.Size]byte
	for key, k := range p.known {
		if k.users == 0 {
			unused = append(unused, key)
		}
	}
	if len(unused) <= unusedPrograms {
		return
	}
	oldest := slices.MinFunc(unused, func(a, b [sha256.Size]byte) int {
		return p.known[a].freed - p.known[b].freed
	})
	p.known[oldest].execute.Finalize()
	delete(p.known, oldest)
}

// compile compiles a graph of XLA's, or finds it compiled.
func (p *programs) compile(
	g *graph.Graph, outputs []*graph.Node,
) (execute compute.Executable, release func(), err error) {
	text, builder, err := programText(g, outputs)
	if err != nil {
		return nil, nil, err
	}
	return p.get(text, func() (e compute.Executable, err error) {
		defer func() {
			if r := recover(); r != nil { // those who wait for it must not wait for ever
				err = fmt.Errorf("%v", r)
			}
		}()
		if e, err = builder.Compile(); err == nil {
			compileCount.Add(1)
		}
		return e, err
	})
}
