package cluster

// Deal is how the pieces of some work, such as questions with a group of samples each, are handed out to processes that
// begin it together and do many pieces at a time. What fits at once is dealt out evenly, so that everything begins at
// once: a batch takes as long as the longest of it, and what is held back for who ends early would begin when others
// end. The rest is handed out one by one, to whoever has room.
type Deal struct {
	// Held is how many samples a device has at most, but for the last piece's: with fewer it takes another piece.
	Held int

	rank, size    int
	pieces, dealt int // all, and those that are dealt out: the first
	taken         int // of the dealt ones of this process
	next          func() (int, error)
}

// NewDeal is the deal of so many pieces, of group samples each, to a job's processes, which have so many devices each
// that do batch samples at a time. next hands out 0, 1, 2 … to whoever asks, as Job.Next does.
func NewDeal(rank, size, devices, pieces, group, batch int, next func() (int, error)) *Deal {
	places := size * devices
	each := min(max(1, batch/group), (pieces+places-1)/places)
	d := &Deal{rank: rank, size: size, pieces: pieces, dealt: min(pieces, each*places), next: next,
		Held: (each-1)*group + 1}
	if d.dealt < pieces {
		d.Held = batch // no row is idle, but some of a group may wait for one
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
