package host

import "unsafe"

// Ahead is where each of a team's members will read in a loop to come. Members that
// have nothing to do between two loops fetch the beginning of it into their caches:
// while one row is computed alone, memory would lie idle whenever a single thread
// normalises, rotates or draws, and whenever one waits for another.
type Ahead struct{ chunks [][]unsafe.Pointer }

const (
	// chunkBytes is what is fetched between two looks for work.
	chunkBytes = 1 << 10
	// aheadBytes is how much of a member's part is fetched: what surely stays in its
	// second-level cache until it is read.
	aheadBytes = 128 << 10
)

// NewAhead says where the members of t begin a loop, RunRanges over all blocks of some
// matrices, each with one row.
func NewAhead(t *Team, matrices ...*Matrix) *Ahead {
	all := Matrices(matrices)
	a := &Ahead{chunks: make([][]unsafe.Pointer, t.Size())}
	for member := range a.chunks {
		first, end := part(all.Blocks(), member, t.Size())
		list := make([]unsafe.Pointer, 0, aheadBytes/chunkBytes)
		all.Through(first, first+atOnce(end-first), func(i, lo, hi int) { list = all[i].appendChunks(list, lo, hi) })
		a.chunks[member] = list
	}
	return a
}

// appendChunks appends what the blocks from first to end have of weights, in the order in
// which one row's product reads them, as far as the list has room.
func (m *Matrix) appendChunks(list []unsafe.Pointer, first, end int) []unsafe.Pointer {
	lo, hi := first*blockOut, min(end*blockOut, m.Out)
	w, ldw := m.at(lo, 0)
	quarter := (hi - lo) / 4 * int(ldw)
	for at := 0; at < quarter; at += chunkBytes {
		for place := range 4 {
			if len(list) == cap(list) {
				return list
			}
			list = append(list, unsafe.Add(w, place*quarter+at))
		}
	}
	return list
}

// Fetch has the processor bring x into the caches, which is worth doing shortly before
// little is read of what lies far from anything else.
func Fetch(x []float32) {
	if len(x) > 0 {
		fetchLines(unsafe.Pointer(&x[0]), 4*len(x))
	}
}

// fetcher is how far a member is with fetching ahead.
type fetcher struct {
	of   *Ahead
	done int // chunks: the member's own and then those of the caller, who works alone most
}

// step fetches a little of what is not fetched yet.
func (f *fetcher) step(a *Ahead, id int) {
	if f.of != a {
		f.of, f.done = a, 0
	}
	if a == nil {
		return
	}
	chunks, i := a.chunks[id], f.done
	if i >= len(chunks) && id != 0 {
		chunks, i = a.chunks[0], i-len(chunks)
	}
	if i < len(chunks) {
		fetchLines(chunks[i], chunkBytes)
		f.done++
	}
}
