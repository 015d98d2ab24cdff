package backend

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
)

// pjrtAPI is the head of PJRT_Api, with the functions that Stele calls itself.
// Fields are only ever appended to it. See xla/pjrt/c/pjrt_c_api.h.
type pjrtAPI struct {
	size                       uintptr
	extensions                 *ffiExtension // PJRT's extensions begin as XLA's do
	_                          uintptr       // versionSize
	_                          *ffiExtension // versionExtensions
	major, minor               int32
	errorDestroy, errorMessage uintptr
	_                          uintptr
	pluginInitialize           uintptr // PJRT_Plugin_Initialize
	_                          uintptr
	eventDestroy               uintptr // PJRT_Event_Destroy
	_                          [2]uintptr
	eventAwait                 uintptr // PJRT_Event_Await
	_                          uintptr
	clientCreate               uintptr // PJRT_Client_Create
	_                          [9]uintptr
	clientCompile              uintptr // PJRT_Client_Compile
	_                          [4]uintptr
	descriptionAttributes      uintptr // PJRT_DeviceDescription_Attributes
	descriptionKind            uintptr // PJRT_DeviceDescription_Kind
	_                          [2]uintptr
	deviceDescription          uintptr // PJRT_Device_GetDescription
	_                          uintptr
	deviceHardware             uintptr // PJRT_Device_LocalHardwareId
	_                          [2]uintptr
	deviceMemoryStats          uintptr // PJRT_Device_MemoryStats
	_                          [5]uintptr
	executableDestroy          uintptr // PJRT_Executable_Destroy
	_                          [8]uintptr
	serialize                  uintptr // PJRT_Executable_Serialize
	_                          uintptr
	executableOf               uintptr // PJRT_LoadedExecutable_GetExecutable
	_                          [4]uintptr
	deserialize                uintptr // PJRT_Executable_DeserializeAndLoad
	_                          [15]uintptr
	bufferReady                uintptr // PJRT_Buffer_ReadyEvent
	_                          [9]uintptr
	topologyCreate             uintptr // PJRT_TopologyDescription_Create
	_                          [6]uintptr
	compile                    uintptr // PJRT_Compile
	_                          [6]uintptr
	executableMemoryStats      uintptr // PJRT_Executable_GetCompiledMemoryStats
}

// openPJRT returns the API of a plugin that go-xla has loaded.
func openPJRT(path string) (*pjrtAPI, error) {
	library, err := purego.Dlopen(path, purego.RTLD_LAZY|purego.RTLD_LOCAL) // go-xla's handle
	if err != nil {
		return nil, err
	}
	get, err := purego.Dlsym(library, "GetPjrtApi")
	if err != nil {
		return nil, err
	}
	address, _, _ := purego.SyscallN(get)
	api := *(**pjrtAPI)(unsafe.Pointer(&address))
	if api.major != 0 {
		return nil, fmt.Errorf("PJRT API %d.%d is not known", api.major, api.minor)
	}
	return api, nil
}

// call calls a function of the API, whose argument is a struct that begins with its size.
func (api *pjrtAPI) call(function uintptr, args unsafe.Pointer) error {
	failure, _, _ := purego.SyscallN(function, uintptr(args))
	runtime.KeepAlive(args)
	if failure == 0 {
		return nil
	}
	message := &struct {
		size       uintptr
		extensions *ffiExtension
		failure    uintptr
		text       *byte
		n          uintptr
	}{size: 40, failure: failure}
	purego.SyscallN(api.errorMessage, uintptr(unsafe.Pointer(message)))
	err := errors.New(strings.Clone(unsafe.String(message.text, message.n)))
	message.size = 24 // PJRT_Error_Destroy_Args is its head
	purego.SyscallN(api.errorDestroy, uintptr(unsafe.Pointer(message)))
	return err
}

// Hardware describes the device that a plugin runs on, as the plugin says.
type Hardware struct {
	Kind string // such as NVIDIA H200
	// Capability is an NVIDIA GPU's compute capability, 9.0 for instance; "" where the plugin does not say.
	Capability string
	// Bytes of the device's memory: what may be allocated in all, what is now, and the
	// most that was. Zero where the plugin does not say.
	Limit, InUse, Peak int64
}

// Hardware asks XLA's plugin about the device; the Go backend has none.
func (d *Device) Hardware() (h Hardware, err error) {
	b, err := d.backend()
	if err != nil {
		return h, err
	}
	backend, ok := b.(*xla.Backend)
	if !ok {
		return h, fmt.Errorf("backend %s has no plugin", d.Name)
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the internals of go-xla changed: %v", r)
		}
	}()
	client := unexported[*pjrt.Client](backend, "client")
	device := reflect.ValueOf(client.AddressableDevices()[d.number]).Elem().FieldByName("cDevice").Pointer()
	api, err := openPJRT(unexported[*pjrt.Plugin](backend, "plugin").Path())
	if err != nil {
		return h, err
	}

	description := &struct {
		size       uintptr
		extensions *ffiExtension
		of, result uintptr
	}{size: 32, of: device}
	if err := api.call(api.deviceDescription, unsafe.Pointer(description)); err != nil {
		return h, err
	}
	kind := &struct {
		size       uintptr
		extensions *ffiExtension
		of         uintptr
		text       *byte
		n          uintptr
	}{size: 40, of: description.result}
	if err := api.call(api.descriptionKind, unsafe.Pointer(kind)); err != nil {
		return h, err
	}
	h.Kind = unsafe.String(kind.text, kind.n)

	attributes := &struct {
		size       uintptr
		extensions *ffiExtension
		of, n      uintptr
		list       *namedValue
	}{size: 40, of: description.result}
	if err := api.call(api.descriptionAttributes, unsafe.Pointer(attributes)); err != nil {
		return h, err
	}
	list := unsafe.Slice(attributes.list, attributes.n)
	for i := range list {
		a := &list[i] // the value of another kind is no pointer, which must not be copied as one
		if a.kind == namedString && unsafe.String(a.name, a.nameSize) == "compute_capability" {
			h.Capability = strings.Clone(unsafe.String(a.value, a.valueSize))
		}
	}

	type stat struct {
		value int64
		known bool
	}
	memory := &struct {
		size                           uintptr
		extensions                     *ffiExtension
		of                             uintptr
		inUse                          int64
		peak, allocations, most, limit stat
		_                              [6]stat
	}{of: device}
	memory.size = unsafe.Sizeof(*memory)
	if api.call(api.deviceMemoryStats, unsafe.Pointer(memory)) == nil { // CPUs have none
		h.InUse = memory.inUse
		if memory.peak.known {
			h.Peak = memory.peak.value
		}
		if memory.limit.known {
			h.Limit = memory.limit.value
		}
	}
	return h, nil
}
