package cluster

import (
	"errors"
	"math"
	"slices"
	"testing"
)

// TestDeal: every piece is handed out once; where all fit at once each process has its even part of them, whoever asks
// first, and else all take as many as fit before anything is left to whoever is free.
func TestDeal(t *testing.T) {
	for _, c := range []struct {
		size, devices, pieces, group, batch int
		held, dealt                         int
	}{
		{2, 1, 8, 8, 64, 25, 8},  // 4 questions each at once
		{2, 1, 8, 8, 32, 25, 8},  // which just fit
		{2, 1, 8, 8, 31, 31, 6},  // 3 each, and 2 for whoever is free
		{2, 1, 9, 8, 64, 33, 9},  // one has a question more
		{3, 2, 12, 4, 64, 5, 12}, // 2 for each of 6 GPUs
		{4, 1, 3, 8, 64, 1, 3},   // one has none
		{2, 1, 10, 16, 8, 8, 2},  // a group is more than a batch: rows are filled as they come free
		{2, 1, 2, 16, 8, 1, 2},   // and nothing else is there to fill them with
		{1, 1, 100, 1, 32, 32, 32},
	} {
		count := 0
		next := func() (int, error) {
			count++
			return count - 1, nil
		}
		var all []int
		first := make([]int, c.size) // taken before anything came from the counter
		for rank := range c.size {
			d := NewDeal(rank, slices.Repeat([]Room{{c.devices, c.batch}}, c.size), c.pieces, c.group, next)
			if d.Held != c.held {
				t.Errorf("%+v: %d samples held", c, d.Held)
			}
			for {
				number, more, err := d.Next()
				if err != nil {
					t.Fatal(err)
				}
				if !more {
					break
				}
				if number < c.dealt {
					first[rank]++
				}
				all = append(all, number)
			}
		}
		if slices.Max(first)-slices.Min(first) > 1 {
			t.Errorf("%+v: processes are dealt %v pieces", c, first)
		}
		if c.dealt == c.pieces && count > 0 {
			t.Errorf("%+v: the counter was asked %d times", c, count)
		}
		slices.Sort(all)
		for i := range c.pieces {
			if len(all) != c.pieces || all[i] != i {
				t.Fatalf("%+v: %v were handed out", c, all)
			}
		}
	}
	two := []Room{{1, 1}, {1, 1}}
	given := NewDeal(0, two, 100, 1, func() (int, error) { return math.MaxInt64, nil }) // see giveUp
	_, _, _ = given.Next()
	if n, more, err := given.Next(); more || err != nil {
		t.Errorf("work that was given up: %d, %v, %v", n, more, err)
	}
	lost := errors.New("the process that counts is lost")
	failing := NewDeal(1, two, 3, 1, func() (int, error) { return 0, lost })
	_, _, _ = failing.Next()
	if _, _, err := failing.Next(); !errors.Is(err, lost) {
		t.Errorf("%v", err)
	}
}

// TestDealRooms: where processes have different numbers of devices, or do different numbers of samples at a time, every
// piece is handed out once, and who can hold more than another does.
func TestDealRooms(t *testing.T) {
	for _, c := range []struct {
		pieces, group int
		rooms         []Room
		dealt         int
	}{
		{1000, 1, []Room{{1, 64}, {1, 16}}, 32},
		{1000, 1, []Room{{1, 16}, {1, 64}}, 32},
		{200, 1, []Room{{1, 32}, {1, 8}}, 16},
		{100, 1, []Room{{1, 64}, {1, 16}}, 32},
		{30, 1, []Room{{1, 64}, {1, 16}}, 30},
		{100, 4, []Room{{8, 16}, {2, 16}, {4, 8}}, 12},
	} {
		count := 0
		next := func() (int, error) {
			count++
			return count - 1, nil
		}
		var deals []*Deal
		for rank := range c.rooms {
			d := NewDeal(rank, c.rooms, c.pieces, c.group, next)
			if d.dealt != c.dealt || c.dealt < c.pieces && d.Held != c.rooms[rank].Batch {
				t.Errorf("%+v: rank %d: %d are dealt out, %d samples held", c, rank, d.dealt, d.Held)
			}
			deals = append(deals, d)
		}
		var all []int
		for live := deals; len(live) > 0; { // in turns
			live = slices.DeleteFunc(slices.Clone(live), func(d *Deal) bool {
				number, more, err := d.Next()
				if err != nil {
					t.Fatal(err)
				}
				if more {
					all = append(all, number)
				}
				return !more
			})
		}
		slices.Sort(all)
		for i := range c.pieces {
			if len(all) != c.pieces || all[i] != i {
				t.Fatalf("%+v: %v were handed out", c, all)
			}
		}
	}
}
