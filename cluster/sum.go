package cluster

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/stele-lm/stele/cluster/mpi"
)

// A sum adds the numbers of rank 0, 1, 2 … one after another. Each number is added up by one process, to which all
// send theirs: MPI's own reductions take another order with another placement of processes on machines. No more bytes
// travel than with a ring.

// Even divides n numbers among processes: rank i has those from bounds[i] to below bounds[i+1].
func (j *Job) Even(n int) (bounds []int) {
	each := (n + j.Size - 1) / j.Size
	for rank := range j.Size + 1 {
		bounds = append(bounds, min(each*rank, n))
	}
	return bounds
}

// AllReduce replaces the numbers of every process by their sums over all, in the order of ranks, so that all have the
// same bits, and have them again with as many processes, wherever they run. All give equally many.
func (j *Job) AllReduce(x []float32) error {
	if j.thread == nil {
		return nil
	}
	bounds := j.Even(len(x))
	if err := j.ReduceScatter(x, bounds); err != nil {
		return err
	}
	return j.AllGatherParts(x, bounds)
}

// ReduceScatter is AllReduce for a part of the numbers: rank i gets the sums from bounds[i] to below bounds[i+1]. Its
// other numbers stay.
func (j *Job) ReduceScatter(x []float32, bounds []int) error {
	return j.inPieces("a sum", x, bounds, func(own []float32, length int,
		partOf func(rank, first int) []float32) error {
		t := j.thread
		pieces, received := j.staged(0, 4*length*j.Size), j.staged(1, 4*length*j.Size)
		for rank := range j.Size {
			copy(floats(pieces)[rank*length:], partOf(rank, length))
		}
		err := t.do("a sum", true, func() (*mpi.Request, error) {
			return t.together.AllToAll(pieces, received, 4*length)
		})
		for rank := range j.Size {
			from := floats(received)[rank*length:][:len(own)]
			if rank == 0 {
				copy(own, from)
				continue
			}
			for i, v := range from {
				own[i] += v
			}
		}
		return err
	})
}

// AllGatherParts gives to all the numbers that rank i has from bounds[i] to below bounds[i+1].
func (j *Job) AllGatherParts(x []float32, bounds []int) error {
	return j.inPieces("a gathering", x, bounds, func(own []float32, length int,
		partOf func(rank, first int) []float32) error {
		t := j.thread
		part, all := j.staged(0, 4*length), j.staged(1, 4*length*j.Size)
		copy(floats(part), own)
		err := t.do("a gathering", true, func() (*mpi.Request, error) { return t.together.AllGather(part, all) })
		for rank := range j.Size {
			copy(partOf(rank, length), floats(all)[rank*length:])
		}
		return err
	})
}

// inPieces calls do for pieces of all parts at a time: own is that of this process's part, partOf that of another's,
// which may be shorter than length.
func (j *Job) inPieces(name string, x []float32, bounds []int,
	do func(own []float32, length int, partOf func(rank, length int) []float32) error) error {
	if len(bounds) != j.Size+1 || bounds[0] != 0 || bounds[j.Size] != len(x) || !slices.IsSorted(bounds) {
		return fmt.Errorf("%s: bounds %v do not divide %d numbers among %d processes", name, bounds, len(x), j.Size)
	}
	if j.thread == nil {
		return nil
	}
	j.together.Lock()
	defer j.together.Unlock()
	if err := j.barrier(name); err != nil {
		return err
	}
	longest := 0
	for rank := range j.Size {
		longest = max(longest, bounds[rank+1]-bounds[rank])
	}
	each := max(1, staging/4/j.Size)
	for at := 0; at < longest; at += each {
		partOf := func(rank, length int) []float32 {
			part := x[bounds[rank]:bounds[rank+1]]
			return part[min(at, len(part)):min(at+length, len(part))]
		}
		length := min(each, longest-at)
		if err := do(partOf(j.Rank, length), length, partOf); err != nil {
			return err
		}
	}
	return nil
}

// staging is the size of each memory that sums and numbers pass through.
var staging = 32 << 20

// staged returns the first n bytes of one of two such memories.
func (j *Job) staged(which, n int) []byte {
	if len(j.staging[which]) < n {
		j.staging[which] = outside(max(n, staging))
	}
	return j.staging[which][:n]
}

func floats(b []byte) []float32 {
	if len(b) == 0 {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), len(b)/4)
}
