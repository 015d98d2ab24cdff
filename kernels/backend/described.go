package backend

import (
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
	"github.com/gomlx/go-xla/stablehlo"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/internal/nearest"
)

// XLA's CUDA plugin compiles for a GPU that is only described, on a machine without one. A backend
// of that kind, xla:cuda@sm_90 for instance, builds programs as for CUDA, has them compiled for the
// GPU and reported, and runs them on xla:cpu, when they are first run; kernels of Stele's are interpreted there.
// xla:cuda@sm_90,exact compiles as Reproducible asks, and xla:cuda@sm_90,cudnn has cuDNN plan the calls of it.

// describedPrefix begins the names of these backends, behind "xla:".
const describedPrefix = "cuda@"

//go:embed gpus/*.txtpb
var gpuFiles embed.FS

// DescribedGPUs lists the GPUs that programs can be compiled for without one, by their compute
// capability: sm_90 for instance. The folder gpus has XLA's descriptions of them.
func DescribedGPUs() []string {
	entries, err := gpuFiles.ReadDir("gpus")
	if err != nil {
		panic(err) // they are in the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), path.Ext(e.Name())))
	}
	slices.SortFunc(names, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b) // sm_100 after sm_90
		}
		return strings.Compare(a, b)
	})
	return names
}

// CompilerDir is the folder of the CUDA plugin and NVIDIA's assembler that compile for described
// GPUs; third_party/fetch-cuda.sh fills it.
func CompilerDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "stele", "cuda"), nil
}

// described compiles for a GPU that is not here, or for several of its kind in one machine.
type described struct {
	api     *pjrtAPI
	target  string
	flags   map[string]any // XLA's, of every program
	ordered []xlaFlag      // and those of programs that orderedFlags finds
	// capability is the GPU's compute capability, or "" where its description has none.
	capability string

	lock       sync.Mutex
	topologies map[int]uintptr // by the number of GPUs

	dump  atomic.Pointer[string]
	count atomic.Int64
}

// mostDescribed is how many GPUs of a kind programs are compiled for.
const mostDescribed = 8

// exactOption compiles for a described GPU as Reproducible asks; with plansOption cuDNN is there and says how it
// computes what is asked of it, or that it does not.
const exactOption, plansOption = "exact", "cudnn"

// openDescribed opens the backend of a described GPU: one of DescribedGPUs, or the absolute path of another
// description. The plugin is loaded on first use.
func openDescribed(gpu string, exact, plans bool) (*Device, error) {
	name := "xla:" + describedPrefix + gpu
	target, err := gpuFiles.ReadFile("gpus/" + gpu + ".txtpb")
	switch {
	case filepath.IsAbs(gpu):
		if target, err = os.ReadFile(gpu); err != nil {
			return nil, fmt.Errorf("backend %s: %w", name, err)
		}
	case err != nil:
		return nil, fmt.Errorf("backend %s: no description of a GPU %q: expected %s or the absolute path of "+
			"one%s", name, gpu,
			strings.Join(DescribedGPUs(), ", "), nearest.Hint(gpu, DescribedGPUs()))
	}
	dir, err := CompilerDir()
	if err != nil {
		return nil, fmt.Errorf("backend %s: %w", name, err)
	}
	plugin := filepath.Join(dir, "jax_plugins", "xla_cuda13", "xla_cuda_plugin.so")
	if !exists(plugin) {
		return nil, fmt.Errorf("backend %s: there is no %s: make cuda-check in Stele's folder fetches it", name,
			plugin)
	}
	d := &Device{Name: name, opened: new(atomic.Bool), described: &described{}}
	d.described.capability, d.ordered = describedCapability(string(target)), exact
	d.start = sync.OnceValues(func() (compute.Backend, error) {
		if plans {
			if err := loadCUDNN(filepath.Join(filepath.Dir(dir), "cudnn")); err != nil {
				return nil, fmt.Errorf("backend %s: %w", name, err)
			}
		}
		b, err := d.described.open(plugin, string(target), exact)
		if plans {
			d.described.flags[plansFlag] = "CUDNN_DEVICELESS_COMPILATION_ALWAYS"
		}
		if err != nil {
			return nil, fmt.Errorf("backend %s: %w", name, err)
		}
		return b, nil
	})
	return d, nil
}

