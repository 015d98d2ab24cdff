package paged

import "testing"

// The allocator's behaviour under load is tested by engine/schedule, whose
// simulated pool notices every wrong read; these are its contracts one by one.

func TestCopyOnWrite(t *testing.T) {
	a := New(10, 4)
	var first Table
	if _, ok := a.Grow(&first, 6); !ok || a.NumUsed() != 2 {
		t.Fatalf("%d pages for 6 tokens of 4, want 2", a.NumUsed())
	}
	second := a.Fork(&first)
	copies, ok := a.Grow(&second, 1)
	if !ok || len(copies) != 1 || copies[0].Src != first.Pages[1] || copies[0].Dst != second.Pages[1] {
		t.Fatalf("copies %v, %v; want one of the half-full page", copies, ok)
	}
	if copies, ok := a.Grow(&first, 1); !ok || len(copies) != 0 {
		t.Errorf("the last user of a page copied it: %v, %v", copies, ok)
	}
	a.Release(&first)
	a.Release(&second)
	if a.NumUsed() != 0 {
		t.Errorf("%d pages leak", a.NumUsed())
	}
}

func TestGrowIsAllOrNothing(t *testing.T) {
	a := New(4, 2) // 3 pages
	var table Table
	if _, ok := a.Grow(&table, 7); ok || table.Len != 0 || a.NumFree() != 3 {
		t.Errorf("7 tokens in 3 pages of 2: %v, %+v, %d free", ok, table, a.NumFree())
	}
	if _, ok := a.Grow(&table, 6); !ok || a.NumFree() != 0 {
		t.Errorf("6 tokens in 3 pages of 2: %v, %d free", ok, a.NumFree())
	}
	for _, p := range table.Pages {
		if p == 0 {
			t.Error("page 0 was handed out")
		}
	}
}

// match finds and shares in one go.
func match(a *Allocator, tokens []int32) Table {
	hashes := a.Hash(nil, tokens)
	return a.Share(a.Find(hashes, tokens), hashes)
}

func TestPrefix(t *testing.T) {
	a := New(5, 2)
	tokens := []int32{1, 2, 3, 4, 5}
	var table Table
	a.Grow(&table, 5)
	a.Seal(&table, a.Hash(nil, tokens), tokens)
	a.Release(&table)
	found := match(a, []int32{1, 2, 3, 4, 9})
	if found.Len != 4 || a.NumUsed() != 2 {
		t.Errorf("%d tokens found, %d pages used; want 4 and 2", found.Len, a.NumUsed())
	}
	a.Release(&found)
	if whole := match(a, []int32{1, 2, 3, 4}); whole.Len != 2 {
		t.Errorf("%d tokens found of a prompt of 4: one must be left to compute", whole.Len)
	} else {
		a.Release(&whole)
	}
	if other := match(a, []int32{9, 2, 3, 4, 5}); other.Len != 0 {
		t.Errorf("another beginning matched %d tokens", other.Len)
	}
	a.Reset()
	if gone := match(a, tokens); gone.Len != 0 || a.NumFree() != 4 {
		t.Errorf("after Reset %d tokens are found, %d pages free", gone.Len, a.NumFree())
	}
}

// TestPromise: a promised page is waited for until it is sealed, and no longer
// when whoever promised it lets go.
func TestPromise(t *testing.T) {
	a := New(9, 2)
	tokens := []int32{1, 2, 3, 4, 5}
	hashes := a.Hash(nil, tokens)
	var table Table
	a.Grow(&table, 5)
	a.Promise(&table, hashes)
	if hit := a.Find(hashes, tokens); hit != (Hit{Pending: hashes[0]}) {
		t.Errorf("nothing is computed: %+v, want its first page pending", hit)
	}
	a.Seal(&table, hashes, tokens[:3])
	if hit := a.Find(hashes, tokens); hit != (Hit{Pages: 1, Pending: hashes[1]}) {
		t.Errorf("3 of 5 tokens are computed: %+v, want a page and the next one pending", hit)
	}
	a.Release(&table)
	if hit := a.Find(hashes, tokens); hit != (Hit{Pages: 1, Unused: 1}) {
		t.Errorf("after Release: %+v, want one unused page and nothing pending", hit)
	}
	if len(a.promises) != 0 {
		t.Errorf("%d promises leak", len(a.promises))
	}
}

// TestStaleChild: a page whose predecessor was reused for something else is not
// found behind the new content, even when the hashes collide.
func TestStaleChild(t *testing.T) {
	a := New(4, 2)
	tokens := []int32{1, 2, 3, 4, 5}
	hashes := []uint64{7, 8} // made to collide
	var first Table
	a.Grow(&first, 4)
	a.Seal(&first, hashes, tokens[:4])
	child := Table{Pages: first.Pages[1:], Len: 2}
	a.Release(&Table{Pages: first.Pages[:1], Len: 2}) // the beginning goes first, against the rule
	var taker Table
	a.Grow(&taker, 4) // evicts it
	other := []int32{9, 9, 3, 4, 5}
	a.Seal(&taker, []uint64{7}, other[:2])
	if hit := a.Find(hashes, other); hit.Pages != 1 {
		t.Errorf("%d pages of another prefix are found, want 1", hit.Pages)
	}
	a.Release(&child)
	a.Release(&taker)
	if a.NumUsed() != 0 {
		t.Errorf("%d pages leak", a.NumUsed())
	}
}
