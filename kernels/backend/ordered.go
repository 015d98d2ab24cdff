package backend

import (
	"bytes"
	"slices"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/stele-lm/stele/kernels/cudnn"
)

// The gradient of cuDNN's attention adds up in the order in which threads come, unless XLA asks for the variant
// that does not, which it does for all of a program or for nothing of it: what a call's own backend_config says
// of it XLA overwrites by what a flag says. The same flag takes Triton's products from a program, so none but
// those that have this gradient get it, where a run must go on exactly.

// orderedFlags are XLA's flags for such programs of a plugin.
func orderedFlags(plugin string) []xlaFlag {
	const exclude = "xla_gpu_exclude_nondeterministic_ops"
	if mentions(plugin, exclude) {
		// Products that were made Triton's before would be nobody's.
		return []xlaFlag{{exclude, true}, {"xla_gpu_enable_triton_gemm", false}}
	}
	return []xlaFlag{{"xla_gpu_deterministic_ops", true}}
}

// addsUnordered reports whether a program, as StableHLO, is one of them.
func addsUnordered(program []byte) bool {
	return slices.ContainsFunc(cudnn.Targets[:], func(targets [2]string) bool {
		return bytes.Contains(program, []byte(targets[1]))
	})
}

// orderedCompiler has programs compiled with orderedFlags, by next.
type orderedCompiler struct {
	flags []xlaFlag
	next  func(*compileArgs) uintptr
}

// compile takes the place of a plugin's PJRT_Client_Compile. Options are a message to which fields can be
// appended.
func (c orderedCompiler) compile(args *compileArgs) uintptr {
	if !addsUnordered(bytesAt(args.program.code, args.program.codeSize)) {
		return c.next(args)
	}
	more := map[string]any{}
	for _, flag := range c.flags {
		more[flag.name] = flag.value
	}
	options := append(bytes.Clone(bytesAt(args.options, args.optionsSize)), optionOverrides(more)...)
	before, size := args.options, args.optionsSize
	args.options, args.optionsSize = unsafe.SliceData(options), uintptr(len(options))
	failure := c.next(args)
	args.options, args.optionsSize = before, size
	return failure
}

// bytesAt are the bytes that C code names.
func bytesAt(data *byte, size uintptr) []byte { return unsafe.Slice(data, size) }

// compileProgram calls the plugin's own function.
func (api *pjrtAPI) compileProgram(args *compileArgs) uintptr {
	failure, _, _ := purego.SyscallN(api.clientCompile, uintptr(unsafe.Pointer(args)))
	return failure
}
