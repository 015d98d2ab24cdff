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
	for i := range bounds {
		bounds[i] *= 4
	}
	return j.AllGatherParts(bytesOf(x), bounds)
}

// ReduceScatter is AllReduce for a part of the numbers: rank i gets the sums from bounds[i] to below bounds[i+1]. Its
// other numbers stay.
func (j *Job) ReduceScatter(x []float32, bounds []int) error {
	if err := j.divides("a sum", len(x), bounds); err != nil || j.thread == nil {
		return err
	}
	return j.sums(x, bounds, func(at int, sums []float32) { copy(x[bounds[j.Rank]+at:], sums) })
}

// Scatter is ReduceScatter for sums that go elsewhere: take gets them in pieces, and where in this process's part each
// begins. x stays as it is, and nil stands for zeros.
func (j *Job) Scatter(x []float32, bounds []int, take func(at int, sums []float32)) error {
	n := len(x)
	if x == nil && len(bounds) > 0 {
		n = bounds[len(bounds)-1]
	}
	if err := j.divides("a sum", n, bounds); err != nil {
		return err
	}
	if j.thread == nil {
		take(0, x)
		return nil
	}
	return j.sums(x, bounds, take)
}

// sums calls take with the sums over all processes of pieces of this one's part of x, and where in it each begins.
func (j *Job) sums(x []float32, bounds []int, take func(at int, sums []float32)) error {
	return j.inPieces("a sum", bounds, staging/4, func(at, length int) error {
		t := j.thread
		pieces, received := j.staged(0, 4*length*j.Size), j.staged(1, 4*length*j.Size)
		if x == nil {
			clear(pieces)
		} else {
			for rank := range j.Size {
				copy(floats(pieces)[rank*length:], partOf(x, bounds, rank, at, length))
			}
		}
		err := t.do("a sum", true, func() (*mpi.Request, error) {
			return t.together.AllToAll(pieces, received, 4*length)
		})
		own := bounds[j.Rank+1] - bounds[j.Rank]
		sums := floats(received)[:min(max(own-at, 0), length)] // of rank 0, to which the others' are added
		for rank := 1; rank < j.Size; rank++ {
			for i, v := range floats(received)[rank*length:][:len(sums)] {
				sums[i] += v
			}
		}
		if err == nil {
			take(at, sums)
		}
		return err
	})
}

// AllGatherParts gives to all the bytes that rank i has from bounds[i] to below bounds[i+1].
func (j *Job) AllGatherParts(x []byte, bounds []int) error {
	if err := j.divides("a gathering", len(x), bounds); err != nil || j.thread == nil {
		return err
	}
	return j.inPieces("a gathering", bounds, staging, func(at, length int) error {
		t := j.thread
		part, all := j.staged(0, length), j.staged(1, length*j.Size)
		copy(part, partOf(x, bounds, j.Rank, at, length))
		err := t.do("a gathering", true, func() (*mpi.Request, error) { return t.together.AllGather(part, all) })
		for rank := range j.Size {
			copy(partOf(x, bounds, rank, at, length), all[rank*length:])
		}
		return err
	})
}

// divides checks that bounds divide n numbers among the processes.
func (j *Job) divides(name string, n int, bounds []int) error {
	if len(bounds) != j.Size+1 || bounds[0] != 0 || bounds[j.Size] != n || !slices.IsSorted(bounds) {
		return fmt.Errorf("%s: bounds %v do not divide %d among %d processes", name, bounds, n, j.Size)
	}
	return nil
}

// partOf is the piece from at on of a rank's part, of that length or shorter.
func partOf[T any](x []T, bounds []int, rank, at, length int) []T {
	part := x[bounds[rank]:bounds[rank+1]]
	return part[min(at, len(part)):min(at+length, len(part))]
}

// inPieces calls do for pieces of all parts at a time, of which room has place: where in its part each begins, and how
// long the longest is.
func (j *Job) inPieces(name string, bounds []int, room int, do func(at, length int) error) error {
	j.together.Lock()
	defer j.together.Unlock()
	if err := j.barrier(name); err != nil {
		return err
	}
	longest := 0
	for rank := range j.Size {
		longest = max(longest, bounds[rank+1]-bounds[rank])
	}
	each := max(1, room/j.Size)
	for at := 0; at < longest; at += each {
		if err := do(at, min(each, longest-at)); err != nil {
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

func bytesOf(x []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}

func floats(b []byte) []float32 {
	if len(b) == 0 {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), len(b)/4)
}
