package backend

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/internal/threads"
	"github.com/stele-lm/stele/kernels/triton"
)

// XLA for CUDA compiles kernels whose text in Triton's IR a program brings along. Where a program for a
// described GPU is run, that text is interpreted.

// kernelTarget is the custom call that XLA takes for a kernel in Triton's IR.
const kernelTarget = "__gpu$xla.gpu.triton"

// KernelsSetting is the variable of the environment that, where it is "off", leaves kernels of Stele's out of
// programs for CUDA.
const KernelsSetting = "STELE_KERNELS"

// LeastCapability is the least compute capability of a GPU that XLA compiles Triton for.
const LeastCapability = 8.0

// Kernels returns nil where programs call Stele's own kernels, or the reason why they do not. It opens the
// device, and tries a kernel on a GPU that is here.
func (d *Device) Kernels() error {
	b, err := d.backend()
	if err != nil {
		return err
	}
	switch x, ok := b.(interface{ IsCUDA() bool }); {
	case !ok || !x.IsCUDA():
		return errors.New("the device is not an NVIDIA GPU")
	case os.Getenv(KernelsSetting) == "off":
		return fmt.Errorf("%s is off", KernelsSetting)
	}
	if has, err := d.capability(); err != nil {
		return err
	} else if has > 0 && has < LeastCapability {
		return fmt.Errorf("the GPU has compute capability %.1f, expected %.1f or more", has, LeastCapability)
	}
	if d.trial == nil {
		return nil
	}
	return d.trial()
}

// capability is the compute capability of the GPU, or 0 where it is not known.
func (d *Device) capability() (float64, error) {
	text := ""
	if d.described != nil {
		text = d.described.capability
	} else if h, err := d.Hardware(); err != nil {
		return 0, err
	} else {
		text = h.Capability
	}
	has, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, nil
	}
	return has, nil
}

// WithoutKernels returns the device such that its programs call no kernels.
func (d *Device) WithoutKernels() *Device {
	without := *d
	without.trial = func() error { return errors.New("kernels are not wanted") }
	return &without
}

// tryKernel has the device compute attention over three tokens by a kernel.
func (d *Device) tryKernel() error {
	k := triton.PagedAttention{B: 1, T: 1, H: 2, K: 1, E: 64, Count: 2, Slots: 16, Pages: 1, Columns: 3,
		Elem: triton.BF16, Into: triton.F32}
	pool := shapes.Make(dtypes.BFloat16, 2*k.K*k.Count*k.Slots, k.E)
	p, err := Compile(d, "try a kernel", []Input{{Name: "feed", Shape: shapes.Make(dtypes.Int32, 1, k.Columns)}},
		func(in []*graph.Node) []*graph.Node {
			g := in[0].Graph()
			q := graph.Zeros(g, shapes.Make(pool.DType, 1, 1, k.H, k.E))
			return []*graph.Node{CallKernel(k.Attend(), shapes.Make(dtypes.Float32, 1, 1, k.H, k.E), q,
				graph.Iota(g, pool, 0), in[0])}
		})
	if err != nil {
		return err
	}
	defer p.Close()
	feed, err := Upload(d, []int32{2, 1, 1}, 1, k.Columns) // the third token, of page 1
	if err != nil {
		return err
	}
	defer Free(feed)
	out, err := p.Run([]Buffer{feed})
	if err != nil {
		return err
	}
	defer Free(out...)
	numbers, err := Float32s(out[0])
	if err != nil {
		return err
	}
	for _, x := range numbers {
		if x != 49 { // of 48, 49 and 50, all with one weight
			return fmt.Errorf("a kernel computes %g, expected 49", x)
		}
	}
	return nil
}

// kernelsKey finds among what is attached to a graph whether it may call kernels.
type kernelsKey struct{}

// CallsKernels reports whether a graph that Compile builds may call kernels.
func CallsKernels(g *graph.Graph) bool {
	calls, _ := g.State(kernelsKey{}).(bool)
	return calls
}

// kernelCall is the mark of a gather that becomes the call of a kernel.
type kernelCall struct {
	kernel   triton.Kernel
	operands []*graph.Node
}

