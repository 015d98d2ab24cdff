package isa

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// permitTiles asks Linux for the registers of AMX, once for all threads of the process: without that their
// first use ends it. Linux refuses where it does not know them, and where a thread has a stack for signals
// that is too small to save them on, 11 KiB; Go's have 32.
func permitTiles() error {
	const requestPermission, tileData = 0x1023, 18 // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
	if _, _, err := unix.RawSyscall(unix.SYS_ARCH_PRCTL, requestPermission, tileData, 0); err != 0 {
		return fmt.Errorf("the registers of AMX are not granted by Linux: arch_prctl: %w", err)
	}
	return nil
}
