//go:build goexperiment.simd && !purego && amxemulator

package host

import (
	"unsafe"

	"github.com/stele-lm/stele/kernels/host/emulator"
)

// A program built with the tag amxemulator, for tests, runs the kernels of AMX in an emulator.
func init() {
	amxTier = emulateAMX(func(entry uintptr, c *amxCall) error {
		return new(emulator.Processor).Call(entry, unsafe.Pointer(c))
	})
	if len(tiers) > 0 && tiers[0].amx[formatBF16][0][0] != nil {
		tiers[0].amx = amxTier
	}
}
