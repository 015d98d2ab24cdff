//go:build !amxemulator

package isa

// emulatesTiles is set for tests, by the tag amxemulator.
const emulatesTiles = false