// CallKernel is a kernel's result of some operands, whose pointers are the kernel's arguments, the result's the
// last of them. All are row-major. The graph is one that CallsKernels.
func CallKernel(k triton.Kernel, result shapes.Shape, operands ...*graph.Node) *graph.Node {
	g := operands[0].Graph()
	if !CallsKernels(g) {
		panic("kernels are called where there are none")
	}
	one := graph.Zeros(g, shapes.Make(result.DType, 1))
	index := graph.Zeros(g, shapes.Make(dtypes.Int32, append(append([]int{}, result.Dimensions...), 1)...))
	return mark(graph.Gather(one, index), kernelCall{k, operands})
}

// useKernels turns gathers that are so marked into calls, and returns how many.
func useKernels(g *graph.Graph) (calls int, err error) {
	defer internalsChanged(&err)
	for s, c := range marked[kernelCall](g, "stablehlo.gather") {
		s.Inputs = s.Inputs[:0:0]
		var ranks []int
		for _, n := range c.operands {
			s.Inputs = append(s.Inputs, valueOf(n))
			ranks = append(ranks, n.Rank())
		}
		if err := becomeCall(s, kernelTarget, nil); err != nil {
			return calls, err
		}
		calls++
		k := c.kernel
		s.Attributes["backend_config"] = written(fmt.Sprintf("{name = %s, ir = %s, grid_x = %d : i32, "+
			"grid_y = %d : i32, grid_z = %d : i32, num_stages = %d : i32, num_warps = %d : i32}",
			quoted(k.Name), quoted(k.Text), k.Grid[0], k.Grid[1], k.Grid[2], k.Stages, k.Warps))
		s.Attributes["operand_layouts"] = rowMajor(ranks...)
		s.Attributes["result_layouts"] = rowMajor(s.Outputs[0].Shape().Rank())
	}
	return calls, nil
}

// written is an attribute as a program's text has it.
type written string

// ToStableHLO is what go-xla writes into a program's text.
func (w written) ToStableHLO() string { return string(w) }

// quoted is a text in MLIR.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\5C`, `"`, `\22`, "\n", `\0A`).Replace(text) + `"`
}

// rowMajor is the layouts of tensors of some ranks.
func rowMajor(ranks ...int) written {
	var all []string
	for _, rank := range ranks {
		var axes []string
		for axis := rank - 1; axis >= 0; axis-- {
			axes = append(axes, fmt.Sprint(axis))
		}
		list := strings.Join(axes, ", ")
		if rank > 1 {
			list = "[" + list + "]"
		}
		all = append(all, fmt.Sprintf("dense<%s> : tensor<%dxindex>", list, rank))
	}
	return written("[" + strings.Join(all, ", ") + "]")
}

// interpreted are the kernels that were read, by their text.
var interpreted sync.Map

// interpretKernel computes a call of a kernel on this process's memory.
func interpretKernel(c hostCall) error {
	text := c.attributes.text("ir")
	known, ok := interpreted.Load(text)
	if !ok {
		text = strings.Clone(text) // the program keeps parts of it
		program, err := triton.Parse(text)
		if err != nil {
			return fmt.Errorf("the kernel %s: %w", c.attributes.text("name"), err)
		}
		known, _ = interpreted.LoadOrStore(text, program)
	}
	var memory []*triton.Buffer
	for _, b := range append(append([]*ffiBuffer{}, c.operands...), c.results...) {
		m := &triton.Buffer{}
		switch b.dtype {
		case ffiFloat32:
			m.F32 = elements[float32](b)
		case ffiBFloat16:
			m.BF16 = elements[uint16](b)
		case ffiInt32:
			m.I32 = elements[int32](b)
		default:
			return fmt.Errorf("the kernel %s is given a tensor of dtype %d", c.attributes.text("name"), b.dtype)
		}
		memory = append(memory, m)
	}
	grid := [3]int{c.attributes.integer("grid_x"), c.attributes.integer("grid_y"), c.attributes.integer("grid_z")}
	return known.(*triton.Program).Run(grid, memory, threads.Count)
}
