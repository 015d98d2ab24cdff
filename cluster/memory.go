package cluster

import (
	"math/bits"

	"golang.org/x/sys/unix"
)

// outside returns n bytes outside of Go's heap, which are kept for good. What the library sends and receives lies
// there: it may keep memory registered with a network's hardware, and Go's runtime gives pages of its heap back to the
// system without the library's knowledge.
func outside(n int) []byte {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return make([]byte, n)
	}
	return b
}

// memory lends bytes outside of Go's heap, in sizes of powers of two. One goroutine at a time uses it.
type memory struct {
	free [64][][]byte // by the logarithm of their size
}

// chunk is how many bytes are taken from the system at least.
const chunk = 64 << 10

// take returns n bytes, whatever is in them.
func (m *memory) take(n int) []byte {
	class := bits.Len(uint(max(n, 64) - 1))
	size := 1 << class
	if len(m.free[class]) == 0 {
		for more := outside(max(size, chunk)); len(more) > 0; more = more[size:] {
			m.free[class] = append(m.free[class], more[:size:size])
		}
	}
	last := len(m.free[class]) - 1
	b := m.free[class][last]
	m.free[class] = m.free[class][:last]
	return b[:n]
}

// put gives back what take returned.
func (m *memory) put(b []byte) {
	class := bits.Len(uint(cap(b) - 1))
	m.free[class] = append(m.free[class], b[:0])
}
