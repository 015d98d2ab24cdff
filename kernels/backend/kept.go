package backend

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"

	"github.com/stele-lm/stele/internal/diskcache"
	"github.com/stele-lm/stele/kernels/isa"
)

// keptFormat is part of every key: another way to keep programs must have another.
const keptFormat = "1"

// KeptSuffix ends the names of the files of compiled programs.
const KeptSuffix = "program"

// keeping says where compiled programs are kept between processes; nil where they are not.
var keeping atomic.Pointer[keeper]

// keeper opens the folder when the first plugin is loaded.
type keeper struct {
	open func() (*diskcache.Cache, error)
	say  func(format string, args ...any)
}

// KeepPrograms keeps compiled programs of XLA's in a folder, for this process and others, from the next
// plugin that is loaded on. A program is known by its text, the options of its compilation, the plugin, the device,
// with CUDA its driver and NVIDIA's assembler too, and the variables NPROC, XLA_*, TF_XLA_* and TF_CPP_*. limit is
// the most bytes that the folder may have; those that were not used for longest go first. The folder must be the
// user's own (see diskcache.Open): what is in it is executed.
// What is found damaged is compiled again, and say gets a line about it, and about a folder that cannot be
// used. While XLA is asked to dump programs none is kept or taken.
func KeepPrograms(folder string, limit int64, say io.Writer) {
	k := &keeper{say: func(format string, args ...any) { fmt.Fprintf(say, format+"\n", args...) }}
	k.open = sync.OnceValues(func() (*diskcache.Cache, error) {
		c, err := diskcache.Open(folder, KeptSuffix, limit)
		if err != nil {
			k.say("compiled programs are not kept: %v", err)
		}
		return c, err
	})
	keeping.Store(k)
}

var loadCount atomic.Int64

// compileArgs is PJRT_Client_Compile_Args.
type compileArgs struct {
	size        uintptr
	extensions  *ffiExtension
	client      uintptr
	program     *pjrtProgram
	options     *byte
	optionsSize uintptr
	executable  uintptr
}

// pjrtProgram is PJRT_Program.
type pjrtProgram struct {
	_          uintptr       // size
	_          *ffiExtension // extensions
	code       *byte
	codeSize   uintptr
	format     *byte
	formatSize uintptr
}

// tables are the functions of plugins whose programs are kept, by the plugin's path.
var tables = map[string]*[pjrtTable]uintptr{}

// pjrtTable bounds the size of PJRT_Api, in words.
const pjrtTable = 1024

// keepPrograms makes the plugin of a backend look for a program among those that are kept before it compiles
// it, and keep it afterwards. options are those that the backend was opened with, ordered the flags of programs that
// addsUnordered finds. Where programs cannot be kept it says so, and they are compiled each time; that they cannot be
// given flags is an error.
func keepPrograms(b compute.Backend, path, options string, ordered []xlaFlag) error {
	k := keeping.Load()
	var cache *diskcache.Cache
	if k != nil && !strings.Contains(os.Getenv("XLA_FLAGS"), "xla_dump") { // XLA dumps what it compiles
		cache, _ = k.open() // what fails it has said
	}
	if tables[path] != nil || cache == nil && ordered == nil {
		return nil
	}
	err := exchange(b.(*xla.Backend), path, func(api *pjrtAPI) func(*compileArgs) uintptr {
		compile := api.compileProgram
		if cache != nil {
			c := &keptCompiler{api: api, cache: cache, say: k.say, of: madeBy(b.(*xla.Backend), path, options)}
			compile = c.compile
		}
		if ordered != nil {
			compile = orderedCompiler{ordered, compile}.compile
		}
		return compile
	})
	switch {
	case err != nil && ordered != nil:
		return fmt.Errorf("programs cannot be compiled so that a run goes on exactly: %w", err)
	case err != nil:
		k.say("compiled programs are not kept: %v", err)
	}
	return nil
}

// exchange has go-xla call another function than the plugin's PJRT_Client_Compile. It calls by a table of
// functions, which may lie in memory that cannot be written to, and gets a copy of it.
func exchange(b *xla.Backend, path string, compiler func(*pjrtAPI) func(*compileArgs) uintptr) (err error) {
	defer internalsChanged(&err)
	api, err := openPJRT(path)
	if err != nil {
		return err
	}
	if api.size < unsafe.Sizeof(*api) || api.size > unsafe.Sizeof([pjrtTable]uintptr{}) {
		return fmt.Errorf("PJRT API %d.%d with %d bytes is not known", api.major, api.minor, api.size)
	}
	plugin := unexported[*pjrt.Plugin](b, "plugin")
	field := reflect.ValueOf(plugin).Elem().FieldByName("api")
	if !field.IsValid() || field.Kind() != reflect.Pointer || field.Pointer() != uintptr(unsafe.Pointer(api)) {
		return fmt.Errorf("the internals of go-xla changed: %T has no table of functions", plugin)
	}
	table := new([pjrtTable]uintptr)
	copy(unsafe.Slice((*byte)(unsafe.Pointer(table)), api.size),
		unsafe.Slice((*byte)(unsafe.Pointer(api)), api.size))
	(*pjrtAPI)(unsafe.Pointer(table)).clientCompile = purego.NewCallback(compiler(api))
	*(*unsafe.Pointer)(unsafe.Pointer(field.UnsafeAddr())) = unsafe.Pointer(table)
	tables[path] = table
	return nil
}

