package cluster

import (
	"fmt"
	"slices"
	"unsafe"
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

// AllReduce replaces the numbers of every process, which lie here and there in memory, by their sums over all, in the
// order of ranks, so that all have the same bits, and have them again with as many processes, wherever they run. All
// give equally many.
func (j *Job) AllReduce(x ...[]float32) error {
	if j.thread == nil {
		return nil
	}
	all := part[float32](x)
	bounds := j.Even(all.len())
	parts, lengths := make([]part[float32], j.Size), make([]int, j.Size)
	for rank := range parts {
		parts[rank], lengths[rank] = all.cut(bounds[rank], bounds[rank+1]), bounds[rank+1]-bounds[rank]
	}
	const name = "a sum"
	return j.inPieces(name, lengths, 4, func(c crossing, at, length int) error {
		terms, err := j.spread(c, name, parts, at, length)
		if err != nil {
			return err
		}
		give, get, end := c.begin(name, 4*length, true)
		add(floats(give(j.Rank))[:within(lengths[j.Rank], at, length)], terms)
		err = end()
		for rank, p := range parts {
			p.put(at, floats(get(rank)))
		}
		return err
	})
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
	var parts []part[float32]
	lengths := make([]int, j.Size)
	for rank := range lengths {
		lengths[rank] = bounds[rank+1] - bounds[rank]
		if x != nil {
			parts = append(parts, part[float32]{x[bounds[rank]:bounds[rank+1]]})
		}
	}
	const name = "a sum"
	return j.inPieces(name, lengths, 4, func(c crossing, at, length int) error {
		terms, err := j.spread(c, name, parts, at, length)
		if err == nil {
			sums := terms[0][:within(lengths[j.Rank], at, length)] // nobody else reads it
			add(sums, terms)
			take(at, sums)
		}
		return err
	})
}

// spread gives all processes what this one has of a piece of their parts, and returns what they have of it for this
// one's, by rank. No parts are zeros.
func (j *Job) spread(c crossing, name string, parts []part[float32], at, length int) (terms [][]float32, err error) {
	give, get, end := c.begin(name, 4*length, false)
	terms = make([][]float32, j.Size)
	for rank := range j.Size {
		if parts == nil {
			clear(give(rank))
		} else {
			parts[rank].get(floats(give(rank)), at)
		}
		terms[rank] = floats(get(rank))
	}
	return terms, end()
}

// add makes sums of as many of the terms, two or more, in their order. The first may be the sums.
func add(sums []float32, terms [][]float32) {
	a, b := terms[0][:len(sums)], terms[1][:len(sums)]
	for i := range sums {
		sums[i] = a[i] + b[i]
	}
	for _, more := range terms[2:] {
		for i, v := range more[:len(sums)] {
			sums[i] += v
		}
	}
}

// AllGatherParts gives to all the bytes that rank i has of parts[i], which lie here and there in memory. Each part is
// equally long on all.
func (j *Job) AllGatherParts(parts [][][]byte) error {
	if len(parts) != j.Size {
		return fmt.Errorf("a gathering: %d parts of %d processes", len(parts), j.Size)
	}
	if j.thread == nil {
		return nil
	}
	lengths := make([]int, j.Size)
	for rank, p := range parts {
		lengths[rank] = part[byte](p).len()
	}
	const name = "a gathering"
	return j.inPieces(name, lengths, 1, func(c crossing, at, length int) error {
		give, get, end := c.begin(name, length, true)
		part[byte](parts[j.Rank]).get(give(j.Rank), at)
		err := end()
		for rank, p := range parts {
			if rank != j.Rank {
				part[byte](p).put(at, get(rank))
			}
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

// inPieces calls do for pieces of parts of some lengths, of numbers of so many bytes, that have room on the way: where
// in its part each begins, and how long the longest is.
func (j *Job) inPieces(name string, lengths []int, bytes int, do func(c crossing, at, length int) error) error {
	j.together.Lock()
	defer j.together.Unlock()
	if err := j.barrier(name); err != nil {
		return err
	}
	c, err := j.crossing()
	if err != nil {
		return err
	}
	longest, each := slices.Max(lengths), max(1, c.room()/j.Size/bytes)
	for at := 0; at < longest; at += each {
		if err := do(c, at, min(each, longest-at)); err != nil {
			return err
		}
	}
	return nil
}

// within is how many of a length a part of n has from at on.
func within(n, at, length int) int { return min(max(n-at, 0), length) }

// part is what lies here and there in memory, in its order.
type part[T any] [][]T

func (p part[T]) len() (n int) {
	for _, some := range p {
		n += len(some)
	}
	return n
}

// cut is the part of it from one place to another.
func (p part[T]) cut(from, to int) (cut part[T]) {
	for _, some := range p {
		if n := len(some); from < n && to > 0 && n > 0 {
			cut = append(cut, some[max(from, 0):min(to, n)])
		}
		from, to = from-len(some), to-len(some)
	}
	return cut
}

// get copies what lies from a place on, as much as there is and b has room for.
func (p part[T]) get(b []T, at int) {
	for _, some := range p.cut(at, at+len(b)) {
		b = b[copy(b, some):]
	}
}

// put is get the other way.
func (p part[T]) put(at int, b []T) {
	for _, some := range p.cut(at, at+len(b)) {
		b = b[copy(some, b):]
	}
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
