package nccl

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/stele-lm/stele/internal/environment"
)

// File is the library's name.
const File = "libnccl.so.2"

// PathVariable names a file that is taken for the library instead of one that is found.
const PathVariable = "STELE_NCCL"

// oldest is the first version that Stele takes: NCCL 2.12, whose collectives have what is called here.
const oldest = 21200

// ID tells the communicators of a job apart: one process makes it and all are given it. It is ncclUniqueId, and
// holds the address at which that process waits.
type ID struct{ bytes [IDBytes]byte }

// IDBytes is how many bytes an ID has.
const IDBytes = 128

// Bytes returns what the other processes make the ID of again.
func (id ID) Bytes() []byte { return bytes.Clone(id.bytes[:]) }

// IDOf is the ID with those bytes.
func IDOf(b []byte) (id ID, err error) {
	if len(b) != IDBytes {
		return id, fmt.Errorf("an NCCL id of %d bytes, expected %d", len(b), IDBytes)
	}
	copy(id.bytes[:], b)
	return id, nil
}

// Library is NCCL and the part of CUDA's driver that it is called with.
type Library struct {
	// Path is the file that was loaded.
	Path string
	// Version is NCCL's, as major · 10000 + minor · 100 + patch.
	Version int

	cuda *driver

	getVersion    func(version *int32) int32
	getUniqueID   func(id *ID) int32
	initRank      func(comm *uintptr, ranks int32, id ID, rank int32) int32
	destroy       func(comm uintptr) int32
	abort         func(comm uintptr) int32
	asyncError    func(comm uintptr, result *int32) int32
	errorString   func(result int32) string
	lastError     func(comm uintptr) string // nil before NCCL 2.13
	groupStart    func() int32
	groupEnd      func() int32
	allReduce     func(send, receive uintptr, count uintptr, dtype, op int32, comm, stream uintptr) int32
	reduceScatter func(send, receive uintptr, count uintptr, dtype, op int32, comm, stream uintptr) int32
	allGather     func(send, receive uintptr, count uintptr, dtype int32, comm, stream uintptr) int32
	reduce        func(send, receive uintptr, count uintptr, dtype, op, root int32, comm, stream uintptr) int32
	broadcast     func(send, receive uintptr, count uintptr, dtype, root int32, comm, stream uintptr) int32
}

// Open loads the library: the file that STELE_NCCL names, or the first of files that is there, or the one that the
// system's loader finds.
func Open(files ...string) (*Library, error) {
	// A ring adds up in the order of the GPUs. What a switch or a tree adds up in another order is as exact, but
	// a run that goes on shall have the order it began with.
	if os.Getenv("NCCL_ALGO") == "" {
		if err := environment.Set("NCCL_ALGO", "Ring"); err != nil {
			return nil, err
		}
	}
	path := File
	if named := os.Getenv(PathVariable); named != "" {
		path = named
	} else {
		for _, file := range files {
			if _, err := os.Stat(file); err == nil {
				path = file
				break
			}
		}
	}
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("NCCL does not load (%w): pip install nvidia-nccl-cu13, or name its %s in %s", err, File,
			PathVariable)
	}
	l := &Library{Path: path}
	if err := bind(handle, path, []function{
		{"ncclGetVersion", &l.getVersion, true}, {"ncclGetUniqueId", &l.getUniqueID, true},
		{"ncclCommInitRank", &l.initRank, true}, {"ncclCommDestroy", &l.destroy, true},
		{"ncclCommAbort", &l.abort, true}, {"ncclCommGetAsyncError", &l.asyncError, true},
		{"ncclGetErrorString", &l.errorString, true}, {"ncclGetLastError", &l.lastError, false},
		{"ncclGroupStart", &l.groupStart, true}, {"ncclGroupEnd", &l.groupEnd, true},
		{"ncclAllReduce", &l.allReduce, true}, {"ncclReduceScatter", &l.reduceScatter, true},
		{"ncclAllGather", &l.allGather, true}, {"ncclReduce", &l.reduce, true}, {"ncclBroadcast", &l.broadcast, true},
	}); err != nil {
		return nil, err
	}
	var version int32
	if err := l.check("ncclGetVersion", l.getVersion(&version), 0); err != nil {
		return nil, err
	}
	if l.Version = int(version); l.Version < oldest {
		return nil, fmt.Errorf("%s is NCCL %s, expected %s or newer", path, VersionString(l.Version),
			VersionString(oldest))
	}
	return l, nil
}

// VersionString writes a version as 2.27.3.
func VersionString(v int) string { return fmt.Sprintf("%d.%d.%d", v/10000, v/100%100, v%100) }

// NewID makes the ID of a communicator. It is called by one process, which must live until all have joined.
func (l *Library) NewID() (id ID, err error) {
	return id, l.check("ncclGetUniqueId", l.getUniqueID(&id), 0)
}

// Results of NCCL's calls.
const (
	success    = 0
	inProgress = 7
)

// check makes an error of a call's result, with what the library says of it.
func (l *Library) check(call string, result int32, comm uintptr) error {
	if result == success {
		return nil
	}
	text := fmt.Sprintf("%s: %s (%d)", call, l.errorString(result), result)
	if l.lastError != nil {
		if last := strings.TrimSpace(l.lastError(comm)); last != "" {
			text += ": " + strings.Join(strings.Fields(last), " ")
		}
	}
	return errors.New(text)
}

// function is one of a library: its name and the place of the Go function that calls it.
type function struct {
	name   string
	place  any
	needed bool
}

// bind makes functions of a library callable.
func bind(handle uintptr, path string, functions []function) error {
	for _, f := range functions {
		address, err := purego.Dlsym(handle, f.name)
		switch {
		case err == nil:
			purego.RegisterFunc(f.place, address)
		case f.needed:
			return fmt.Errorf("%s has no %s: it is too old, or another library", path, f.name)
		}
	}
	return nil
}

var _ [IDBytes]byte = [unsafe.Sizeof(ID{})]byte{} // passed by value, as C has it
