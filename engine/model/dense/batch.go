package dense

import (
	"math/bits"

	"github.com/stele-lm/stele/kernels/backend"
)

// Pair is a prompt and the completion whose tokens are of interest.
type Pair struct{ Prompt, Completion []int32 }

func (p Pair) len() int { return len(p.Prompt) + len(p.Completion) }

// Batch is some pairs laid out for a dense program: by Grouping.Batch or by
// Packing.Batch.
type Batch struct {
	Shape Shape
	// First has the index of each pair's first completion token among the Shape.N
	// entries; the others follow in order. Entries past the last pair are padding.
	First []int
	// Of each token of the flat layout, zero where it is padding.
	token, position []int32 // [Shape.Tokens()]
	row, target     []int32 // [N]
	asked           int     // entries of row and target
	filled          int     // tokens that are no padding
}

// Filled counts the tokens of the batch that are no padding; Shape.Tokens counts all.
func (b *Batch) Filled() int { return b.filled }

func newBatch(s Shape) *Batch {
	ints := func(n int) []int32 { return make([]int32, n) }
	return &Batch{
		Shape: s, token: ints(s.Tokens()), position: ints(s.Tokens()), row: ints(s.N), target: ints(s.N),
	}
}

// prompt puts a prompt at an index of the flat tokens.
func (b *Batch) prompt(ids []int32, at int) {
	copy(b.token[at:], ids)
	b.filled += len(ids)
	for i := range ids {
		b.position[at+i] = int32(i)
	}
}

// completion puts the completion of a pair at an index of the flat tokens and asks
// for its log-probabilities; its prompt is at another.
func (b *Batch) completion(p Pair, prompt, at int) {
	b.First = append(b.First, b.asked)
	b.filled += len(p.Completion)
	before := prompt + len(p.Prompt) - 1
	for i, id := range p.Completion {
		b.token[at+i], b.position[at+i] = id, int32(len(p.Prompt)+i)
		b.row[b.asked], b.target[b.asked] = int32(before), id
		before = at + i
		b.asked++
	}
}

// Sequences returns to which pair each of the Shape.N entries belongs, counted in the
// order of First, and -1 for padding.
func (b *Batch) Sequences() []int32 {
	sequences := make([]int32, b.Shape.N)
	pair := int32(-1)
	for i := range sequences {
		if i >= b.asked {
			sequences[i] = -1
			continue
		}
		for int(pair)+1 < len(b.First) && b.First[pair+1] <= i {
			pair++
		}
		sequences[i] = pair
	}
	return sequences
}

// Upload returns the inputs that Shape declares.
func (b *Batch) Upload(d *backend.Device, temperature float32) (backend.Buffers, error) {
	buffer, err := backend.Upload(d, []float32{temperature})
	if err != nil {
		return nil, err
	}
	buffers := backend.Buffers{"temperature": {buffer}}
	inputs := map[string][]int32{"token": b.token, "position": b.position, "row": b.row, "target": b.target}
	for name, ints := range inputs {
		if buffer, err = backend.Upload(d, ints, len(ints)); err != nil {
			buffers.Free()
			return nil, err
		}
		buffers[name] = []backend.Buffer{buffer}
	}
	return buffers, nil
}

// Bucket rounds n up to a power of two, at least least: programs are compiled
// for shapes, so shapes are made few.
func Bucket(n, least int) int {
	if n <= least {
		return least
	}
	return 1 << bits.Len(uint(n-1))
}

// half rounds n up to a power of two or to the half between two of them.
func half(n int) int {
	up := Bucket(n, 1)
	if less := up / 4 * 3; less >= n {
		return less
	}
	return up
}

// Width rounds a number of tokens up as half does, to a multiple of 8.
func Width(n int) int {
	if n <= 16 {
		return Bucket(n, 8)
	}
	return half(n)
}
