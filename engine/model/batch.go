package model

import (
	"math/bits"
	"slices"

	"stele/kernels"
)

// Pair is a prompt and the completion whose tokens are of interest.
type Pair struct{ Prompt, Completion []int32 }

func (p Pair) len() int { return len(p.Prompt) + len(p.Completion) }

// Batch is some pairs laid out for a dense program.
type Batch struct {
	Shape DenseShape
	// First is where each pair's completion tokens begin among the Shape.N
	// entries; they follow in order. Entries past the last pair are padding.
	First  []int
	token  []int32 // [B, T]
	row    []int32 // [N]
	target []int32 // [N]
}

// NewBatch lays out pairs, padding each side of the shape to a power of two so
// that few programs have to be compiled.
func NewBatch(pairs []Pair) *Batch {
	longest, count := 0, 0
	for _, p := range pairs {
		longest = max(longest, p.len())
		count += len(p.Completion)
	}
	b := &Batch{Shape: DenseShape{B: Bucket(len(pairs), 1), T: Bucket(longest, 16), N: Bucket(count, 16)}}
	b.token = make([]int32, b.Shape.B*b.Shape.T)
	b.row = make([]int32, b.Shape.N)
	b.target = make([]int32, b.Shape.N)
	n := 0
	for i, p := range pairs {
		b.First = append(b.First, n)
		at := i * b.Shape.T
		copy(b.token[at:], p.Prompt)
		copy(b.token[at+len(p.Prompt):], p.Completion)
		for j, id := range p.Completion {
			b.row[n] = int32(at + len(p.Prompt) + j - 1)
			b.target[n] = id
			n++
		}
	}
	return b
}

// Upload returns the DenseInputs of the batch.
func (b *Batch) Upload(d *kernels.Device, temperature float32) ([]kernels.Buffer, error) {
	s := b.Shape
	var buffers []kernels.Buffer
	for _, in := range []struct {
		data []int32
		dims []int
	}{{b.token, []int{s.B, s.T}}, {b.row, []int{s.N}}, {b.target, []int{s.N}}} {
		buffer, err := kernels.Upload(d, in.data, in.dims...)
		if err != nil {
			kernels.Free(buffers...)
			return nil, err
		}
		buffers = append(buffers, buffer)
	}
	buffer, err := kernels.Upload(d, []float32{temperature})
	if err != nil {
		kernels.Free(buffers...)
		return nil, err
	}
	return append(buffers, buffer), nil
}

// Plan divides pairs into batches of at most maxTokens padded tokens each, at
// least one pair a batch, pairs of like length together. It returns indices. A
// batch takes in pairs of the next wider shape only while it is small: padding
// costs as much as tokens do.
func Plan(pairs []Pair, maxTokens int) [][]int {
	order := make([]int, len(pairs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return pairs[a].len() - pairs[b].len() })
	var batches [][]int
	var batch []int
	width := 0
	for _, i := range order { // ascending: i is the longest so far
		own := Bucket(pairs[i].len(), 16)
		full := Bucket(len(batch)+1, 1)*own > maxTokens
		wider := own > width && len(batch)*width >= maxTokens/8
		if len(batch) > 0 && (full || wider) {
			batches = append(batches, batch)
			batch = nil
		}
		batch = append(batch, i)
		width = own
	}
	if len(batch) > 0 {
		batches = append(batches, batch)
	}
	return batches
}

// Bucket rounds n up to a power of two, at least least: programs are compiled
// for shapes, so shapes are made few.
func Bucket(n, least int) int {
	if n <= least {
		return least
	}
	return 1 << bits.Len(uint(n-1))
}
