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
	start  []int32 // [B, T] of a packed batch: where each token's pair begins in its row
	placed int     // entries of row and target
}

func newBatch(s DenseShape) *Batch {
	return &Batch{Shape: s, token: make([]int32, s.B*s.T), row: make([]int32, s.N), target: make([]int32, s.N)}
}

// place puts a pair at a place of the flattened [B·T] tokens.
func (b *Batch) place(p Pair, at int) {
	b.First = append(b.First, b.placed)
	copy(b.token[at:], p.Prompt)
	copy(b.token[at+len(p.Prompt):], p.Completion)
	for j, id := range p.Completion {
		b.row[b.placed] = int32(at + len(p.Prompt) + j - 1)
		b.target[b.placed] = id
		b.placed++
	}
}

// NewBatch lays out pairs, padding each side of the shape to a power of two so
// that few programs have to be compiled.
func NewBatch(pairs []Pair) *Batch {
	longest, count := 0, 0
	for _, p := range pairs {
		longest = max(longest, p.len())
		count += len(p.Completion)
	}
	b := newBatch(DenseShape{B: Bucket(len(pairs), 1), T: Bucket(longest, 16), N: Bucket(count, 16)})
	for i, p := range pairs {
		b.place(p, i*b.Shape.T)
	}
	return b
}

// Upload returns the inputs that Shape declares.
func (b *Batch) Upload(d *kernels.Device, temperature float32) (buffers []kernels.Buffer, err error) {
	defer func() {
		if err != nil {
			kernels.Free(buffers...)
		}
	}()
	s := b.Shape
	ints := func(data []int32, dims ...int) {
		if err == nil {
			var buffer kernels.Buffer
			buffer, err = kernels.Upload(d, data, dims...)
			buffers = append(buffers, buffer)
		}
	}
	ints(b.token, s.B, s.T)
	ints(b.row, s.N)
	ints(b.target, s.N)
	if s.Packed {
		ints(b.start, s.B, s.T)
	}
	if err != nil {
		return nil, err
	}
	buffer, err := kernels.Upload(d, []float32{temperature})
	return append(buffers, buffer), err
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
