package backend

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/dtypes/bfloat16"
	_ "github.com/gomlx/compute/gobackend" // registers the pure-Go backend
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"

	"github.com/stele-lm/stele/internal/threads"
	"github.com/stele-lm/stele/kernels/host"
	"github.com/stele-lm/stele/kernels/isa"
)

// Device is an opened GoMLX backend and the buffers that live on it: on its first device, or on another of a Mesh.
type Device struct {
	// Name is the backend as the command line names it: go, xla:cpu, xla:cuda, xla:cuda@GPU
	// or xla:PATH.
	Name string
	// Note says why a better backend was passed over by "auto"; empty otherwise.
	Note string
	// number is the device's among those of its backend.
	number compute.DeviceNum

	// start opens the backend, once. XLA's for CPUs waits until it is needed: its
	// plugin takes a hundred megabytes and half a second, and generation on a CPU
	// may never touch it.
	start  func() (compute.Backend, error)
	opened *atomic.Bool
	// products is the reason why programs of xla:cpu leave attention and all products to XLA (see
	// registerHostCalls), and nil, once the backend is open, where host kernels compute those that
	// leftToXLA, or here leaveToXLA, does not.
	products   error
	leaveToXLA func(hostProduct) error
	handsOver  error // the reason why programs hand nothing over (see HandsOver), once the backend is open
	// programs are shared by all who use the device; nil where each compiles its own.
	programs *programs
	// trial tells why a GPU's programs cannot call kernels, or returns nil. A nil trial is not needed.
	trial func() error
	// cudnnTrial tells why a GPU's programs cannot call cuDNN's attention, or returns nil. A nil one is not needed.
	cudnnTrial func() error
	// ordered is that cuDNN's gradients add up in one order (see orderedFlags).
	ordered bool
	// described compiles for a GPU that is not here; nil where programs are compiled for what they run on.
	described *described
}

// backend opens what Open named, if it is not open yet.
func (d *Device) backend() (compute.Backend, error) {
	b, err := d.start()
	if err == nil {
		d.opened.Store(true)
	}
	return b, err
}

// opened returns the device of a backend that is open already.
func opened(name string, b compute.Backend) *Device {
	d := &Device{Name: name, start: func() (compute.Backend, error) { return b, nil }, opened: new(atomic.Bool)}
	d.opened.Store(true)
	return d
}

// Buffer is a tensor on a device.
type Buffer = compute.Buffer

// Open opens a backend by its command-line name. "auto" takes the best that is
// there: xla:cuda, then xla:cpu, then go. A plugin that is missing or does not
// load is an error that says which file was tried; go-xla itself would panic. That
// the plugin for CPUs does not load shows on its first use.
func Open(name string) (*Device, error) {
	switch {
	case name == "" || name == "auto":
		return openBest()
	case name == "go":
		// One operation at a time, each on all cores. With operations in parallel,
		// GoMLX v0.28.1 can hang: each holds a worker and waits for another one
		// (workerspool.Saturate). It also needs more memory.
		backend, err := compute.NewWithConfig("go:ops_sequential")
		if err != nil {
			return nil, fmt.Errorf("backend go: %w", err)
		}
		return opened("go", backend), nil
	case strings.HasPrefix(name, "xla:"):
		return openXLA(strings.TrimPrefix(name, "xla:"))
	}
	return nil, fmt.Errorf("unknown backend %q: expected auto, go, xla:cpu, xla:cuda, xla:cuda@GPU or xla:PATH", name)
}

func openBest() (*Device, error) {
	var notes []string
	for _, platform := range []string{"cuda", "cpu"} {
		device, err := openXLA(platform)
		if err == nil {
			if platform == "cpu" {
				notes = nil // no CUDA plugin is the ordinary case
			}
			device.Note = strings.Join(notes, "; ")
			return device, nil
		}
		notes = append(notes, err.Error())
	}
	device, err := Open("go")
	if err == nil {
		device.Note = strings.Join(notes[1:], "; ")
	}
	return device, err
}

