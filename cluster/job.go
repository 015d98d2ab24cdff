package cluster

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
)

// Job is the processes that were started together, seen by one of them. Barrier, Broadcast, AllGather, Gather,
// AllReduce and ReduceScatter are called by all, in the same order, by one goroutine at a time; the rest by any at any
// time. A call does not return where another process has ended or hangs: this process says so and ends (see Abort).
type Job struct {
	Rank, Size int
	Host       string   // this machine's name
	Hosts      []string // of every rank
	// Local is this process's number among the LocalSize of its machine.
	Local, LocalSize int
	// Launcher and Library say who started the processes and what carries their messages; empty for a job of one.
	Launcher, Library string

	together sync.Mutex // one collective call at a time
	thread   *thread    // nil for a job of one
	staging  [2][]byte  // see staged
	crosses  crossing   // of sums; nil before the first
	alone    mail       // of a job of one
	stopping sync.Once
	leaving  sync.Once
	left     error // what Leave returns
	stopped  chan struct{}
}

// Alone returns a job of this process alone.
func Alone() *Job {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	j := &Job{Size: 1, Host: host, Hosts: []string{host}, LocalSize: 1, stopped: make(chan struct{})}
	j.alone.open()
	return j
}

var (
	joining sync.Mutex
	joined  *Job
)

// Joined returns the job that Join has returned, or one of this process alone.
func Joined() *Job {
	joining.Lock()
	defer joining.Unlock()
	if joined != nil {
		return joined
	}
	return Alone()
}

// Join returns the job that this process was started for. Where a launcher started several, their MPI library is
// loaded and they find each other; all call it. A second call returns the same. An error is one line that names the
// launcher and the library; see Quiet.
func Join() (*Job, error) {
	joining.Lock()
	defer joining.Unlock()
	if joined != nil {
		return joined, nil
	}
	j := Alone()
	if os.Getenv(Variable) == "off" {
		joined = j
		return j, nil
	}
	l, err := started(os.Getenv)
	if err == nil && l == nil {
		err = unconnected(os.Getenv, j.Host)
	}
	if err != nil {
		return nil, err
	}
	if l == nil || l.size == 1 {
		joined = j
		return j, nil
	}
	if err := j.join(l); err != nil {
		return nil, &JoinError{launcher: l, host: j.Host, err: err}
	}
	joined = j
	return j, nil
}

// JoinError is that a job's processes cannot find each other. Every one of them has it.
type JoinError struct {
	launcher *launcher
	host     string
	err      error
}

func (e *JoinError) Error() string {
	return fmt.Sprintf("rank %d on %s: %v", e.launcher.rank, e.host, e.err)
}

func (e *JoinError) Unwrap() error { return e.err }

// Quiet reports whether another process of the same machine prints the same error: one line a machine is enough.
func Quiet(err error) bool {
	e := (*JoinError)(nil)
	return errors.As(err, &e) && (e.launcher.local > 0 || e.launcher.locals == 0 && e.launcher.rank > 0)
}

// join loads the library, begins and learns who is there.
func (j *Job) join(l *launcher) error {
	if err := checkDeadline(); err != nil {
		return err
	}
	library, err := find(l)
	if err != nil {
		return err
	}
	j.Launcher, j.Library = l.name, fmt.Sprintf("%s, %s", library.Version, library.Path)
	// Before it begins: MPICH's own way to say that a launcher is not its is to end the program.
	if !l.takes(library) {
		return j.mismatch(l)
	}
	j.Rank, j.Size = l.rank, l.size // until the library says
	t, err := begin(j, library)
	if err != nil {
		return err
	}
	j.Rank, j.Size = t.rank, t.size
	if l.size > 0 && j.Size != l.size {
		err := j.mismatch(l)
		_ = t.end()
		return err
	}
	if j.Size == 1 { // a PMIx launcher of one
		_ = t.end()
		return nil
	}
	j.thread = t
	hosts, err := j.AllGather([]byte(j.Host))
	if err != nil {
		return err
	}
	j.Hosts, j.Local, j.LocalSize = make([]string, j.Size), 0, 0
	for rank, host := range hosts {
		j.Hosts[rank] = string(host)
		if j.Hosts[rank] == j.Host {
			j.LocalSize++
			if rank < j.Rank {
				j.Local++
			}
		}
	}
	closeOnExec()
	name := ""
	if j.Local == 0 {
		name = openLookout(j.Host)
	}
	lookouts, err := j.AllGather([]byte(name))
	if err != nil {
		return err
	}
	name = string(lookouts[slices.Index(j.Hosts, j.Host)])
	leave := sync.OnceFunc(meetLookout(name, j.Rank, l.connection(), t.gone))
	t.farewell.Store(&leave)
	t.watch()
	return nil
}

// mismatch says that launcher and library are not of one kind, in which case every process takes itself for rank 0.
func (j *Job) mismatch(l *launcher) error {
	if l.name == slurm {
		return fmt.Errorf("srun started %d processes that the library does not find (%s): srun --mpi=pmix is for Open "+
			"MPI and --mpi=pmi2 for MPICH and Intel MPI (srun --mpi=list says what there is), or set %s to the "+
			"libmpi.so of another", l.size, j.Library, Variable)
	}
	return fmt.Errorf("%s started %d processes, but for the library each is alone (%s): it belongs to another "+
		"launcher; start with that one's mpirun, or set %s to the libmpi.so of %s", l.name, l.size, j.Library, Variable,
		l.name)
}

// Leave ends the job without an error. All call it; until it returns Abort may be called. No other call follows it,
// but Stop and a second Leave, which do nothing.
func (j *Job) Leave() error {
	if j.thread == nil {
		return nil
	}
	j.leaving.Do(func() {
		if j.left = j.Barrier(); j.left == nil {
			j.left = j.thread.end()
		}
	})
	return j.left
}
