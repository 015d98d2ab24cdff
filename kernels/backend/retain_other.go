//go:build !linux

package backend

// RetainMemory does nothing: only glibc is known to clear memory anew for each program.
func RetainMemory() {}
