package host

import "unsafe"

// Ahead is where each of a team's members will read in a loop to come. Members that
// have nothing to do between two loops fetch the beginning of it into their caches:
// while one row is computed alone, memory would lie idle whenever a single thread
// normalises, rotates or draws, and whenever one waits for another.
type Ahead struct{ places []place }

// place is a range of memory that is worth fetching.
type place struct {
	from  unsafe.Pointer
	bytes int
}

// aheadBytes is how much of a member's part is fetched: what surely stays in its
// second-level cache until it is read.
const aheadBytes = 128 << 10

// NewAhead says where the members of t begin a loop over all blocks of some matrices.
func NewAhead(t *Team, matrices ...*Matrix) *Ahead {
	total := 0
	for _, m := range matrices {
		total += m.Blocks()
	}
	a := &Ahead{places: make([]place, t.Size())}
	for member := range a.places {
		block := total * member / t.Size()
		for _, m := range matrices {
			if block < m.Blocks() {
				from, ld := m.at(block*blockOut, 0)
				a.places[member] = place{from, min(aheadBytes, (m.Out-block*blockOut)*int(ld))}
				break
			}
			block -= m.Blocks()
		}
	}
	return a
}

// fetcher is how far a member is with fetching ahead.
type fetcher struct {
	of   *Ahead
	done int // bytes of the member's own place, and then of the caller's
}

// step fetches a little of what is not fetched yet.
func (f *fetcher) step(a *Ahead, id int) {
	if f.of != a {
		f.of, f.done = a, 0
	}
	if a == nil {
		return
	}
	const little = 1 << 10
	own, first := a.places[id], a.places[0]
	switch at := f.done - own.bytes; {
	case at < 0:
		fetchLines(unsafe.Add(own.from, f.done), min(little, -at))
	case id != 0 && at < first.bytes:
		fetchLines(unsafe.Add(first.from, at), min(little, first.bytes-at))
	default:
		return
	}
	f.done += little
}