// openXLA opens the PJRT plugin of a platform ("cpu", "cuda") or at a path;
// options of go-xla may follow after commas.
func openXLA(spec string) (*Device, error) {
	platform, options, _ := strings.Cut(spec, ",")
	if gpu, ok := strings.CutPrefix(platform, describedPrefix); ok {
		exact, plans := false, false
		for _, option := range strings.Split(options, ",") {
			switch option {
			case "":
			case exactOption:
				exact = true
			case plansOption:
				plans = true
			default:
				return nil, fmt.Errorf("backend xla:%s: options (%s) have no use where programs are "+
					"compiled alone, but for %s and %s", platform, options, exactOption, plansOption)
			}
		}
		return openDescribed(gpu, exact, plans)
	}
	name, path := "xla:"+platform, platform
	if !filepath.IsAbs(path) {
		var err error
		if path, err = PluginPath(platform); err != nil {
			return nil, fmt.Errorf("backend %s: %w", name, err)
		}
	}
	start := func() (compute.Backend, error) {
		b, err := loadXLA(path, options)
		if err != nil {
			return nil, fmt.Errorf("backend %s: %w", name, err)
		}
		return b, nil
	}
	if platform == "cpu" {
		d := &Device{Name: name, opened: new(atomic.Bool)}
		d.start = sync.OnceValues(func() (compute.Backend, error) {
			b, err := start()
			if err == nil {
				d.products, d.handsOver = registerHostCalls(path)
			}
			return b, err
		})
		return d, nil
	}
	b, err := start()
	if err != nil {
		return nil, err
	}
	d := opened(name, b)
	d.ordered = reproducible.Load()
	d.trial = sync.OnceValue(func() error {
		alone := *d
		alone.trial = nil
		return alone.tryKernel()
	})
	d.cudnnTrial = sync.OnceValue(func() error {
		alone := *d
		alone.cudnnTrial = nil
		return alone.tryCUDNN()
	})
	return d, nil
}

func loadXLA(path, options string) (b compute.Backend, err error) {
	cuda := pjrt.IsCUDAName(filepath.Base(path))
	if cuda {
		undo := cudaEnvironment(path)
		defer func() {
			if err != nil {
				undo()
			}
		}()
	}
	if err := Probe(path); err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil {
			b, err = nil, fmt.Errorf("plugin %s does not load: %v", path, r)
		}
	}()
	xla.EnableAutoInstall(false)
	config := path
	if options != "" {
		config += "," + options
	}
	if cuda && !strings.Contains(options, "tf32") {
		config += ",tf32=false" // float32 is the reference: TF32 keeps 11 bits of a factor
	}
	if cuda && !strings.Contains(options, "memory_fraction") {
		config += ",memory_fraction=0.9" // of what is free; XLA's own default is 0.75
	}
	loading.Lock() // the plugin's functions are exchanged before anybody calls them
	defer loading.Unlock()
	if b, err = xla.New(config); err != nil {
		return nil, fmt.Errorf("plugin %s: %w", path, err)
	}
	var ordered []xlaFlag
	if cuda && reproducible.Load() {
		ordered = orderedFlags(path)
	}
	if err := keepPrograms(b, path, options, ordered); err != nil {
		return nil, fmt.Errorf("plugin %s: %w", path, err)
	}
	return b, nil
}

var loading sync.Mutex

// IsXLA reports whether programs are compiled by XLA rather than interpreted by
// the pure-Go backend.
func (d *Device) IsXLA() bool { return strings.HasPrefix(d.Name, "xla:") }

// IsCPU reports whether buffers live in the memory of this process.
func (d *Device) IsCPU() bool { return d.Name == "go" || d.Name == "xla:cpu" }

// HostProducts returns nil where programs have products of a dtype, whose left side contracts an axis,
// computed by host kernels, or the reason why they leave them to XLA. It opens the device.
func (d *Device) HostProducts(dtype dtypes.DType, left int) error {
	if _, err := d.backend(); err != nil {
		return err
	}
	return d.hostProducts(hostProduct{left: left, dtype: dtype})
}

// hostProducts is HostProducts of an open device.
func (d *Device) hostProducts(p hostProduct) error {
	switch {
	case d.Name != "xla:cpu":
		return errors.New("the device is not xla:cpu")
	case d.products != nil:
		return d.products
	case d.leaveToXLA != nil:
		return d.leaveToXLA(p)
	}
	tier := isa.InForce()
	if tier < isa.AMX {
		tier = host.Tier() // without VNNI a CPU's AVX-512 is not used
	}
	return leftToXLA(p, tier)
}

