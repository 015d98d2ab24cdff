package cluster

// Deal is how the pieces of some work, such as questions with a group of samples each, are handed out to processes that
// begin it together and do many pieces at a time. What fits at once is dealt out, so that nothing is held back: a batch
// takes as long as the longest of it, and what is held back for who ends early would begin when others end. The rest is
// handed out one by one, to whoever has room. The shares of two processes differ by one piece at most; those of one
// process's devices may differ by more, as each device takes what it has room for, so that one may have nothing to do.
type Deal struct {
	// Held is how many samples a device has at most, but for the last piece's: with fewer it takes another piece.
	Held int

	rank, size    int
	pieces, dealt int // all, and those that are dealt out: the first
	taken         int // of the dealt ones of this process
	next          func() (int, error)
}

// Room is how much a process does at a time: Devices do Batch samples each.
type Room struct{ Devices, Batch int }

// NewDeal is the deal of so many pieces, of group samples each, to the processes of a job, of which rooms, in the order
// of ranks, must be the same on all: what is dealt out to one is nobody else's, and fits the least of them. next hands
// out 0, 1, 2 … to whoever asks, as Job.Next does.
func NewDeal(rank int, rooms []Room, pieces, group int, next func() (int, error)) *Deal {
	least := rooms[0]
	for _, r := range rooms {
		least = Room{min(least.Devices, r.Devices), min(least.Batch, r.Batch)}
	}
	places := len(rooms) * least.Devices
	each := min(max(1, least.Batch/group), (pieces+places-1)/places)
	d := &Deal{rank: rank, size: len(rooms), pieces: pieces, dealt: min(pieces, each*places), next: next,
		Held: (each-1)*group + 1}
	if d.dealt < pieces {
		d.Held = rooms[rank].Batch // no row is idle, but some of a group may wait for one
	}
	return d
}

// Next returns the number of a piece that this process takes; more is false where there are none.
func (d *Deal) Next() (number int, more bool, err error) {
	if number = d.rank + d.taken*d.size; number < d.dealt {
		d.taken++
		return number, true, nil
	}
	if d.dealt == d.pieces {
		return 0, false, nil
	}
	if number, err = d.next(); err != nil {
		return 0, false, err
	}
	return d.dealt + number, number < d.pieces-d.dealt, nil
}
