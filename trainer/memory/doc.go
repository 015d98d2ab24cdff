// Package memory plans how much of a device's memory a run needs, finds settings that make it
// need less, and reads how much this machine has.
package memory
