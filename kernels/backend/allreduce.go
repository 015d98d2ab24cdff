package backend

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
)

// AllReduce sums tensors over the devices of a mesh, in place: each device has the same bits afterwards.
type AllReduce struct {
	*Program
	mesh Mesh
}

// CompileAllReduce compiles the sum of tensors that are declared by inputs: an all-reduce of each, of which XLA for
// CUDA takes small ones together (see cudaFlags). They become its outputs, whether they are marked as donated or not.
func CompileAllReduce(m Mesh, name string, inputs []Input) (*AllReduce, error) {
	donated := make([]Input, len(inputs))
	for i, in := range inputs {
		in.Donated = true
		donated[i] = in
	}
	p, err := compile(m[0], len(m), name, donated, func(in []*graph.Node) []*graph.Node {
		sums := make([]*graph.Node, len(in))
		for i, x := range in {
			sums[i] = x.Graph().Distributed().AllReduceOne(x, compute.ReduceOpSum)
		}
		return sums
	})
	if err != nil {
		return nil, err
	}
	return &AllReduce{p, m}, nil
}

// Run replaces the tensors of each device, buffers[device][input], by their sums over all. Where it fails they
// are lost.
func (a *AllReduce) Run(buffers [][]Buffer) error {
	if len(buffers) != len(a.mesh) {
		return fmt.Errorf("%s: tensors of %d devices, expected %d", a.name, len(buffers), len(a.mesh))
	}
	var flat []Buffer
	for device, own := range buffers {
		if len(own) != len(a.inputs) {
			return fmt.Errorf("%s: %d tensors of device %d, expected %d", a.name, len(own), device, len(a.inputs))
		}
		flat = append(flat, own...)
	}
	sums, err := a.Program.Run(flat)
	if err != nil {
		return err
	}
	for _, own := range buffers {
		sums = sums[copy(own, sums):]
	}
	return nil
}
