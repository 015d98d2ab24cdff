package backend

import "github.com/ebitengine/purego"

// RetainMemory makes the C library keep the memory that programs on a CPU free and give it to those that come,
// instead of returning it to the system, which clears what it gives out again: for gradient passes with a
// gigabyte of temporaries that is a fifth of the time. The process then holds as much as it ever needed, and
// some more where pieces of different sizes leave gaps; so it is for processes that have twice the memory they
// need. It takes effect where all threads share the C library's heap, as GLIBC_TUNABLES=glibc.malloc.arena_max=1
// has it from the start, and does nothing with another C library than glibc.
func RetainMemory() {
	mallopt, err := purego.Dlsym(purego.RTLD_DEFAULT, "mallopt")
	if err != nil {
		return
	}
	set := func(option, value int32) { purego.SyscallN(mallopt, uintptr(uint32(option)), uintptr(uint32(value))) }
	const trimThreshold, mmapMax = -1, -4 // of malloc.h
	set(trimThreshold, -1)                // never
	set(mmapMax, 0)
}