// open loads the plugin that compiles, describes the GPU to it, and opens the backend that programs are
// built with and run on.
func (g *described) open(plugin, target string, exact bool) (compute.Backend, error) {
	if err := Probe(plugin); err != nil {
		return nil, err
	}
	var err error
	if g.api, err = openPJRT(plugin); err != nil {
		return nil, err
	}
	if g.api.size < unsafe.Sizeof(*g.api) {
		return nil, fmt.Errorf("plugin %s: PJRT API %d.%d has no ahead-of-time compilation", plugin, g.api.major,
			g.api.minor)
	}
	initialize := &struct {
		size       uintptr
		extensions *ffiExtension
	}{size: 16}
	if err := g.api.call(g.api.pluginInitialize, unsafe.Pointer(initialize)); err != nil {
		return nil, err
	}
	g.target, g.topologies = target, map[int]uintptr{}
	if _, err := g.topology(1); err != nil {
		return nil, err
	}
	g.flags = map[string]any{"xla_gpu_autotune_level": 0} // there is nothing to measure on
	if !exact {
		g.flags["xla_gpu_enable_triton_gemm"] = false
	}
	for _, flag := range cudaFlags(plugin, exact) {
		g.flags[flag.name] = flag.value
	}
	if exact {
		g.ordered = orderedFlags(plugin)
	}
	return cudaOnCPU()
}

// topology describes so many GPUs in one machine to the plugin.
func (g *described) topology(devices int) (uintptr, error) {
	g.lock.Lock()
	defer g.lock.Unlock()
	if t, ok := g.topologies[devices]; ok {
		return t, nil
	}
	options := []namedValue{text("target_config", g.target), text("topology", fmt.Sprintf("1x1x%d", devices))}
	args := &struct {
		size       uintptr
		extensions *ffiExtension
		name       *byte
		nameSize   uintptr
		options    *namedValue
		n, result  uintptr
	}{size: 56, options: &options[0], n: uintptr(len(options))}
	err := g.api.call(g.api.topologyCreate, unsafe.Pointer(args))
	runtime.KeepAlive(options)
	if err != nil {
		return 0, fmt.Errorf("the description of the GPU: %w", err)
	}
	g.topologies[devices] = args.result
	return args.result, nil
}

// namedValue is PJRT_NamedValue.
type namedValue struct {
	size      uintptr
	_         *ffiExtension // extensions
	name      *byte
	nameSize  uintptr
	kind      int32
	value     *byte
	valueSize uintptr
}

// namedString is PJRT_NamedValue_kString.
const namedString = 0

func text(name, value string) namedValue {
	return namedValue{size: 56, name: unsafe.StringData(name), nameSize: uintptr(len(name)),
		value: unsafe.StringData(value), valueSize: uintptr(len(value))}
}

// cudaOnCPU opens a backend whose graphs are built as for CUDA, and which runs them on xla:cpu.
func cudaOnCPU() (b compute.Backend, err error) {
	defer func() {
		if r := recover(); r != nil {
			b, err = nil, fmt.Errorf("the internals of go-xla changed: %v", r)
		}
	}()
	if err := registerCUDAOnCPU(); err != nil {
		return nil, err
	}
	xla.EnableAutoInstall(false)
	if b, err = xla.New(cudaOnCPUName + ",tf32=false"); err != nil { // as loadXLA has it for CUDA
		return nil, err
	}
	*unexportedField[int](b.(*xla.Backend), "numDevices") = mostDescribed // xla:cpu has fewer that run
	return b, nil
}

