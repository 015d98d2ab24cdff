//go:build !linux

package engine

import (
	"runtime/debug"
)

// lean gives garbage back to the system.
func lean() { debug.FreeOSMemory() }
