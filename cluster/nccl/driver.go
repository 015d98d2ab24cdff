package nccl

import (
	"fmt"
	"os"

	"github.com/ebitengine/purego"
)

// DriverVariable names a file that is taken for CUDA's driver, libcuda.so.1.
const DriverVariable = "STELE_LIBCUDA"

// notReady is CUDA_ERROR_NOT_READY: a stream still works.
const notReady = 600

// nonBlocking is CU_STREAM_NON_BLOCKING: the stream waits for no other.
const nonBlocking = 1

// driver is the part of CUDA's driver that collectives need: a GPU's context, in which XLA works too, and a stream.
type driver struct {
	initialise     func(flags uint32) int32
	device         func(device *int32, ordinal int32) int32
	retainPrimary  func(context *uintptr, device int32) int32
	releasePrimary func(device int32) int32
	setCurrent     func(context uintptr) int32
	streamCreate   func(stream *uintptr, flags uint32) int32
	streamQuery    func(stream uintptr) int32
	streamDestroy  func(stream uintptr) int32
}

// openDriver loads CUDA's driver.
func openDriver() (*driver, error) {
	path := "libcuda.so.1"
	if named := os.Getenv(DriverVariable); named != "" {
		path = named
	}
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("CUDA's driver does not load: %w", err)
	}
	d := &driver{}
	if err := bind(handle, path, []function{
		{"cuInit", &d.initialise, true}, {"cuDeviceGet", &d.device, true},
		{"cuDevicePrimaryCtxRetain", &d.retainPrimary, true},
		{"cuDevicePrimaryCtxRelease_v2", &d.releasePrimary, true},
		{"cuCtxSetCurrent", &d.setCurrent, true}, {"cuStreamCreate", &d.streamCreate, true},
		{"cuStreamQuery", &d.streamQuery, true}, {"cuStreamDestroy_v2", &d.streamDestroy, true},
	}); err != nil {
		return nil, err
	}
	return d, d.check("cuInit", d.initialise(0))
}

// check makes an error of a call's result.
func (d *driver) check(call string, result int32) error {
	if result == 0 {
		return nil
	}
	return fmt.Errorf("%s: CUDA error %d", call, result)
}