// madeBy describes what makes machine code of a program: the plugin, the device and all that XLA reads beside
// the program. Programs of two that are described alike are the same.
func madeBy(b *xla.Backend, path, options string) string {
	client := unexported[*pjrt.Client](b, "client")
	parts := []string{"stele " + keptFormat, version(path), client.Platform() + " " + client.PlatformVersion()}
	if d, err := (opened("xla:"+path, b)).Hardware(); err == nil {
		parts = append(parts, d.Kind)
	}
	if pjrt.IsCUDAName(filepath.Base(path)) {
		parts = append(parts, cudaTools(os.Getenv("XLA_FLAGS"), driverFile))
	}
	parts = append(parts, isa.Processor(), fmt.Sprintf("%v, %d cores", isa.InForce(), runtime.NumCPU()))
	if options != "" {
		parts = append(parts, options)
	}
	return strings.Join(append(parts, readEnvironment(os.Environ())), "; ")
}

// version tells a file from others of its name.
func version(path string) string {
	text := filepath.Base(path)
	if info, err := os.Stat(path); err == nil {
		text += fmt.Sprintf(" of %d bytes and %s", info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano))
	}
	return text
}

// driverFile says which NVIDIA driver runs.
const driverFile = "/proc/driver/nvidia/version"

// cudaTools describes what makes machine code for a GPU beside the plugin: the driver, and the assembler, linker and
// device library that flags of XLA's name.
func cudaTools(flags, driver string) string {
	var parts []string
	if text, err := os.ReadFile(driver); err == nil {
		first, _, _ := strings.Cut(string(text), "\n")
		parts = append(parts, strings.Join(strings.Fields(first), " "))
	}
	for _, flag := range strings.Fields(flags) {
		if dir, ok := strings.CutPrefix(flag, "--"+dataDirFlag+"="); ok {
			for _, tool := range []string{"bin/ptxas", "bin/nvlink", "nvvm/libdevice/libdevice.10.bc",
				"../cudnn/lib/libcudnn.so.9"} {
				parts = append(parts, version(filepath.Join(dir, tool)))
			}
		}
	}
	return strings.Join(parts, ", ")
}

// readEnvironment names the variables that XLA reads: NPROC, among whose threads it divides work, and those of its
// own prefixes, and has a sum of their values, which are nobody else's business.
func readEnvironment(entries []string) string {
	var names, read []string
	for _, entry := range entries {
		name, _, _ := strings.Cut(entry, "=")
		own := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
		if name == "NPROC" || own("XLA_") || own("TF_XLA_") || own("TF_CPP_") {
			names, read = append(names, name), append(read, entry)
		}
	}
	slices.Sort(names)
	slices.Sort(read)
	return fmt.Sprintf("environment %s %x", strings.Join(names, " "), sha256.Sum256([]byte(strings.Join(read, "\x00"))))
}

// keptCompiler takes the place of a plugin's PJRT_Client_Compile.
type keptCompiler struct {
	api   *pjrtAPI
	cache *diskcache.Cache
	of    string // see madeBy
	say   func(format string, args ...any)
	mute  atomic.Bool // what cannot be kept was said
}

// compile is called by go-xla, from several threads at a time. It returns an error of the plugin's, or 0.
func (c *keptCompiler) compile(args *compileArgs) uintptr {
	key := diskcache.KeyOf([]byte(c.of), unsafe.Slice(args.program.code, args.program.codeSize),
		unsafe.Slice(args.program.format, args.program.formatSize), unsafe.Slice(args.options, args.optionsSize))
	switch data, err := c.cache.Get(key, c.of); {
	case err != nil:
		c.say("a compiled program is compiled again: %v", err)
	case data != nil:
		if args.executable, err = c.load(args.client, data); err == nil {
			loadCount.Add(1)
			return 0
		}
		c.cache.Drop(key)
		c.say("a compiled program is compiled again: it does not load: %v", err)
	}
	if failure := c.api.compileProgram(args); failure != 0 {
		return failure
	}
	data, err := c.serialize(args.executable)
	if err == nil {
		err = c.cache.Put(key, c.of, data)
	}
	if err != nil && !c.mute.Swap(true) {
		c.say("compiled programs are not kept: %v", err)
	}
	return 0
}

// load makes a program of what serialize returned.
func (c *keptCompiler) load(client uintptr, data []byte) (executable uintptr, err error) {
	args := &struct {
		size        uintptr
		extensions  *ffiExtension
		client      uintptr
		data        *byte
		n           uintptr
		executable  uintptr
		options     *byte
		optionsSize uintptr
	}{client: client, data: unsafe.SliceData(data), n: uintptr(len(data))}
	args.size = unsafe.Sizeof(*args)
	err = c.api.call(c.api.deserialize, unsafe.Pointer(args))
	runtime.KeepAlive(data)
	return args.executable, err
}

// serialize returns a compiled program's machine code, and what else the plugin needs to load it.
func (c *keptCompiler) serialize(loaded uintptr) ([]byte, error) {
	of := &struct {
		size               uintptr
		extensions         *ffiExtension
		loaded, executable uintptr
	}{size: 32, loaded: loaded}
	if err := c.api.call(c.api.executableOf, unsafe.Pointer(of)); err != nil {
		return nil, err
	}
	defer func() {
		_ = c.api.call(c.api.executableDestroy, unsafe.Pointer(&struct {
			size       uintptr
			extensions *ffiExtension
			executable uintptr
		}{24, nil, of.executable}))
	}()
	args := &struct {
		size       uintptr
		extensions *ffiExtension
		executable uintptr
		data       *byte
		n          uintptr
		owner      uintptr
		free       uintptr
	}{size: 56, executable: of.executable}
	if err := c.api.call(c.api.serialize, unsafe.Pointer(args)); err != nil {
		return nil, err
	}
	data := append([]byte(nil), unsafe.Slice(args.data, args.n)...)
	purego.SyscallN(args.free, args.owner)
	return data, nil
}
