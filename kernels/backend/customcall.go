package backend

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// XLA calls functions of this process from a compiled program through its typed
// foreign-function interface. The structs below mirror its C headers,
// xla/ffi/api/c_api.h and xla/pjrt/c/pjrt_c_api_ffi_extension.h; XLA only ever appends
// to them, and each begins with its size.

type ffiExtension struct {
	size uintptr
	kind int32
	next *ffiExtension
}

// extensionMetadata marks a call that only asks what a handler is.
const extensionMetadata = 1

type ffiVersion struct {
	_            uintptr       // size
	_            *ffiExtension // extensions
	major, minor int32
}

type ffiMetadata struct {
	ffiExtension
	metadata *struct {
		size    uintptr
		version ffiVersion
		traits  uint32
		state   int64 // since size 48
	}
}

// ffiAPI is the head of XLA_FFI_Api.
type ffiAPI struct {
	_           uintptr       // size
	_           *ffiExtension // extensions
	version     ffiVersion
	_           unsafe.Pointer // internal
	errorCreate uintptr
}

// ffiBuffer is an operand or a result.
type ffiBuffer struct {
	_     uintptr       // size
	_     *ffiExtension // extensions
	dtype int32
	data  unsafe.Pointer
	rank  int64
	dims  *int64
}

// Of XLA_FFI_DataType.
const (
	ffiInt32    = 4
	ffiFloat32  = 11
	ffiBFloat16 = 16
)

func (b *ffiBuffer) shape() []int64 { return unsafe.Slice(b.dims, b.rank) }

// elements returns the buffer as a slice of its elements, valid during the call.
func elements[T any](b *ffiBuffer) []T {
	n := int64(1)
	for _, d := range b.shape() {
		n *= d
	}
	return unsafe.Slice((*T)(b.data), n)
}

type ffiBuffers struct {
	_    uintptr       // size
	_    *ffiExtension // extensions
	n    int64
	_    *int32 // types
	list **ffiBuffer
}

func (b *ffiBuffers) all() []*ffiBuffer { return unsafe.Slice(b.list, b.n) }

// ffiFrame is a call.
type ffiFrame struct {
	_                 uintptr // size
	extensions        *ffiExtension
	api               *ffiAPI
	_                 unsafe.Pointer // context
	stage             int32
	operands, results ffiBuffers
	attributes        ffiAttributes
}

// ffiAttributes are what a program's text says to a call.
type ffiAttributes struct {
	_     uintptr       // size
	_     *ffiExtension // extensions
	n     int64
	types *int32
	names **ffiSpan
	list  *unsafe.Pointer
}

// ffiSpan is a piece of text.
type ffiSpan struct {
	data *byte
	n    uintptr
}

func (s *ffiSpan) String() string { return unsafe.String(s.data, s.n) }

// Kinds of attributes, XLA_FFI_AttrType.
const (
	attributeArray  = 1
	attributeScalar = 3
	attributeText   = 4
)

// get returns the attribute of a name where it is of a kind, and nil elsewhere.
func (a *ffiAttributes) get(name string, kind int32) unsafe.Pointer {
	for i, span := range unsafe.Slice(a.names, a.n) {
		if span.String() == name && unsafe.Slice(a.types, a.n)[i] == kind {
			return unsafe.Slice(a.list, a.n)[i]
		}
	}
	return nil
}

// numbers returns an array of numbers (see numbersAttribute), or nil where there is none.
func (a *ffiAttributes) numbers() []int64 {
	array := (*struct {
		_    int32 // dtype
		n    uintptr
		data *int64
	})(a.get("numbers", attributeArray))
	if array == nil {
		return nil
	}
	return unsafe.Slice(array.data, array.n)
}

// integer returns a number of 32 bits, or 0 where there is none.
func (a *ffiAttributes) integer(name string) int {
	scalar := (*struct {
		dtype int32
		value *int32
	})(a.get(name, attributeScalar))
	if scalar == nil || scalar.dtype != ffiInt32 {
		return 0
	}
	return int(*scalar.value)
}

