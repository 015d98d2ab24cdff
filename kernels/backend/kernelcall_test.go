package backend

import (
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/triton"
)

// TestTryKernel: the kernel that is tried on a GPU compiles for a described one, and computes what it should
// where that one's programs run.
func TestTryKernel(t *testing.T) {
	d, err := Open("xla:cuda@sm_90")
	if err != nil {
		t.Skipf("NO KERNEL IS COMPILED FOR CUDA: %v", err)
	}
	defer d.Close()
	if err := d.tryKernel(); err != nil {
		t.Error(err)
	}
	t.Setenv(KernelsSetting, "off")
	if err := d.Kernels(); err == nil || !strings.Contains(err.Error(), KernelsSetting) {
		t.Errorf("%s=off: %v", KernelsSetting, err)
	}
	if err := d.tryKernel(); err == nil {
		t.Error("a kernel is called where there are none")
	}
}

// TestKernelErrors: a mistake within a kernel is an error of the program's run, and on a device that is not an
// NVIDIA GPU there are no kernels.
func TestKernelErrors(t *testing.T) {
	cpu, err := Open("xla:cpu")
	if err != nil {
		t.Fatal(err)
	}
	defer cpu.Close()
	if err := cpu.Kernels(); err == nil {
		t.Error("xla:cpu has kernels")
	}
	d, err := Open("xla:cuda@sm_90")
	if err != nil {
		t.Skipf("NO KERNEL IS COMPILED FOR CUDA: %v", err)
	}
	defer d.Close()
	f := triton.NewFunction("outside")
	x, out := f.Argument("x", triton.F32), f.Argument("out", triton.F32)
	all := f.Full(triton.I1, 1)
	out.At(f.Range(4)).StoreWhere(x.At(f.Range(4).Plus(1)).Load(), all)
	k := triton.Kernel{Name: "outside", Text: f.Text(), Grid: [3]int{1, 1, 1}, Warps: 1, Stages: 1}
	shape := shapes.Make(dtypes.Float32, 4)
	p, err := Compile(d, "outside", []Input{{Name: "x", Shape: shape}}, func(in []*graph.Node) []*graph.Node {
		return []*graph.Node{CallKernel(k, shape, in[0])}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.Kernels() != 1 {
		t.Errorf("%d kernels are called", p.Kernels())
	}
	in, err := Upload(d, []float32{1, 2, 3, 4}, 4)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Run([]Buffer{in}); err == nil || !strings.Contains(err.Error(), "element 4 of argument 0") {
		t.Errorf("element 4 of 4 is read: %v", err)
	}
}