// WithoutHostCalls returns the device such that its programs leave attention and all products to XLA.
func (d *Device) WithoutHostCalls() *Device {
	without := *d
	without.products = errors.New("host kernels are not wanted")
	return &without
}

// Description says in one line what the device is, and opens it for that.
func (d *Device) Description() (string, error) {
	b, err := d.backend()
	if err != nil {
		return "", err
	}
	description := b.Description()
	var byHost []string
	for _, dtype := range []dtypes.DType{dtypes.Float32, dtypes.BFloat16} {
		switch first, last := d.HostProducts(dtype, 0), d.HostProducts(dtype, 1); {
		case first == nil && last == nil:
			byHost = append(byHost, strings.ToLower(dtype.String())+" products")
		case first == nil:
			byHost = append(byHost, strings.ToLower(dtype.String())+" gradients of weights")
		}
	}
	if d.HostAttention() == nil {
		byHost = append(byHost, "attention")
	}
	if len(byHost) > 0 {
		description += ", " + strings.Join(byHost, " and ") + " by host kernels"
	}
	if h, err := d.Hardware(); err == nil && h.Limit > 0 {
		description += fmt.Sprintf(", %s with %.1f GiB to allocate", h.Kind, float64(h.Limit)/(1<<30))
	}
	return description, nil
}

// Machine says in a line on what n devices like this compute: the processor with the threads that this process
// uses, or accelerators, which are opened for that.
func (d *Device) Machine(n int) string {
	if d.IsCPU() {
		return fmt.Sprintf("%s, threads: %d", isa.Name(), threads.Found)
	}
	kind := d.Name
	if h, err := d.Hardware(); err == nil && h.Kind != "" {
		kind = h.Kind
	}
	if n > 1 {
		return fmt.Sprintf("%d × %s", n, kind)
	}
	return kind
}

// Close releases the backend. No buffer or program of it may be used after.
func (d *Device) Close() {
	if !d.opened.Load() {
		return
	}
	if b, err := d.start(); err == nil {
		b.Finalize()
	}
}

// Elem is the Go type of a tensor's elements.
type Elem interface {
	float32 | int32 | uint32 | uint8 | bfloat16.BFloat16
}

// dtypeOf returns the dtype of tensors with elements of type T.
func dtypeOf[T Elem]() dtypes.DType {
	switch any(*new(T)).(type) {
	case float32:
		return dtypes.Float32
	case int32:
		return dtypes.Int32
	case uint32:
		return dtypes.Uint32
	case uint8:
		return dtypes.Uint8
	}
	return dtypes.BFloat16
}

// Upload copies data, row-major, to the device as a tensor of the given dimensions.
func Upload[T Elem](d *Device, data []T, dims ...int) (Buffer, error) {
	shape := shapes.Make(dtypeOf[T](), dims...)
	if shape.Size() != len(data) {
		return nil, fmt.Errorf("upload of %d elements as %s", len(data), shape)
	}
	b, err := d.backend()
	if err != nil {
		return nil, err
	}
	return b.BufferFromFlatData(d.number, data, shape)
}

// UploadFloat32 copies data to the device as dtype Float32 or BFloat16 (rounded
// to nearest, ties to even).
func UploadFloat32(d *Device, dtype dtypes.DType, data []float32, dims ...int) (Buffer, error) {
	if dtype == dtypes.Float32 {
		return Upload(d, data, dims...)
	}
	half := make([]bfloat16.BFloat16, len(data))
	for i, v := range data {
		half[i] = bfloat16.FromFloat32(v)
	}
	return Upload(d, half, dims...)
}

// Zeros makes a tensor of zeros.
func (d *Device) Zeros(dtype dtypes.DType, dims ...int) (Buffer, error) {
	n := shapes.Make(dtype, dims...).Size()
	zeros, free := zeros(n * int(dtype.Size()))
	defer free()
	switch first := unsafe.Pointer(unsafe.SliceData(zeros)); dtype {
	case dtypes.Float32:
		return Upload(d, unsafe.Slice((*float32)(first), n), dims...)
	case dtypes.Uint8:
		return Upload(d, zeros, dims...)
	default:
		return Upload(d, unsafe.Slice((*bfloat16.BFloat16)(first), n), dims...)
	}
}

// Download copies a tensor of type T to dst, which must have its size.
func Download[T Elem](b Buffer, dst []T) error { return b.ToFlatData(dst) }

