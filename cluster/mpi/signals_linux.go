package mpi

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// keepSignals notes what happens with each signal and returns what sets it so again: libraries install handlers of
// their own, to print stacks, without the alternate stack that Go's runtime ends a program for not having.
func keepSignals() (restore func()) {
	const last = 64
	type action [32]byte // the kernel's: handler, flags, restorer, mask
	kept := new([last + 1]action)
	known := [last + 1]bool{}
	for n := 1; n <= last; n++ {
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(n), 0, uintptr(unsafe.Pointer(&kept[n])), 8,
			0, 0)
		known[n] = errno == 0
	}
	return func() {
		for n := 1; n <= last; n++ {
			if known[n] { // of SIGKILL and SIGSTOP it is refused
				_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(n), uintptr(unsafe.Pointer(&kept[n])), 0, 8,
					0, 0)
			}
		}
	}
}
