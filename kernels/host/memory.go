package host

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Memory hands out zeroed memory for copies of weights and for key-value pools: pieces of slabs
// outside Go's heap, whose collector would otherwise let as much garbage gather as there are
// weights. Slabs are on large pages where the system grants them, which read about 5 % faster
// than small ones. The zero value is ready.
type Memory struct {
	slabs [][]byte
	rest  []byte // of the last slab
}

const (
	slabBytes = 32 << 20
	lineBytes = 64 // of the caches
	// hugePages is MADV_HUGEPAGE, which Linux alone knows; it is advice, and nothing
	// depends on it.
	hugePages = 14
)

// Empty reports whether nothing was taken.
func (m *Memory) Empty() bool { return len(m.slabs) == 0 }

// Close gives everything back at once; none of it may be used after.
func (m *Memory) Close() {
	for _, slab := range m.slabs {
		_ = unix.Munmap(slab) // fails only for what was not mapped
	}
	*m = Memory{}
}

// take returns n zeroed elements. It fails when the system has no memory.
func take[T int8 | uint8 | uint16 | float32](m *Memory, n int) ([]T, error) {
	if n == 0 {
		return nil, nil
	}
	var one T
	bytes := n * int(unsafe.Sizeof(one))
	if len(m.rest) < bytes {
		slab, err := mapAnonymous(max(slabBytes, bytes))
		if err != nil {
			return nil, fmt.Errorf("no memory for %d bytes: %w", bytes, err)
		}
		m.slabs, m.rest = append(m.slabs, slab), slab
	}
	piece := m.rest[:bytes:bytes]
	m.rest = m.rest[min((bytes+lineBytes-1)/lineBytes*lineBytes, len(m.rest)):]
	return unsafe.Slice((*T)(unsafe.Pointer(&piece[0])), n), nil
}

// mapAnonymous maps n bytes of zeroed memory, on large pages where the system grants them.
func mapAnonymous(n int) ([]byte, error) {
	memory, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err == nil {
		_ = unix.Madvise(memory, hugePages)
	}
	return memory, err
}

// Float32s returns n zeroes. It fails when the system has no memory.
func (m *Memory) Float32s(n int) ([]float32, error) { return take[float32](m, n) }
