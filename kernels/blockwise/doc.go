// Package blockwise holds frozen weights in 4 or 8 bits, as bitsandbytes does: the numbers of a
// tensor, in row-major order, in blocks of 64, each divided by its largest magnitude and rounded
// to the nearest value of a code; those magnitudes may be quantised once more, in blocks of 256.
//
// Invariant: codes, magnitudes and decoded numbers are bit for bit those of bitsandbytes on a CPU.
package blockwise
