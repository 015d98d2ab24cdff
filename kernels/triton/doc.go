// Package triton holds kernels for GPUs as text of Triton's IR, which XLA for CUDA compiles where a
// program calls them, and runs that text on this process's memory, number by number, so that
// what a GPU would compute is known without one.
//
// Invariant: Parse reads what a Function writes.
package triton
