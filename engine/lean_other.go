//go:build !linux

package engine

import "runtime/debug"

// Lean gives garbage back to the system.
func Lean() { debug.FreeOSMemory() }
