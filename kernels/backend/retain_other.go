//go:build !linux

package backend

// RetainMemory does nothing: only glibc is known to return to the system what programs free.
func RetainMemory() {}
