package backend

import "golang.org/x/sys/unix"

// zeros returns n bytes to be read, until free is called. Memory that nobody has written takes none: the system has one
// page of zeros for all of it.
func zeros(n int) (b []byte, free func()) {
	b, err := unix.Mmap(-1, 0, max(n, 1), unix.PROT_READ, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return make([]byte, max(n, 1)), func() {}
	}
	return b[:n], func() { _ = unix.Munmap(b) }
}
