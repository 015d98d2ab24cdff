package paged

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// Match returns a table of the longest prefix of tokens whose full blocks are
// known, sharing them; at least one token is left to compute, because its logits
// are wanted. The table is empty when nothing is known.
func (a *Allocator) Match(tokens []int32) Table {
	var t Table
	hash := uint64(0)
	parent := int32(0)
	for end := a.size; end < len(tokens); end += a.size {
		piece := tokens[end-a.size : end]
		hash = a.chain(hash, piece)
		b, ok := a.byHash[hash]
		// Compared, not believed: a collision of hashes must not mix prefixes.
		if !ok || a.blocks[b].parent != parent || !slices.Equal(a.blocks[b].tokens, piece) {
			break
		}
		if a.blocks[b].users == 0 {
			a.unlink(b)
		}
		a.blocks[b].users++
		t.Blocks = append(t.Blocks, b)
		t.Len = end
		parent = b
	}
	return t
}

// Seal makes the full blocks of t findable; tokens are those whose keys and
// values are in the pool, from the start. Blocks sealed before stay as they are,
// and of two blocks with the same content the first is found.
func (a *Allocator) Seal(t *Table, tokens []int32) {
	hash := uint64(0)
	parent := int32(0)
	for i := 0; (i+1)*a.size <= min(len(tokens), t.Len); i++ {
		piece := tokens[i*a.size : (i+1)*a.size]
		hash = a.chain(hash, piece)
		b := t.Blocks[i]
		if s := &a.blocks[b]; !s.sealed {
			if other, taken := a.byHash[hash]; taken && other != b {
				// Somebody computed the same prefix beside us. What follows hangs on
				// the block that is found.
				parent = other
				continue
			}
			s.sealed, s.hash, s.parent = true, hash, parent
			s.tokens = append(s.tokens[:0], piece...)
			a.byHash[hash] = b
		}
		parent = b
	}
}

// Reset forgets every prefix, because what the pool holds is no longer valid.
// Tables in use stay.
func (a *Allocator) Reset() {
	for a.cached > 0 {
		b := a.blocks[0].newer
		a.unlink(b)
		a.forget(b)
		a.free = append(a.free, b)
	}
	for b := range a.blocks {
		if a.blocks[b].sealed {
			a.forget(int32(b))
		}
	}
}

// chain is the hash of a prefix that ends with piece, given that of what is before.
func (a *Allocator) chain(before uint64, piece []int32) uint64 {
	var h maphash.Hash
	h.SetSeed(a.seed)
	var word [8]byte
	binary.LittleEndian.PutUint64(word[:], before)
	h.Write(word[:])
	for _, id := range piece {
		binary.LittleEndian.PutUint32(word[:4], uint32(id))
		h.Write(word[:4])
	}
	return h.Sum64()
}
