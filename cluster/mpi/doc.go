// Package mpi calls an MPI library that is found and loaded when the program runs: MPICH and what has its
// ABI (Intel MPI, MVAPICH, Cray MPICH), Open MPI, and any library with the ABI of the MPI 5 standard.
package mpi