// InMemory returns the bytes of a Float32, BFloat16 or Uint8 tensor of a CPU where they lie, once it has its values.
// They may be written while no program uses the tensor, until it is freed or donated.
func InMemory(b Buffer) ([]byte, error) {
	shape, err := b.Shape()
	if err != nil {
		return nil, err
	}
	n := shape.Size() * int(shape.DType.Size())
	if _, ok := b.(*xla.Buffer); ok {
		address, err := Address(b)
		if err != nil {
			return nil, err
		}
		return unsafe.Slice(*(**byte)(unsafe.Pointer(&address)), n), nil
	}
	flat, err := b.Data()
	if err != nil {
		return nil, err
	}
	switch elements := flat.(type) {
	case []float32:
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(elements))), n), nil
	case []bfloat16.BFloat16:
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(elements))), n), nil
	case []uint8:
		return elements, nil
	}
	return nil, fmt.Errorf("a tensor of %s lies in memory as %T", shape, flat)
}

// FloatsIn are the float32 numbers that some bytes of a tensor are.
func FloatsIn(data []byte) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(data))), len(data)/4)
}

// Float32s copies a Float32 or BFloat16 tensor out of the device.
func Float32s(b Buffer) ([]float32, error) {
	shape, err := b.Shape()
	if err != nil {
		return nil, err
	}
	out := make([]float32, shape.Size())
	switch shape.DType {
	case dtypes.Float32:
		return out, b.ToFlatData(out)
	case dtypes.BFloat16:
		half := make([]bfloat16.BFloat16, len(out))
		if err := b.ToFlatData(half); err != nil {
			return nil, err
		}
		for i, v := range half {
			out[i] = v.Float32()
		}
		return out, nil
	}
	return nil, fmt.Errorf("a tensor of %s has no float values", shape)
}

// Bytes copies a Float32, BFloat16 or Uint8 tensor out of the device as it is,
// elements in the order of this machine's bytes.
func Bytes(b Buffer) ([]byte, error) {
	shape, err := b.Shape()
	if err != nil {
		return nil, err
	}
	switch n := shape.Size(); shape.DType {
	case dtypes.Float32:
		return bytesOf(b, make([]float32, n))
	case dtypes.BFloat16:
		return bytesOf(b, make([]bfloat16.BFloat16, n))
	case dtypes.Uint8:
		return bytesOf(b, make([]uint8, n))
	}
	return nil, fmt.Errorf("a tensor of %s is not read as bytes", shape)
}

func bytesOf[T Elem](b Buffer, dst []T) ([]byte, error) {
	if err := b.ToFlatData(dst); err != nil {
		return nil, err
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(dst))),
		len(dst)*int(unsafe.Sizeof(*new(T)))), nil
}

// UploadBytes is Bytes backwards; data must be that of the shape.
func UploadBytes(d *Device, data []byte, shape shapes.Shape) (Buffer, error) {
	if want := shape.Size() * int(shape.DType.Size()); len(data) != want {
		return nil, fmt.Errorf("upload of %d bytes as %s, which has %d", len(data), shape, want)
	}
	switch dims := shape.Dimensions; shape.DType {
	case dtypes.Float32:
		return Upload(d, elementsOf[float32](data), dims...)
	case dtypes.BFloat16:
		return Upload(d, elementsOf[bfloat16.BFloat16](data), dims...)
	case dtypes.Uint8:
		return Upload(d, data, dims...)
	}
	return nil, fmt.Errorf("a tensor of %s is not made of bytes", shape)
}

// elementsOf copies bytes, whose alignment is not known, to elements.
func elementsOf[T Elem](data []byte) []T {
	elements := make([]T, len(data)/int(unsafe.Sizeof(*new(T))))
	copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(elements))), len(data)), data)
	return elements
}

// Free releases buffers at once instead of waiting for the garbage collector.
func Free(buffers ...Buffer) {
	for _, b := range buffers {
		if b != nil {
			_ = b.Finalize() // fails only for a buffer that was donated, which is free already
		}
	}
}

// RoundBFloat16 rounds values to bfloat16 precision in place.
func RoundBFloat16(values []float32) {
	for i, v := range values {
		values[i] = bfloat16.FromFloat32(v).Float32()
	}
}
