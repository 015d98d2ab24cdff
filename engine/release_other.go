//go:build !linux

package engine

import (
	"runtime/debug"
)

// releaseMemory gives garbage back to the system.
func releaseMemory() { debug.FreeOSMemory() }
