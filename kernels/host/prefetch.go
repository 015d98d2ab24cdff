package host

import "unsafe"

// PrefetchPlan lists, for each member of a team, the memory that it will read first in a loop
// to come. Members that have nothing to do between two loops bring it into their caches: while
// one row is computed alone, memory would lie idle whenever a single thread normalises, rotates
// or draws, and whenever one waits for another.
type PrefetchPlan struct{ chunks [][]unsafe.Pointer }

const (
	// prefetchChunk is the number of bytes fetched between two looks for work.
	prefetchChunk = 1 << 10
	// prefetchBytes is the most that is fetched for a member: it surely stays in the member's
	// second-level cache until it is read.
	prefetchBytes = 128 << 10
)

// NewPrefetchPlan plans for the loop that t.RunRanges runs over all blocks of some matrices,
// to multiply each by one row.
func NewPrefetchPlan(t *Team, matrices ...*Matrix) *PrefetchPlan {
	all := Matrices(matrices)
	p := &PrefetchPlan{chunks: make([][]unsafe.Pointer, t.Size())}
	for member := range p.chunks {
		first, end := rangeOf(all.Blocks(), member, t.Size())
		chunks := make([]unsafe.Pointer, 0, prefetchBytes/prefetchChunk)
		all.EachRange(first, first+takenAtOnce(end-first), func(i, lo, hi int) {
			chunks = all[i].appendChunks(chunks, lo, hi)
		})
		p.chunks[member] = chunks
	}
	return p
}

// appendChunks appends the addresses of the weights of the blocks from first to end, in the
// order in which one row's product reads them, as far as the list has room. Those that are decoded
// first wait for arithmetic, not for memory.
func (m *Matrix) appendChunks(list []unsafe.Pointer, first, end int) []unsafe.Pointer {
	if m.blockwise != nil {
		return list
	}
	lo, hi := first*blockOut, min(end*blockOut, m.Out)
	w, ldw := m.address(lo, 0)
	quarter := (hi - lo) / 4 * int(ldw)
	for at := 0; at < quarter; at += prefetchChunk {
		for stream := range 4 {
			if len(list) == cap(list) {
				return list
			}
			list = append(list, unsafe.Add(w, stream*quarter+at))
		}
	}
	return list
}

// Prefetch has the processor bring x into the caches, which is worth doing shortly before
// little is read of what lies far from anything else.
func Prefetch(x []float32) {
	if len(x) > 0 {
		fetchLines(unsafe.Pointer(&x[0]), 4*len(x))
	}
}

// prefetcher is a member's progress through a plan.
type prefetcher struct {
	plan *PrefetchPlan
	done int // chunks: the member's own and then those of the caller, who works alone most
}

// step fetches the next chunk of a plan that member id has not fetched yet.
func (f *prefetcher) step(plan *PrefetchPlan, id int) {
	if f.plan != plan {
		f.plan, f.done = plan, 0
	}
	if plan == nil {
		return
	}
	chunks, i := plan.chunks[id], f.done
	if i >= len(chunks) && id != 0 {
		chunks, i = plan.chunks[0], i-len(chunks)
	}
	if i < len(chunks) {
		fetchLines(chunks[i], prefetchChunk)
		f.done++
	}
}
