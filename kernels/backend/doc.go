// Package backend opens the devices that GoMLX's backends give, keeps buffers on them,
// and compiles graphs to programs whose donated inputs are updated in place.
//
// Invariants: a Program runs on the device it was compiled for; an input that was
// declared Donated is gone after Run, and its memory belongs to an output.
package backend
