package host

import (
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ReadBandwidth reads bandwidthBytes, far more than the last-level caches of large servers hold.
const bandwidthBytes = 512 << 20

// ReadBandwidth measures how fast all cores together read memory, in bytes a second:
// the best of several passes over 512 MiB, whose pages are large where the system
// grants it. It takes about a second and holds the memory meanwhile. On a shared
// machine it is true for seconds.
func ReadBandwidth() (float64, error) {
	memory, err := mapAnonymous(bandwidthBytes)
	if err != nil {
		return 0, fmt.Errorf("measuring the memory bandwidth: %d bytes: %w", bandwidthBytes, err)
	}
	defer func() { _ = unix.Munmap(memory) }()
	values := unsafe.Slice((*int32)(unsafe.Pointer(&memory[0])), bandwidthBytes/4)
	team := NewTeam(0)
	defer team.Close()
	// Pages that were never written are all the same page.
	const pieces = 64
	piece := len(values) / pieces
	team.Run(pieces, func(i, _ int) {
		for j := i * piece; j < (i+1)*piece; j += 512 {
			values[j] = 1
		}
	})
	members := team.Size()
	sums := make([]int32, members)
	best := time.Duration(1 << 62)
	for began := time.Now(); time.Since(began) < time.Second; {
		pass := time.Now()
		team.Run(pieces, func(i, member int) { sums[member] += readAll(values[i*piece : (i+1)*piece]) })
		best = min(best, time.Since(pass))
	}
	runtime.KeepAlive(sums)
	return bandwidthBytes / best.Seconds(), nil
}

// Read reads the weights of the blocks from first to end, all but a rest of at most 255 bytes,
// and does nothing with them. A product of few rows cannot be faster.
func (m *Matrix) Read(first, end int, s *Scratch) {
	lo, hi := first*blockOut, min(end*blockOut, m.Out)
	if m.blockwise != nil {
		codes := m.blockwise.Codes
		at := func(o int) int { return o * len(codes) / m.Out &^ 3 }
		s.sum += readAll(unsafe.Slice((*int32)(unsafe.Pointer(&codes[at(lo)])), (at(hi)-at(lo))/4))
		return
	}
	w, ldw := m.address(lo, 0)
	s.sum += readAll(unsafe.Slice((*int32)(w), (hi-lo)*int(ldw)/4))
}

// readAllScalar adds up x, all but a rest of at most 63 numbers.
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
