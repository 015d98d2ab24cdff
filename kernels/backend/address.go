package backend

import (
	"fmt"
	"path/filepath"
	"reflect"
	"unsafe"

	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
)

// Address waits until a buffer of XLA's has its values and tells where they lie in the device's memory, row-major
// for what Stele makes. Libraries that work there (NCCL) are given it; they must be done with it before the buffer is
// freed, donated or run. What they write there the next program sees.
//
// XLA may run a program that was launched before and reads the buffer after Address has returned: the caller has
// none under way. Programs of Program.Run have ended when it returns.
func Address(b Buffer) (address uintptr, err error) {
	defer internalsChanged(&err)
	buffer, ok := b.(*xla.Buffer)
	if !ok {
		return 0, fmt.Errorf("a buffer of %T has no address on a device", b)
	}
	held := unexported[*pjrt.Buffer](buffer, "pjrtBuffer")
	if err := held.Check(); err != nil {
		return 0, err
	}
	api, err := openPJRT(unexported[*pjrt.Plugin](unexported[*xla.Backend](buffer, "backend"), "plugin").Path())
	if err != nil {
		return 0, err
	}
	type args struct {
		size       uintptr
		extensions *ffiExtension
		of, result uintptr
	}
	pointer := reflect.ValueOf(held).Elem().FieldByName("wrapper").Elem().FieldByName("c").Pointer()
	ready := &args{size: 32, of: pointer}
	if err := api.call(api.bufferReady, unsafe.Pointer(ready)); err != nil {
		return 0, err
	}
	event := &args{size: 24, of: ready.result} // the same head, for PJRT_Event_Await and PJRT_Event_Destroy
	awaited := api.call(api.eventAwait, unsafe.Pointer(event))
	if err := api.call(api.eventDestroy, unsafe.Pointer(event)); awaited == nil {
		awaited = err
	}
	if awaited != nil {
		return 0, fmt.Errorf("a buffer's values did not come: %w", awaited)
	}
	found, err := held.UnsafePointer()
	return uintptr(found), err
}

// HardwareNumber is the number by which CUDA knows the device, among those that this process sees.
func (d *Device) HardwareNumber() (n int, err error) {
	b, err := d.backend()
	if err != nil {
		return 0, err
	}
	defer internalsChanged(&err)
	backend, ok := b.(*xla.Backend)
	if !ok {
		return 0, fmt.Errorf("backend %s has no plugin", d.Name)
	}
	api, err := openPJRT(unexported[*pjrt.Plugin](backend, "plugin").Path())
	if err != nil {
		return 0, err
	}
	device := unexported[*pjrt.Client](backend, "client").AddressableDevices()[d.number]
	args := &struct {
		size       uintptr
		extensions *ffiExtension
		of         uintptr
		number     int32
	}{size: 28, of: reflect.ValueOf(device).Elem().FieldByName("cDevice").Pointer()}
	err = api.call(api.deviceHardware, unsafe.Pointer(args))
	return int(args.number), err
}

// NCCLFiles lists where pip puts NCCL, which XLA's CUDA plugin takes too.
func NCCLFiles() (files []string) {
	for _, site := range sitePackages() {
		files = append(files, filepath.Join(site, "nvidia", "nccl", "lib", "libnccl.so.2"))
	}
	return files
}
