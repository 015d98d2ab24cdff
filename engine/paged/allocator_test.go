package paged

import "testing"

// The allocator's behaviour under load is tested by engine/schedule, whose
// simulated pool notices every wrong read; these are its contracts one by one.

func TestCopyOnWrite(t *testing.T) {
	a := New(10, 4)
	var first Table
	if _, ok := a.Grow(&first, 6); !ok || a.NumUsed() != 2 {
		t.Fatalf("%d blocks for 6 tokens of 4, want 2", a.NumUsed())
	}
	second := a.Fork(&first)
	copies, ok := a.Grow(&second, 1)
	if !ok || len(copies) != 1 || copies[0].Src != first.Blocks[1] || copies[0].Dst != second.Blocks[1] {
		t.Fatalf("copies %v, %v; want one of the half-full block", copies, ok)
	}
	if copies, ok := a.Grow(&first, 1); !ok || len(copies) != 0 {
		t.Errorf("the last user of a block copied it: %v, %v", copies, ok)
	}
	a.Release(&first)
	a.Release(&second)
	if a.NumUsed() != 0 {
		t.Errorf("%d blocks leak", a.NumUsed())
	}
}

func TestGrowIsAllOrNothing(t *testing.T) {
	a := New(4, 2) // 3 blocks
	var table Table
	if _, ok := a.Grow(&table, 7); ok || table.Len != 0 || a.NumFree() != 3 {
		t.Errorf("7 tokens in 3 blocks of 2: %v, %+v, %d free", ok, table, a.NumFree())
	}
	if _, ok := a.Grow(&table, 6); !ok || a.NumFree() != 0 {
		t.Errorf("6 tokens in 3 blocks of 2: %v, %d free", ok, a.NumFree())
	}
	for _, b := range table.Blocks {
		if b == 0 {
			t.Error("block 0 was handed out")
		}
	}
}

func TestPrefix(t *testing.T) {
	a := New(5, 2)
	tokens := []int32{1, 2, 3, 4, 5}
	var table Table
	a.Grow(&table, 5)
	a.Seal(&table, tokens)
	a.Release(&table)
	found := a.Match([]int32{1, 2, 3, 4, 9})
	if found.Len != 4 || a.NumUsed() != 2 {
		t.Errorf("%d tokens found, %d blocks used; want 4 and 2", found.Len, a.NumUsed())
	}
	a.Release(&found)
	if whole := a.Match([]int32{1, 2, 3, 4}); whole.Len != 2 {
		t.Errorf("%d tokens found of a prompt of 4: one must be left to compute", whole.Len)
	} else {
		a.Release(&whole)
	}
	if other := a.Match([]int32{9, 2, 3, 4, 5}); other.Len != 0 {
		t.Errorf("another beginning matched %d tokens", other.Len)
	}
	a.Reset()
	if gone := a.Match(tokens); gone.Len != 0 || a.NumFree() != 4 {
		t.Errorf("after Reset %d tokens are found, %d blocks free", gone.Len, a.NumFree())
	}
}