// cudaOnCPUName is the plugin as go-xla knows it: its name makes it one for CUDA, and the slash one
// that is not searched for.
const cudaOnCPUName = "/stele/cuda"

// passesForCUDA is the API of the plugin for CPUs with another function that makes clients; C code keeps
// pointers to it.
var passesForCUDA []uintptr

// registerCUDAOnCPU gives go-xla the plugin for CPUs as one for CUDA, whose options its clients are not
// given.
var registerCUDAOnCPU = sync.OnceValue(func() error {
	cpu, err := PluginPath("cpu")
	if err != nil {
		return err
	}
	if err := Probe(cpu); err != nil {
		return err
	}
	api, err := openPJRT(cpu)
	if err != nil {
		return err
	}
	if err := errors.Join(registerCall(cpu, kernelTarget, interpretKernel), registerCUDNN(cpu)); err != nil {
		return err
	}
	const word = unsafe.Sizeof(uintptr(0))
	passesForCUDA = slices.Clone(unsafe.Slice((*uintptr)(unsafe.Pointer(api)), api.size/word))
	type clientCreate struct {
		size       uintptr
		extensions *ffiExtension
		options    unsafe.Pointer
		n          uintptr
	}
	create := api.clientCreate
	passesForCUDA[unsafe.Offsetof(api.clientCreate)/word] = purego.NewCallback(func(args *clientCreate) uintptr {
		args.options, args.n = nil, 0
		failure, _, _ := purego.SyscallN(create, uintptr(unsafe.Pointer(args)))
		return failure
	})
	return pjrt.RegisterPreloadedPlugin(cudaOnCPUName, uintptr(unsafe.Pointer(&passesForCUDA[0])))
})

// DumpTo has XLA write what it makes of each program that is compiled from now on for a described GPU into
// a folder of the program's own below dir (see Program.Dump); "" writes nothing.
func (d *Device) DumpTo(dir string) error {
	if d.described == nil {
		return fmt.Errorf("%s compiles for no described GPU", d.Name)
	}
	d.described.dump.Store(&dir)
	return nil
}

// compilation is what came of a program that was compiled for a described GPU.
type compilation struct {
	memory Memory
	dump   string // folder, or ""
	run    func() (compute.Executable, error)
}

// compileGraph compiles a graph for GPUs that run it together, which has these calls of cuDNN's; what it returns
// compiles it for the CPU, once.
func (g *described) compileGraph(
	name string, devices int, built *graph.Graph, outputs []*graph.Node, ofCUDNN []cudnnStatement,
) (c *compilation, err error) {
	text, builder, err := programText(built, outputs)
	if err != nil {
		return nil, err
	}
	c = &compilation{run: sync.OnceValues(func() (compute.Executable, error) {
		meant(ofCUDNN)
		return builder.Compile()
	})}
	flags := maps.Clone(g.flags)
	if addsUnordered(text) {
		for _, flag := range g.ordered {
			flags[flag.name] = flag.value
		}
	}
	if dir := g.dump.Load(); dir != nil && *dir != "" {
		c.dump = filepath.Join(*dir, fmt.Sprintf("%04d-%s", g.count.Add(1), strings.ReplaceAll(name, " ", "-")))
		if err := os.MkdirAll(c.dump, 0o777); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(c.dump, "program.mlir"), text, 0o666); err != nil {
			return nil, err
		}
		flags["xla_dump_to"], flags["xla_dump_emitter_re"] = c.dump, "ptx"
	}
	if c.memory, err = g.compile(text, devices, flags); err != nil {
		return nil, err
	}
	return c, nil
}

// programText ends a graph of XLA's and returns it as StableHLO, and what compiles it.
func programText(g *graph.Graph, outputs []*graph.Node) (text []byte, builder compute.Builder, err error) {
	defer internalsChanged(&err)
	g.CurrentFunc().Return(outputs, nil)
	builder = unexported[compute.Builder](g, "builder")
	text, err = unexported[*stablehlo.Builder](builder, "builder").Build()
	return text, builder, err
}

