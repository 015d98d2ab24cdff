//go:build amxemulator

package isa

// emulatesTiles has a machine with all but AMX stand for one with it, whose kernels package host then runs in an
// emulator.
const emulatesTiles = true
