// Package paged hands out the blocks of a key-value pool: block tables,
// reference counts, copy-on-write and sharing of equal prefixes. It is
// bookkeeping only and knows no tensors.
//
// Invariants: block 0 belongs to nobody, padding points at it; a block is free,
// cached (unused, its content may be found again) or used by at least one table;
// a block used by several tables is never written; when every table is released,
// no block is used.
package paged

import "slices"

// Allocator owns the blocks of a pool. It is not safe for concurrent use.
type Allocator struct {
	size   int
	blocks []block
	free   []int32 // never used or forgotten, taken from the end
	// Cached blocks, oldest first: a doubly linked list through block.older and
	// block.newer, closed by block 0.
	cached   int
	byHash   map[uint64]int32 // sealed blocks
	promises map[uint64]int32 // blocks that are about to be computed
}

// name tells a block's content from what the same block held before it was reused.
type name struct {
	block  int32
	serial uint32
}

// origin stands before the first block of every sequence.
var origin = name{}

// block is the state of one block.
type block struct {
	users    int32
	serial   uint32 // how often it was handed out
	sealed   bool   // full, and found by its hash
	promised bool   // will be full, and is waited for by its hash
	hash     uint64 // of all tokens from the sequence's start to the block's end
	parent   name   // the block before it when it was sealed
	tokens   []int32
	older    int32
	newer    int32
}

// Table is the block table of a sequence: token i of it lives in slot i mod
// BlockSize of Blocks[i / BlockSize].
type Table struct {
	Blocks []int32
	Len    int // slots in use

	sealed int  // blocks from the start that Seal is done with
	parent name // the findable block that holds the content of the last of them
}

// Copy asks for the content of block Src to be copied to block Dst.
type Copy struct{ Src, Dst int32 }

// New makes an allocator of numBlocks blocks, block 0 included, of blockSize
// token slots.
func New(numBlocks, blockSize int) *Allocator {
	a := &Allocator{size: blockSize, blocks: make([]block, numBlocks), byHash: map[uint64]int32{}, promises: map[uint64]int32{}}
	for i := numBlocks - 1; i > 0; i-- {
		a.free = append(a.free, int32(i))
	}
	return a
}

// BlockSize is the number of token slots of a block.
func (a *Allocator) BlockSize() int { return a.size }

// NumBlocks is the number of blocks that can be handed out.
func (a *Allocator) NumBlocks() int { return len(a.blocks) - 1 }

// NumFree is the number of blocks that can be taken now, cached ones included.
func (a *Allocator) NumFree() int { return len(a.free) + a.cached }

// NumUsed is the number of blocks that some table holds.
func (a *Allocator) NumUsed() int { return a.NumBlocks() - a.NumFree() }

// BlocksFor is how many blocks hold tokens.
func (a *Allocator) BlocksFor(tokens int) int { return (tokens + a.size - 1) / a.size }

// Grow makes room for n more tokens at the end of t. Where the last block is
// shared and not full, the table gets a copy of its own first: the caller must
// carry out the returned copies before anything is written. When blocks run out
// nothing changes and ok is false.
func (a *Allocator) Grow(t *Table, n int) (copies []Copy, ok bool) {
	want := a.BlocksFor(t.Len+n) - len(t.Blocks)
	shared := n > 0 && t.Len%a.size != 0 && a.blocks[t.Blocks[len(t.Blocks)-1]].users > 1
	need := want
	if shared {
		need++
	}
	if need > a.NumFree() {
		return nil, false
	}
	if shared {
		last := len(t.Blocks) - 1
		own := a.take()
		copies = []Copy{{t.Blocks[last], own}}
		a.release(t.Blocks[last])
		t.Blocks[last] = own
	}
	for range want {
		t.Blocks = append(t.Blocks, a.take())
	}
	t.Len += n
	return copies, true
}

// Fork returns a table of the same tokens that shares every block.
func (a *Allocator) Fork(t *Table) Table {
	for _, b := range t.Blocks {
		a.blocks[b].users++
	}
	fork := *t
	fork.Blocks = slices.Clone(t.Blocks)
	return fork
}

// Release gives t's blocks back and empties it. Sealed blocks stay cached until
// their room is needed.
func (a *Allocator) Release(t *Table) {
	// The last block first, so that the beginning of a prefix outlives its end.
	for _, b := range slices.Backward(t.Blocks) {
		a.release(b)
	}
	*t = Table{}
}

func (a *Allocator) release(b int32) {
	s := &a.blocks[b]
	if s.users--; s.users > 0 {
		return
	}
	a.breakPromise(b)
	if s.sealed {
		a.push(b)
	} else {
		a.free = append(a.free, b)
	}
}

// take returns a block with one user; there must be one. Free blocks go first,
// then the cached block that was let go longest ago.
func (a *Allocator) take() int32 {
	if n := len(a.free); n > 0 {
		b := a.free[n-1]
		a.free = a.free[:n-1]
		return a.hand(b)
	}
	b := a.blocks[0].newer
	a.unlink(b)
	a.forget(b)
	return a.hand(b)
}

// hand gives a block its first user.
func (a *Allocator) hand(b int32) int32 {
	a.blocks[b].users = 1
	a.blocks[b].serial++
	return b
}

// name is the name of what block b holds.
func (a *Allocator) name(b int32) name { return name{b, a.blocks[b].serial} }

// forget makes a sealed block an ordinary one.
func (a *Allocator) forget(b int32) {
	s := &a.blocks[b]
	if a.byHash[s.hash] == b {
		delete(a.byHash, s.hash)
	}
	s.sealed, s.tokens, s.parent = false, s.tokens[:0], origin
}

// push appends b to the cached list; unlink takes it out.
func (a *Allocator) push(b int32) {
	newest := a.blocks[0].older
	a.blocks[b].older, a.blocks[b].newer = newest, 0
	a.blocks[newest].newer = b
	a.blocks[0].older = b
	a.cached++
}

func (a *Allocator) unlink(b int32) {
	s := &a.blocks[b]
	a.blocks[s.older].newer = s.newer
	a.blocks[s.newer].older = s.older
	a.cached--
}
