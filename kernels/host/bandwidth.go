package host

import (
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bandwidthBytes is far above the caches, the last level of large servers included.
const bandwidthBytes = 512 << 20

// ReadBandwidth measures how fast all cores together read memory, in bytes a second:
// the best of several passes over 512 MiB, whose pages are large where the system
// grants it. It takes about a second and holds the memory meanwhile. On a shared
// machine it is true for seconds.
func ReadBandwidth() (float64, error) {
	memory, err := unix.Mmap(-1, 0, bandwidthBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return 0, fmt.Errorf("measuring the memory bandwidth: %d bytes: %w", bandwidthBytes, err)
	}
	defer func() { _ = unix.Munmap(memory) }()
	_ = unix.Madvise(memory, hugePages)
	values := unsafe.Slice((*int32)(unsafe.Pointer(&memory[0])), bandwidthBytes/4)
	team := NewTeam(0)
	defer team.Close()
	// Pages that were never written are all the same page.
	const parts = 64
	part := len(values) / parts
	team.Run(parts, func(i, _ int) {
		for j := i * part; j < (i+1)*part; j += 512 {
			values[j] = 1
		}
	})
	members := team.Size()
	sums := make([]int32, members)
	best := time.Duration(1 << 62)
	for began := time.Now(); time.Since(began) < time.Second; {
		pass := time.Now()
		team.Run(parts, func(i, member int) { sums[member] += readAll(values[i*part : (i+1)*part]) })
		best = min(best, time.Since(pass))
	}
	runtime.KeepAlive(sums)
	return bandwidthBytes / best.Seconds(), nil
}

// Read reads the weights of the blocks from first to end, all but a rest of at most 255
// bytes, and does nothing with them: what a product of few rows cannot be faster than.
func (m *Matrix) Read(first, end int, s *Scratch) {
	lo, hi := first*blockOut, min(end*blockOut, m.Out)
	w, ldw := m.at(lo, 0)
	s.sum += readAll(unsafe.Slice((*int32)(w), (hi-lo)*int(ldw)/4))
}

// readAllScalar adds up x but for a rest of at most 63.
func readAllScalar(x []int32) int32 {
	var a, b, c, d int32
	for x = x[:len(x)&^63]; len(x) > 0; x = x[4:] {
		a += x[0]
		b += x[1]
		c += x[2]
		d += x[3]
	}
	return a + b + c + d
}
