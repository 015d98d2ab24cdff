// Package paged hands out the pages of a key-value pool: page tables,
// reference counts, copy-on-write and sharing of equal prefixes. It is
// bookkeeping only and knows no tensors.
//
// Invariants: page 0 belongs to nobody, padding points at it; a page is free,
// cached (unused, its content may be found again) or used by at least one table;
// a page used by several tables is never written; when every table is released,
// no page is used.
package paged

import "slices"

// Allocator owns the pages of a pool. It is not safe for concurrent use.
type Allocator struct {
	size  int
	pages []page
	free  []int32 // never used or forgotten, taken from the end
	// Cached pages, oldest first: a doubly linked list through page.older and
	// page.newer, closed by page 0.
	cached   int
	byHash   map[uint64]int32 // sealed pages
	promises map[uint64]int32 // pages that are about to be computed
}

// contents names what a page holds now, and not what it held before it was reused.
type contents struct {
	page   int32
	serial uint32
}

// origin stands before the first page of every sequence.
var origin = contents{}

// page describes one page of the pool.
type page struct {
	users    int32
	serial   uint32   // how often it was handed out
	sealed   bool     // full, and found by its hash
	promised bool     // will be full, and is waited for by its hash
	hash     uint64   // of all tokens from the sequence's start to the page's end
	parent   contents // of the page before it when it was sealed
	tokens   []int32
	older    int32
	newer    int32
}

// Table is the page table of a sequence: token i of it lives in slot i mod
// PageSize of Pages[i / PageSize].
type Table struct {
	Pages []int32
	Len   int // slots in use

	sealed int      // pages from the start that Seal is done with
	parent contents // the findable page that holds the content of the last of them
}

// Copy asks for the contents of page Src to be copied to page Dst.
type Copy struct{ Src, Dst int32 }

// New makes an allocator of numPages pages, page 0 included, of pageSize
// token slots.
func New(numPages, pageSize int) *Allocator {
	a := &Allocator{
		size: pageSize, pages: make([]page, numPages),
		byHash: map[uint64]int32{}, promises: map[uint64]int32{},
	}
	for i := numPages - 1; i > 0; i-- {
		a.free = append(a.free, int32(i))
	}
	return a
}

// PageSize returns the number of token slots of a page.
func (a *Allocator) PageSize() int { return a.size }

// NumPages returns the number of pages that can be handed out.
func (a *Allocator) NumPages() int { return len(a.pages) - 1 }

// NumFree returns the number of pages that can be taken now, cached ones included.
func (a *Allocator) NumFree() int { return len(a.free) + a.cached }

// NumUsed returns the number of pages that some table holds.
func (a *Allocator) NumUsed() int { return a.NumPages() - a.NumFree() }

// PagesFor returns how many pages so many tokens take.
func (a *Allocator) PagesFor(tokens int) int { return (tokens + a.size - 1) / a.size }

// Grow makes room for n more tokens at the end of t. Where the last page is
// shared and not full, the table gets a copy of its own first: the caller must
// carry out the returned copies before anything is written. When pages run out
// nothing changes and ok is false.
func (a *Allocator) Grow(t *Table, n int) (copies []Copy, ok bool) {
	want := a.PagesFor(t.Len+n) - len(t.Pages)
	shared := n > 0 && t.Len%a.size != 0 && a.pages[t.Pages[len(t.Pages)-1]].users > 1
	need := want
	if shared {
		need++
	}
	if need > a.NumFree() {
		return nil, false
	}
	if shared {
		last := len(t.Pages) - 1
		own := a.take()
		copies = []Copy{{t.Pages[last], own}}
		a.release(t.Pages[last])
		t.Pages[last] = own
	}
	for range want {
		t.Pages = append(t.Pages, a.take())
	}
	t.Len += n
	return copies, true
}

// Shrink takes back what Grow gave beyond the first n slots, which nobody else uses.
func (a *Allocator) Shrink(t *Table, n int) {
	pages := a.PagesFor(n)
	for _, p := range t.Pages[pages:] {
		a.release(p)
	}
	t.Pages, t.Len = t.Pages[:pages], n
}

// Fork returns a table of the same tokens that shares every page.
func (a *Allocator) Fork(t *Table) Table {
	for _, p := range t.Pages {
		a.pages[p].users++
	}
	fork := *t
	fork.Pages = slices.Clone(t.Pages)
	return fork
}

// Release gives t's pages back and empties it. Sealed pages stay cached until
// their room is needed.
func (a *Allocator) Release(t *Table) {
	// The last page first, so that the beginning of a prefix outlives its end.
	for _, p := range slices.Backward(t.Pages) {
		a.release(p)
	}
	*t = Table{}
}

// release takes a user from page p.
func (a *Allocator) release(p int32) {
	s := &a.pages[p]
	if s.users--; s.users > 0 {
		return
	}
	a.breakPromise(p)
	if s.sealed {
		a.push(p)
	} else {
		a.free = append(a.free, p)
	}
}

// take returns a page with one user; there must be one. Free pages go first,
// then the cached page that was let go longest ago.
func (a *Allocator) take() int32 {
	if n := len(a.free); n > 0 {
		p := a.free[n-1]
		a.free = a.free[:n-1]
		return a.hand(p)
	}
	p := a.pages[0].newer
	a.unlink(p)
	a.forget(p)
	return a.hand(p)
}

// hand gives a page its first user.
func (a *Allocator) hand(p int32) int32 {
	a.pages[p].users = 1
	a.pages[p].serial++
	return p
}

// contentsOf names what page p holds.
func (a *Allocator) contentsOf(p int32) contents { return contents{p, a.pages[p].serial} }

// forget makes a sealed page an ordinary one.
func (a *Allocator) forget(p int32) {
	s := &a.pages[p]
	if a.byHash[s.hash] == p {
		delete(a.byHash, s.hash)
	}
	s.sealed, s.tokens, s.parent = false, s.tokens[:0], origin
}

// push appends p to the cached list; unlink takes it out.
func (a *Allocator) push(p int32) {
	newest := a.pages[0].older
	a.pages[p].older, a.pages[p].newer = newest, 0
	a.pages[newest].newer = p
	a.pages[0].older = p
	a.cached++
}

func (a *Allocator) unlink(p int32) {
	s := &a.pages[p]
	a.pages[s.older].newer = s.newer
	a.pages[s.newer].older = s.older
	a.cached--
}
