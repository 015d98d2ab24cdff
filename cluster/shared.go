package cluster

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// shared is memory that all processes of a job on one machine have: what one writes the others read, without the
// copies that a library makes. It begins with a counter for each process, a cache line each; then come two areas for
// each, of which exchanges take the one and the other in turn. So who has met the others may write for the next
// exchange while they still read what was written for this one.
type shared struct {
	job  *Job
	all  []byte
	done uint64 // exchanges of this process
}

// sharedArea is the size of an area at most: the areas of some processes stay in a processor's cache.
var sharedArea = 2 << 20

const (
	line = 64 // of a cache
	// sharedMost is the size of all areas: containers have 64 MiB of such memory, which a library takes some of.
	sharedMost = 24 << 20
)

// sharedFolder is where such memory is; another, or none, in tests.
var sharedFolder = "/dev/shm"

// share has the processes of one machine share memory. All call it, under the job's lock; it is nil for all where they
// are on several machines or one has no such memory.
func (j *Job) share() (*shared, error) {
	if j.LocalSize != j.Size {
		return nil, nil
	}
	size := j.sharedBytes()
	var file *os.File
	var failed error
	if j.Rank == 0 {
		// Written, not only made longer: who has no room for it learns so now, not by a signal.
		if file, failed = os.OpenFile(filepath.Join(sharedFolder, "stele-"+rand.Text()),
			os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); failed == nil {
			defer os.Remove(file.Name())
			_, failed = file.Write(make([]byte, size))
		}
	}
	name := ""
	if failed == nil && file != nil {
		name = file.Name()
	}
	names, err := j.gathered([]byte(name), true)
	if err != nil {
		return nil, err
	}
	if name = string(names[0]); name == "" {
		failed = errors.New("no file")
	} else if j.Rank != 0 {
		file, failed = os.OpenFile(name, os.O_RDWR, 0)
	}
	s := &shared{job: j}
	if file != nil {
		defer file.Close()
	}
	if failed == nil {
		s.all, failed = unix.Mmap(int(file.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}
	known := []byte{1}
	if failed != nil {
		known[0] = 0
	}
	all, err := j.gathered(known, true)
	if err == nil && bytes.Contains(bytes.Join(all, nil), []byte{0}) {
		if s.all != nil {
			_ = unix.Munmap(s.all)
		}
		return nil, nil
	}
	return s, err
}

// sharedBytes is the size of such memory.
func (j *Job) sharedBytes() int { return line*j.Size + 2*j.Size*j.sharedArea() }

// sharedArea is the size of an area, in whole cache lines.
func (j *Job) sharedArea() int { return min(sharedArea, sharedMost/2/j.Size) / line * line }

func (s *shared) room() int { return s.job.sharedArea() }

func (s *shared) begin(_ string, length int, common bool) (give, get func(int) []byte, end func() error) {
	j, area, number := s.job, s.room(), int(s.done%2)
	of := func(rank, to int) []byte {
		at := line*j.Size + (2*rank+number)*area
		if !common {
			at += to * length
		}
		return s.all[at:][:length:length]
	}
	give = func(rank int) []byte { return of(j.Rank, rank) }
	get = func(rank int) []byte { return of(rank, j.Rank) }
	return give, get, s.meet
}

// meet waits until all have ended as many exchanges as this process. It calls nothing of the library: heartbeats tell
// of who does not come.
func (s *shared) meet() error {
	s.done++
	counter := func(rank int) *uint64 { return (*uint64)(unsafe.Pointer(&s.all[line*rank])) }
	atomic.StoreUint64(counter(s.job.Rank), s.done)
	var since time.Time
	for rank := 0; rank < s.job.Size; {
		if atomic.LoadUint64(counter(rank)) >= s.done {
			rank++
			continue
		}
		runtime.Gosched()
		switch now := time.Now(); {
		case since.IsZero():
			since = now
		case now.Sub(since) < spin:
			yield() // who is awaited may need this core
		case now.Sub(since) < lull:
			nap(short)
		default:
			nap(long)
		}
	}
	return nil
}
