package mpi

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Library is a loaded MPI library. All its calls are one thread's, that which called Init.
type Library struct {
	Path    string
	Version string // the first line of what the library says of itself
	// OpenMPI is whether the library is Open MPI's, whose mpirun starts its processes and no others'.
	OpenMPI bool
	// PMIx is whether it can find its processes by PMIx. An MPICH that cannot ends the program where it is to.
	PMIx bool

	abi       abi
	handle    uintptr
	functions map[string]uintptr
}

// Load opens the library at path: a file, or a name that the system's loader finds.
func Load(path string) (*Library, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_LAZY|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, err
	}
	find := func(symbol string) uintptr {
		address, err := purego.Dlsym(handle, symbol)
		if err != nil {
			return 0
		}
		return address
	}
	l := &Library{Path: path, handle: handle, functions: map[string]uintptr{}}
	for _, symbol := range symbols {
		if l.functions[symbol] = find(symbol); l.functions[symbol] == 0 {
			return nil, fmt.Errorf("%s has no %s: expected an MPI library of version 3 or later", path, symbol)
		}
	}
	l.abi = abiOf(path, func(symbol string) bool { return find(symbol) != 0 })
	for _, h := range []struct {
		symbol string
		handle *Handle
	}{
		{l.abi.worldSymbol, &l.abi.world}, {l.abi.bytesSymbol, &l.abi.bytes},
		{l.abi.errorsReturnSymbol, &l.abi.errorsReturn},
	} {
		if h.symbol != "" {
			if *h.handle = Handle(find(h.symbol)); *h.handle == 0 {
				return nil, fmt.Errorf("%s has no %s, though it has %s ABI", path, h.symbol, l.abi.name)
			}
		}
	}
	l.Version = l.version()
	l.PMIx = find("PMIx_Init") != 0 || !strings.HasPrefix(l.Version, "MPICH") // of others it is not known
	l.OpenMPI = l.abi.name == openMPI.name || strings.HasPrefix(l.Version, "Open MPI")
	return l, nil
}

// Close lets go of a library that nothing was called of but what says its version.
func (l *Library) Close() { _ = purego.Dlclose(l.handle) }

// ABI names the library's ABI.
func (l *Library) ABI() string { return l.abi.name }

// call calls a function and makes an error of its result.
//
//go:uintptrescapes
func (l *Library) call(name string, args ...uintptr) error {
	r, _, _ := purego.SyscallN(l.functions[name], args...)
	if code := int32(r); code != 0 {
		return &Error{Call: name, Code: code, Text: l.text(code)}
	}
	return nil
}

func (l *Library) version() string {
	text, length := make([]byte, 16<<10), int32(0)
	if l.call("MPI_Get_library_version", uintptr(unsafe.Pointer(&text[0])), uintptr(unsafe.Pointer(&length))) != nil {
		return "MPI"
	}
	line, _, _ := strings.Cut(string(text[:min(max(int(length), 0), len(text))]), "\n")
	// MPICH aligns the number; Open MPI goes on after a comma.
	line, _, _ = strings.Cut(strings.Join(strings.Fields(strings.ReplaceAll(line, "\x00", "")), " "), ",")
	return line
}

// text is what the library says of an error's code.
func (l *Library) text(code int32) string {
	text, length := make([]byte, 1<<10), int32(0)
	purego.SyscallN(l.functions["MPI_Error_string"], uintptr(uint32(code)), uintptr(unsafe.Pointer(&text[0])),
		uintptr(unsafe.Pointer(&length)))
	runtime.KeepAlive(text)
	line, _, _ := bytes.Cut(text, []byte{0})
	return strings.Join(strings.Fields(string(line)), " ")
}

// Init begins; the calling thread is the one that makes all calls. Errors come back from then on instead of
// ending the program. The signals' handlers are afterwards what they were before.
func (l *Library) Init() error {
	restore := keepSignals()
	defer restore()
	var provided int32
	err := l.call("MPI_Init_thread", 0, 0, uintptr(uint32(l.abi.funneled)), uintptr(unsafe.Pointer(&provided)))
	if err != nil {
		return err
	}
	if provided < l.abi.funneled {
		return fmt.Errorf("%s (%s) gives thread level %d, expected MPI_THREAD_FUNNELED, %d", l.Path, l.Version,
			provided, l.abi.funneled)
	}
	return l.call("MPI_Comm_set_errhandler", uintptr(l.abi.world), uintptr(l.abi.errorsReturn))
}

// Finalize ends what Init began, and the library is not there any more. MPICH, from version 4 on, tells its launcher
// only when C's exit runs, which a program in Go does not: the launcher then takes the process for one that crashed,
// and kills the others. Unloading the library runs what it left to exit, and nobody else's.
func (l *Library) Finalize() error {
	err := l.call("MPI_Finalize")
	if err == nil && strings.HasPrefix(l.Version, "MPICH") {
		err = purego.Dlclose(l.handle)
	}
	return err
}

// Abort ends all processes with an exit code; it does not return.
func (l *Library) Abort(code int) {
	_ = l.call("MPI_Abort", uintptr(l.abi.world), uintptr(uint32(int32(code))))
}