// compile compiles StableHLO for GPUs that run it together and returns the memory that it takes of each.
func (g *described) compile(program []byte, devices int, flags map[string]any) (m Memory, err error) {
	if len(program) == 0 {
		return m, errors.New("the program is empty")
	}
	topology, err := g.topology(devices)
	if err != nil {
		return m, err
	}
	format, options := "mlir", compileOptions(devices, flags)
	code := &struct {
		size       uintptr
		extensions *ffiExtension
		code       *byte
		n          uintptr
		format     *byte
		formatSize uintptr
	}{48, nil, &program[0], uintptr(len(program)), unsafe.StringData(format), uintptr(len(format))}
	args := &struct {
		size        uintptr
		extensions  *ffiExtension
		topology    uintptr
		program     unsafe.Pointer
		options     *byte
		optionsSize uintptr
		client      uintptr
		result      uintptr
	}{64, nil, topology, unsafe.Pointer(code), &options[0], uintptr(len(options)), 0, 0}
	if err := g.api.call(g.api.compile, unsafe.Pointer(args)); err != nil {
		return m, err
	}
	runtime.KeepAlive(program)
	stats := &struct {
		size                                         uintptr
		extensions                                   *ffiExtension
		of                                           uintptr
		code, arguments, outputs, aliased, temporary int64
		_                                            [5]int64 // on the host
		_                                            int64    // the peak
	}{of: args.result}
	stats.size = unsafe.Sizeof(*stats)
	err = g.api.call(g.api.executableMemoryStats, unsafe.Pointer(stats))
	m = Memory{stats.arguments, stats.outputs, stats.aliased, stats.temporary}
	destroy := &struct {
		size       uintptr
		extensions *ffiExtension
		of         uintptr
	}{size: 24, of: args.result}
	return m, errors.Join(err, g.api.call(g.api.executableDestroy, unsafe.Pointer(destroy)))
}

// compileOptions is a CompileOptionsProto with the options that go-xla gives: one replica for any device, or one
// for each of several that run a program together; and XLA's flags (bool, int or string) by name.
func compileOptions(devices int, flags map[string]any) []byte {
	build := append([]byte{0x08}, binary.AppendUvarint(nil, 1<<64-1)...) // device_ordinal: -1
	build = append(build, 0x20, byte(devices), 0x28, 1)                  // num_replicas, num_partitions
	portable := byte(1)
	if devices > 1 {
		portable = 0
		var ids []byte
		for i := range devices {
			ids = append(ids, byte(i))
		}
		assignment := []byte{0x08, byte(devices), 0x10, 1} // replica_count, computation_count
		assignment = protoField(assignment, 0x1a, protoField(nil, 0x0a, ids))
		build = protoField(append(build, 0x30, 1), 0x4a, assignment) // use_spmd_partitioning, device_assignment
	}
	b := protoField(nil, 0x1a, build) // executable_build_options
	b = append(b, 0x20, portable)     // compile_portable_executable
	return append(b, optionOverrides(flags)...)
}

// optionOverrides is the field env_option_overrides of a CompileOptionsProto.
func optionOverrides(flags map[string]any) (b []byte) {
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		var value []byte
		switch v := flags[name].(type) {
		case string:
			value = protoField(nil, 0x0a, []byte(v))
		case bool:
			value = []byte{0x10, 0}
			if v {
				value[1] = 1
			}
		case int:
			value = binary.AppendUvarint([]byte{0x18}, uint64(v))
		}
		b = protoField(b, 0x3a, protoField(protoField(nil, 0x0a, []byte(name)), 0x12, value))
	}
	return b
}

// protoField appends a field of a protocol buffer that has content of some length.
func protoField(b []byte, tag byte, content []byte) []byte {
	return append(binary.AppendUvarint(append(b, tag), uint64(len(content))), content...)
}
