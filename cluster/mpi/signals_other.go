//go:build !linux

package mpi

// keepSignals leaves handlers that a library installs.
func keepSignals() (restore func()) { return func() {} }
