// Package memory says what a run will need of a device's memory, which settings would
// make it need less, and what this machine has.
package memory
