package cluster

import (
	"github.com/stele-lm/stele/cluster/mpi"
)

// crossing is a way on which all processes give each other equally many bytes: the library's, through memory of each
// process, or memory that processes of one machine share.
type crossing interface {
	// room is how many bytes a process gives to all others together at a time.
	room() int
	// begin returns the memory in which a process gives so many bytes to each other one, of its own, and in which it
	// gets theirs once end has returned: valid until it begins the next but one, which all do in the same order. With
	// common the same bytes are given to all.
	begin(name string, length int, common bool) (give, get func(rank int) []byte, end func() error)
}

// byLibrary is the crossing through the library.
type byLibrary struct{ job *Job }

// staging is the size of each memory that sums and numbers pass through to the library.
var staging = 32 << 20

// staged returns the first n bytes of one of two such memories.
func (j *Job) staged(which, n int) []byte {
	if len(j.staging[which]) < n {
		j.staging[which] = outside(max(n, staging))
	}
	return j.staging[which][:n]
}

func (byLibrary) room() int { return staging }

func (c byLibrary) begin(name string, length int, common bool) (give, get func(int) []byte, end func() error) {
	j, t := c.job, c.job.thread
	given, gotten := j.staged(0, length*j.Size), j.staged(1, length*j.Size)
	if common {
		given = given[:length]
	}
	of := func(b []byte, rank int) []byte { return b[rank*length:][:length] }
	give = func(rank int) []byte {
		if common {
			return given
		}
		return of(given, rank)
	}
	get = func(rank int) []byte { return of(gotten, rank) }
	return give, get, func() error {
		return t.do(name, true, func() (*mpi.Request, error) {
			if common {
				return t.together.AllGather(given, gotten)
			}
			return t.together.AllToAll(given, gotten, length)
		})
	}
}

// ExchangeBytes is how much memory of this process numbers that processes exchange pass through, at most: before the
// first exchange it is taken that processes of one machine can share memory.
func (j *Job) ExchangeBytes() int64 {
	_, shares := j.crosses.(*shared)
	switch {
	case j.Size == 1:
		return 0
	case shares || j.crosses == nil && j.LocalSize == j.Size:
		return int64(j.sharedBytes())
	}
	return int64(2 * staging)
}

// crossing returns the way that all processes take. All call it, and have met before.
func (j *Job) crossing() (crossing, error) {
	if j.crosses == nil {
		shared, err := j.share()
		if err != nil {
			return nil, err
		}
		j.crosses = byLibrary{j}
		if shared != nil {
			j.crosses = shared
		}
	}
	return j.crosses, nil
}
