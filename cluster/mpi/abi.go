package mpi

import (
	"debug/elf"
	"fmt"
	"path/filepath"
	"strings"
)

// Handle is an MPI_Comm, MPI_Datatype or the like: an int with MPICH's ABI, a pointer with the others.
type Handle uintptr

// abi is what a program that was compiled against a library's mpi.h would have of it.
type abi struct {
	name string
	// Handles are constants, or addresses of the library's variables where symbols are named.
	world, bytes, errorsReturn                   Handle
	worldSymbol, bytesSymbol, errorsReturnSymbol string
	anySource, anyTag, funneled                  int32
	statusIgnore                                 uintptr
	sourceAt, tagAt                              int // of an MPI_Status, in bytes
}

// mpich is the ABI that MPICH, Intel MPI, MVAPICH and Cray MPICH agreed on in 2013.
var mpich = abi{
	name: "MPICH's", world: 0x44000000, bytes: 0x4c00010d, errorsReturn: 0x54000001,
	anySource: -2, anyTag: -1, funneled: 1, statusIgnore: 1,
	sourceAt: 8, tagAt: 12,
}

// openMPI is Open MPI's, versions 1.7 to 5.
var openMPI = abi{
	name: "Open MPI's", worldSymbol: "ompi_mpi_comm_world", bytesSymbol: "ompi_mpi_byte",
	errorsReturnSymbol: "ompi_mpi_errors_return",
	anySource:          -1, anyTag: -1, funneled: 1, statusIgnore: 0,
	sourceAt: 0, tagAt: 4,
}

// standard is the ABI of the MPI 5.0 standard, chapter 20; libraries that have it are named libmpi_abi.
var standard = abi{
	name: "MPI 5's", world: 0x101, bytes: 0x247, errorsReturn: 0x143,
	anySource: -1, anyTag: -2, funneled: 1024, statusIgnore: 0,
	sourceAt: 0, tagAt: 4,
}

// abiOf says which ABI a library has, by its symbols and by the name that it calls itself.
func abiOf(path string, has func(symbol string) bool) abi {
	switch {
	case has(openMPI.worldSymbol):
		return openMPI
	case strings.HasPrefix(soname(path), "libmpi_abi.so"):
		return standard
	}
	return mpich
}

// soname is the name that a library calls itself, or its file's.
func soname(path string) string {
	if file, err := elf.Open(path); err == nil {
		defer file.Close()
		if names, err := file.DynString(elf.DT_SONAME); err == nil && len(names) == 1 {
			return names[0]
		}
	}
	return filepath.Base(path)
}

// symbols are the functions that Library calls.
var symbols = []string{
	"MPI_Get_library_version", "MPI_Init_thread", "MPI_Finalize", "MPI_Comm_rank", "MPI_Comm_size",
	"MPI_Comm_dup", "MPI_Comm_set_errhandler", "MPI_Error_string", "MPI_Isend", "MPI_Issend", "MPI_Irecv", "MPI_Iprobe",
	"MPI_Get_count", "MPI_Test", "MPI_Ibarrier", "MPI_Ibcast", "MPI_Iallgather", "MPI_Iallgatherv",
	"MPI_Igatherv", "MPI_Ialltoall", "MPI_Abort",
}

// Error is a call that a library refused.
type Error struct {
	Call string // as MPI_Isend
	Code int32
	Text string // the library's
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s (error %d)", e.Call, e.Text, e.Code) }