// text returns a text, or "" where there is none. It is valid during the call.
func (a *ffiAttributes) text(name string) string {
	span := (*ffiSpan)(a.get(name, attributeText))
	if span == nil {
		return ""
	}
	return span.String()
}

// numbersAttribute is the backend_config of a custom call with one attribute, an array of numbers.
type numbersAttribute []int64

// ToStableHLO is what go-xla writes into a program's text.
func (n numbersAttribute) ToStableHLO() string {
	text := strings.ReplaceAll(strings.Trim(fmt.Sprint([]int64(n)), "[]"), " ", ", ")
	return "{numbers = array<i64: " + text + ">}"
}

// hostCall is a call of a program: what it reads and writes, and what it is told.
type hostCall struct {
	operands, results []*ffiBuffer
	attributes        *ffiAttributes
}

const (
	stageExecute  = 3
	errorInternal = 13
)

// entry returns the C function of a handler, whose errors, and panics on the calling thread,
// become errors of the program's run.
func entry(handle func(hostCall) error) func(*ffiFrame) uintptr {
	return func(f *ffiFrame) (failure uintptr) {
		for e := f.extensions; e != nil; e = e.next {
			if e.kind == extensionMetadata {
				m := (*ffiMetadata)(unsafe.Pointer(e)).metadata
				m.version.major, m.version.minor = f.api.version.major, f.api.version.minor
				m.traits = 0
				if m.size >= 48 {
					m.state = 0
				}
				return 0
			}
		}
		if f.stage != stageExecute {
			return 0
		}
		defer func() {
			if r := recover(); r != nil {
				failure = f.fail(fmt.Sprint(r))
			}
		}()
		if err := handle(hostCall{f.operands.all(), f.results.all(), &f.attributes}); err != nil {
			return f.fail(err.Error())
		}
		return 0
	}
}

// fail makes an error that XLA owns.
func (f *ffiFrame) fail(message string) uintptr {
	text := append([]byte(message), 0)
	args := &struct {
		size       uintptr
		extensions *ffiExtension
		message    *byte
		code       int32
	}{28, nil, &text[0], errorInternal}
	e, _, _ := purego.SyscallN(f.api.errorCreate, uintptr(unsafe.Pointer(args)))
	runtime.KeepAlive(args)
	return e
}

type pjrtFFI struct {
	ffiExtension
	typeRegister, userDataAdd, handlerRegister uintptr
}

// extensionFFI is PJRT_Extension_Type_FFI.
const extensionFFI = 5

// registerCall makes handle the target of custom calls in programs that the plugin at
// path compiles for CPUs from now on. It is called from XLA's threads, several at a
// time; it stays registered for the life of the process.
func registerCall(path, target string, handle func(hostCall) error) error {
	api, err := openPJRT(path)
	if err != nil {
		return err
	}
	for e := api.extensions; e != nil; e = e.next {
		if e.kind == extensionFFI {
			return api.register((*pjrtFFI)(unsafe.Pointer(e)).handlerRegister, target,
				purego.NewCallback(entry(handle)))
		}
	}
	return errors.New("the plugin has no FFI extension")
}

func (api *pjrtAPI) register(function uintptr, target string, handler uintptr) error {
	name, platform := append([]byte(target), 0), append([]byte("Host"), 0)
	args := &struct {
		size         uintptr
		name         *byte
		nameSize     uintptr
		handler      uintptr
		platform     *byte
		platformSize uintptr
		traits       int32
	}{52, &name[0], uintptr(len(target)), handler, &platform[0], uintptr(len(platform) - 1), 0}
	if err := api.call(function, unsafe.Pointer(args)); err != nil {
		return fmt.Errorf("registering %s: %w", target, err)
	}
	return nil
}
