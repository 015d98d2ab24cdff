package cluster

import (
	"encoding/binary"

	"github.com/stele-lm/stele/cluster/mpi"
)

// piece is how many bytes a process sends at a time, at most. They pass through memory that is kept (see outside).
var piece = 32 << 20

// Barrier waits until all processes have called it.
func (j *Job) Barrier() error {
	j.together.Lock()
	defer j.together.Unlock()
	return j.barrier("a barrier")
}

func (j *Job) barrier(name string) error {
	if j.thread == nil {
		return nil
	}
	return j.thread.do(name, false, func() (*mpi.Request, error) { return j.thread.together.Barrier() })
}

// Broadcast returns rank 0's bytes to all; those of others are not looked at.
func (j *Job) Broadcast(data []byte) ([]byte, error) {
	if j.thread == nil {
		return data, nil
	}
	j.together.Lock()
	defer j.together.Unlock()
	if err := j.barrier("a broadcast"); err != nil {
		return nil, err
	}
	t := j.thread
	give := func(b []byte) error { // replaces it on others than rank 0
		through := j.staged(0, len(b))
		if j.Rank == 0 {
			copy(through, b)
		}
		err := t.do("a broadcast", true, func() (*mpi.Request, error) { return t.together.Broadcast(through) })
		if j.Rank != 0 {
			copy(b, through)
		}
		return err
	}
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	if err := give(length); err != nil {
		return nil, err
	}
	if j.Rank != 0 {
		data = make([]byte, binary.LittleEndian.Uint64(length))
	}
	for at := 0; at < len(data); at += piece {
		if err := give(data[at:min(at+piece, len(data))]); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// AllGather returns everybody's bytes, in the order of ranks; lengths may differ.
func (j *Job) AllGather(data []byte) ([][]byte, error) { return j.gather(data, true) }

// Gather returns everybody's bytes to rank 0, and nil to the others.
func (j *Job) Gather(data []byte) ([][]byte, error) { return j.gather(data, false) }

func (j *Job) gather(data []byte, toAll bool) ([][]byte, error) {
	if j.thread == nil {
		return [][]byte{data}, nil
	}
	j.together.Lock()
	defer j.together.Unlock()
	if err := j.barrier("a gathering"); err != nil {
		return nil, err
	}
	return j.gathered(data, toAll)
}

// gathered is gather where all have met, under the job's lock.
func (j *Job) gathered(data []byte, toAll bool) ([][]byte, error) {
	t := j.thread
	own, all := j.staged(0, 8), j.staged(1, 8*j.Size)
	binary.LittleEndian.PutUint64(own, uint64(len(data)))
	err := t.do("a gathering", true, func() (*mpi.Request, error) { return t.together.AllGather(own, all) })
	if err != nil {
		return nil, err
	}
	lengths, longest := make([]int, j.Size), 0
	parts := make([][]byte, j.Size)
	for rank := range lengths {
		lengths[rank] = int(binary.LittleEndian.Uint64(all[8*rank:]))
		longest = max(longest, lengths[rank])
	}
	receives := toAll || j.Rank == 0
	for rank := range parts {
		if receives {
			parts[rank] = make([]byte, 0, lengths[rank])
		}
	}
	each := max(1, piece/j.Size) // what arrives at a time is at most a piece
	for at := 0; at < longest; at += each {
		counts, starts, total := make([]int32, j.Size), make([]int32, j.Size), 0
		for rank, n := range lengths {
			counts[rank], starts[rank] = int32(min(max(n-at, 0), each)), int32(total)
			total += int(counts[rank])
		}
		some := data[min(at, len(data)):min(at+each, len(data))]
		if !receives {
			total = 0
		}
		part, received := j.staged(0, len(some)), j.staged(1, total)
		copy(part, some)
		err := t.do("a gathering", true, func() (*mpi.Request, error) {
			if !toAll {
				return t.together.GatherLengths(part, received, counts, starts)
			}
			return t.together.AllGatherLengths(part, received, counts, starts)
		})
		if err != nil {
			return nil, err
		}
		if !receives {
			continue
		}
		for rank := range parts {
			parts[rank] = append(parts[rank], received[starts[rank]:starts[rank]+counts[rank]]...)
		}
	}
	if !receives {
		return nil, nil
	}
	return parts, nil
}
