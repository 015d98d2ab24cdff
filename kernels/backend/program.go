package backend

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/internal/threads"
)

// Input declares one parameter of a Program.
type Input struct {
	Name  string
	Shape shapes.Shape
	// Donated inputs are consumed by Run: their memory becomes an output's, so
	// that a pool or an optimiser state is updated in place.
	Donated bool
}

// Program is a compiled graph over explicit buffers.
type Program struct {
	name    string
	inputs  []Input
	donate  []bool
	graph   *graph.Graph
	execute compute.Executable // nil on a described GPU (see described)
	release func()             // of an executable that others share; nil for one of its own
	// described is what was compiled for a described GPU, and what runs in its place.
	described *compilation
	devices   int  // that run it together
	several   bool // devices are there, and it runs where its inputs are

	hostProducts, hostAttentions, handOvers, kernels, cudnn int
}

var compileTime atomic.Int64

// CompileTime returns the time that this process has spent on building and compiling programs.
func CompileTime() time.Duration { return time.Duration(compileTime.Load()) }

// Compile builds and compiles a graph. build gets the parameters in the order
// of inputs and returns the outputs; operations that it marks are rewritten (see
// MarkAssignment, MarkHostProduct, HostAttention, CallKernel and CUDNNAttention). GoMLX reports a wrong graph by
// panicking; here it is an error.
func Compile(
	d *Device, name string, inputs []Input, build func(in []*graph.Node) []*graph.Node,
) (program *Program, err error) {
	return compile(d, 1, name, inputs, build)
}

// compile is Compile of a program that so many devices run together.
func compile(
	d *Device, devices int, name string, inputs []Input, build func(in []*graph.Node) []*graph.Node,
) (program *Program, err error) {
	defer func() {
		if r := recover(); r != nil {
			program, err = nil, fmt.Errorf("compiling %s for %s: %v", name, d.Name, r)
		}
	}()
	began := time.Now()
	defer func() { compileTime.Add(int64(time.Since(began))) }()
	p := &Program{name: name, inputs: inputs, donate: make([]bool, len(inputs)), devices: devices}
	backend, err := d.backend()
	if err != nil {
		return nil, err
	}
	p.several = backend.NumDevices() > 1
	p.graph = graph.NewGraph(backend, name)
	if devices > 1 {
		if err := together(p.graph, devices); err != nil {
			return nil, err
		}
	}
	params := make([]*graph.Node, len(inputs))
	for i, in := range inputs {
		params[i] = graph.Parameter(p.graph, in.Name, in.Shape)
		p.donate[i] = in.Donated
	}
	p.graph.AttachState(hostAttentionKey{}, d.HostAttention() == nil)
	p.graph.AttachState(kernelsKey{}, d.Kernels() == nil)
	p.graph.AttachState(cudnnKey{}, d)
	outputs := build(params)
	var ofCUDNN []cudnnStatement
	if d.IsXLA() {
		if err := markDonors(p.graph, p.donate); err != nil {
			return nil, fmt.Errorf("compiling %s for %s: %w", name, d.Name, err)
		}
		if err := useAssignments(p.graph); err != nil {
			return nil, fmt.Errorf("compiling %s for %s: %w", name, d.Name, err)
		}
		if p.kernels, err = useKernels(p.graph); err != nil {
			return nil, fmt.Errorf("compiling %s for %s: %w", name, d.Name, err)
		}
		if ofCUDNN, err = useCUDNN(p.graph, d.ordered); err != nil {
			return nil, fmt.Errorf("compiling %s for %s: %w", name, d.Name, err)
		}
		p.cudnn = len(ofCUDNN)
	}
	if p.handOvers, err = useHandOvers(p.graph); err == nil && p.handOvers > 0 {
		err = d.HandsOver()
	}
	if err != nil {
		return nil, fmt.Errorf("compiling %s for %s: %w", name, d.Name, err)
	}
	if d.Name == "xla:cpu" && d.products == nil {
		if p.hostProducts, err = d.useHostProducts(p.graph); err != nil {
			return nil, fmt.Errorf("compiling %s for %s: %w", name, d.Name, err)
		}
		if p.hostAttentions, err = useHostAttention(p.graph); err != nil {
			return nil, fmt.Errorf("compiling %s for %s: %w", name, d.Name, err)
		}
	}
	if d.described != nil {
		p.described, err = d.described.compileGraph(name, devices, p.graph, outputs, ofCUDNN)
		compileCount.Add(1)
	} else if d.programs != nil {
		p.execute, p.release, err = d.programs.compile(p.graph, outputs)
	} else if err = p.graph.Compile(outputs...); err == nil {
		p.execute = p.graph.Executable()
		compileCount.Add(1)
	}
	if err != nil {
		return nil, fmt.Errorf("compiling %s for %s: %w", name, d.Name, err)
	}
	p.donate = slices.Repeat(p.donate, devices)
	return p, nil
}

// Run executes the program on the device that its inputs are on. They must be in the declared order; donated
// ones are invalid afterwards, also when Run fails. Several devices may run it at a time.
func (p *Program) Run(inputs []Buffer) (outputs []Buffer, err error) {
	if len(inputs) != p.devices*len(p.inputs) {
		return nil, fmt.Errorf("%s: %d inputs, expected %d", p.name, len(inputs), p.devices*len(p.inputs))
	}
	defer func() {
		if r := recover(); r != nil {
			outputs, err = nil, fmt.Errorf("running %s: %v", p.name, r)
		}
	}()
	execute := p.execute
	if p.described != nil {
		if execute, err = p.described.run(); err != nil {
			return nil, fmt.Errorf("compiling %s for xla:cpu: %w", p.name, err)
		}
	}
	if p.hostProducts+p.hostAttentions+p.handOvers > 0 || p.kernels+p.cudnn > 0 && p.described != nil {
		defer threads.AllowCalls()()
	}
	var on compute.DeviceNum
	if p.several && len(inputs) > 0 {
		if on, err = inputs[0].DeviceNum(); err != nil {
			return nil, fmt.Errorf("running %s: %w", p.name, err)
		}
	}
	outputs, err = execute.Execute(inputs, p.donate, on)
	if err != nil {
		return nil, fmt.Errorf("running %s: %w", p.name, err)
	}
	return outputs, nil
}

// HostProducts counts the program's matrix products that host kernels compute.
func (p *Program) HostProducts() int { return p.hostProducts }

// HostAttentions counts the program's calls of host attention and of its gradient.
func (p *Program) HostAttentions() int { return p.hostAttentions }

// Kernels counts the program's calls of Stele's own kernels.
func (p *Program) Kernels() int { return p.kernels }

// CUDNNCalls counts the program's calls of cuDNN's attention and of its gradient.
func (p *Program) CUDNNCalls() int { return p.cudnn }

// Close releases the executable.
func (p *Program) Close() {
	p.graph.Finalize()
	if p.release != nil {
		p.release()
	}
}
