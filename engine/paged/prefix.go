package paged

import (
	"slices"

	"github.com/stele-lm/stele/internal/splitmix"
)

// Hash extends hashes, one for each full page of tokens, by those of the pages
// that became full. The hash of a page stands for all tokens up to its end.
func (a *Allocator) Hash(hashes []uint64, tokens []int32) []uint64 {
	before := uint64(0)
	if n := len(hashes); n > 0 {
		before = hashes[n-1]
	}
	for end := (len(hashes) + 1) * a.size; end <= len(tokens); end += a.size {
		before = chain(before, tokens[end-a.size:end])
		hashes = append(hashes, before)
	}
	return hashes
}

// chain returns the hash of a prefix that ends with piece, given that of the tokens before: as in
// FNV, a product for each, with the high half folded in. Tokens are compared where a hash is
// found, so a collision costs a hit and nothing else.
func chain(before uint64, piece []int32) uint64 {
	h := before ^ 0xcbf29ce484222325
	for _, id := range piece {
		h = (h ^ uint64(uint32(id))) * splitmix.Gamma
		h ^= h >> 32
	}
	return h
}

// Hit counts the pages of a sequence's beginning that the pool holds.
type Hit struct {
	Pages  int // full pages that can be shared
	Unused int // how many of them nobody uses: to share them takes them from NumFree
	// Pending is the hash of the page after them when a table has promised it,
	// and 0 otherwise.
	Pending uint64
}

// Find looks for the longest prefix of tokens whose pages are known; hashes are
// those of Hash. At least one token is left to compute, because its logits are
// wanted. Nothing changes.
func (a *Allocator) Find(hashes []uint64, tokens []int32) Hit {
	var hit Hit
	parent := origin
	for i, hash := range hashes {
		if (i+1)*a.size >= len(tokens) {
			break
		}
		p, ok := a.byHash[hash]
		if !ok || !a.holds(p, parent, tokens[i*a.size:(i+1)*a.size]) {
			if a.Promised(hash) {
				hit.Pending = hash
			}
			break
		}
		hit.Pages++
		if a.pages[p].users == 0 {
			hit.Unused++
		}
		parent = a.contentsOf(p)
	}
	return hit
}

// holds reports whether a sealed page holds these tokens after this prefix.
func (a *Allocator) holds(p int32, parent contents, piece []int32) bool {
	return a.pages[p].parent == parent && slices.Equal(a.pages[p].tokens, piece)
}

// Share returns a table of the pages that a Find has just found.
func (a *Allocator) Share(hit Hit, hashes []uint64) Table {
	t := Table{Len: hit.Pages * a.size, sealed: hit.Pages}
	for _, hash := range hashes[:hit.Pages] {
		p := a.byHash[hash]
		if a.pages[p].users == 0 {
			a.unlink(p)
		}
		a.pages[p].users++
		t.Pages = append(t.Pages, p)
		t.parent = a.contentsOf(p)
	}
	return t
}

// Promise tells others that t's pages are about to be computed, so that they can
// wait for them instead of computing the same. A promise ends when its page is
// sealed or released.
func (a *Allocator) Promise(t *Table, hashes []uint64) {
	for i := t.sealed; i < min(len(hashes), len(t.Pages)); i++ {
		if _, taken := a.promises[hashes[i]]; !taken {
			a.promises[hashes[i]] = t.Pages[i]
			a.pages[t.Pages[i]].hash = hashes[i]
			a.pages[t.Pages[i]].promised = true
		}
	}
}

// Promised reports whether somebody is about to compute the page of this hash.
func (a *Allocator) Promised(hash uint64) bool {
	_, ok := a.promises[hash]
	return ok
}

// Seal makes the full pages of t findable; tokens are those whose keys and
// values are in the pool, from the start. Pages sealed before stay as they are,
// and of two pages with the same content the first is found.
func (a *Allocator) Seal(t *Table, hashes []uint64, tokens []int32) {
	for full := min(len(tokens), t.Len) / a.size; t.sealed < full; t.sealed++ {
		p, hash := t.Pages[t.sealed], hashes[t.sealed]
		piece := tokens[t.sealed*a.size : (t.sealed+1)*a.size]
		s := &a.pages[p]
		a.breakPromise(p)
		if s.sealed { // by another member of the group
			t.parent = a.contentsOf(p)
			continue
		}
		if other, taken := a.byHash[hash]; taken && a.holds(other, t.parent, piece) {
			// Somebody computed the same beside us. What follows hangs on the page
			// that is found.
			t.parent = a.contentsOf(other)
			continue
		}
		s.sealed, s.hash, s.parent = true, hash, t.parent
		s.tokens = append(s.tokens[:0], piece...)
		a.byHash[hash] = p
		t.parent = a.contentsOf(p)
	}
}

// breakPromise ends the promise of a page, if there is one.
func (a *Allocator) breakPromise(p int32) {
	if s := &a.pages[p]; s.promised {
		delete(a.promises, s.hash)
		s.promised = false
	}
}

// Reset forgets every prefix, because what the pool holds is no longer valid.
// Tables in use stay.
func (a *Allocator) Reset() {
	for a.cached > 0 {
		p := a.pages[0].newer
		a.unlink(p)
		a.forget(p)
		a.free = append(a.free, p)
	}
	for p := range a.pages {
		if a.pages[p].sealed {
			a.forget(int32(p))
		}
	}
}
