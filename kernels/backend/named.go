package backend

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// Group is some inputs of a program under one name: a tensor, or one for each parameter.
type Group struct {
	Name   string
	Inputs []Input
}

// Each makes a group of each input, under the input's name.
func Each(inputs ...Input) []Group {
	groups := make([]Group, len(inputs))
	for i, in := range inputs {
		groups[i] = Group{in.Name, inputs[i : i+1]}
	}
	return groups
}

// Nodes are inputs or outputs of a graph that is being built, by the name of their group.
type Nodes map[string][]*graph.Node

// One returns the node of a group that has just one. Like all graph code it panics where
// that is wrong, which Compile turns into an error.
func (n Nodes) One(name string) *graph.Node {
	if len(n[name]) != 1 {
		panic(fmt.Errorf("%q is %d tensors, expected 1", name, len(n[name])))
	}
	return n[name][0]
}

// Buffers are inputs or outputs of a run, by the name of their group.
type Buffers map[string][]Buffer

// Free frees them all.
func (b Buffers) Free() {
	for _, buffers := range b {
		Free(buffers...)
	}
}

// With returns them and another group.
func (b Buffers) With(name string, group []Buffer) Buffers {
	all := maps.Clone(b)
	all[name] = group
	return all
}

// WithAll returns them and other groups.
func (b Buffers) WithAll(groups Buffers) Buffers {
	all := maps.Clone(b)
	maps.Copy(all, groups)
	return all
}

// NamedProgram is a Program whose inputs and outputs are groups with names.
type NamedProgram struct {
	*Program
	inputs  []Group
	outputs []string
	counts  []int // tensors of each output
}

// CompileNamed compiles a graph between inputs and outputs with names. build gets all
// inputs and returns the tensors of exactly the outputs that are named.
func CompileNamed(
	d *Device, name string, inputs []Group, outputs []string, build func(in Nodes) Nodes,
) (*NamedProgram, error) {
	p := &NamedProgram{inputs: inputs, outputs: outputs}
	var flat []Input
	for i, group := range inputs {
		if slices.ContainsFunc(inputs[:i], func(g Group) bool { return g.Name == group.Name }) {
			return nil, fmt.Errorf("compiling %s: two inputs are named %q", name, group.Name)
		}
		flat = append(flat, group.Inputs...)
	}
	var err error
	p.Program, err = Compile(d, name, flat, func(in []*graph.Node) []*graph.Node {
		nodes := Nodes{}
		for _, group := range inputs {
			n := len(group.Inputs)
			nodes[group.Name], in = in[:n:n], in[n:]
		}
		built := build(nodes)
		var all []*graph.Node
		for _, output := range outputs {
			if len(built[output]) == 0 {
				panic(fmt.Errorf("output %q is missing", output))
			}
			all = append(all, built[output]...)
			p.counts = append(p.counts, len(built[output]))
		}
		if len(built) != len(outputs) {
			panic(fmt.Errorf("%d outputs, expected %d: %q", len(built), len(outputs), outputs))
		}
		return all
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Run executes the program as Program.Run does. in has exactly the inputs' groups.
func (p *NamedProgram) Run(in Buffers) (Buffers, error) {
	var flat []Buffer
	for _, group := range p.inputs {
		if n := len(in[group.Name]); n != len(group.Inputs) {
			return nil, fmt.Errorf("%s: input %q is %d tensors, expected %d",
				p.name, group.Name, n, len(group.Inputs))
		}
		flat = append(flat, in[group.Name]...)
	}
	for name := range in {
		if !slices.ContainsFunc(p.inputs, func(g Group) bool { return g.Name == name }) {
			return nil, fmt.Errorf("%s: there is no input %q", p.name, name)
		}
	}
	all, err := p.Program.Run(flat)
	if err != nil {
		return nil, err
	}
	outputs := Buffers{}
	for i, output := range p.outputs {
		n := p.counts[i]
		outputs[output], all = all[:n:n], all[n:]
	}
	return outputs, nil
}

// Scalars are the names of float32 numbers that a program is given together, as one
// vector.
type Scalars []string

// Input declares the vector.
func (s Scalars) Input(name string) Input {
	return Input{Name: name, Shape: shapes.Make(dtypes.Float32, len(s))}
}

// Pack makes the vector of values, which are of exactly these names.
func (s Scalars) Pack(values map[string]float32) ([]float32, error) {
	vector := make([]float32, len(s))
	for i, name := range s {
		value, ok := values[name]
		if !ok {
			return nil, fmt.Errorf("the number %q is missing", name)
		}
		vector[i] = value
	}
	if len(values) != len(s) {
		return nil, fmt.Errorf("%d numbers, expected %d: %q", len(values), len(s), s)
	}
	return vector, nil
}

// Of returns one number of the vector as a scalar; it panics where there is none of the
// name.
func (s Scalars) Of(vector *graph.Node, name string) *graph.Node {
	i := slices.Index(s, name)
	if i < 0 {
		panic(fmt.Errorf("there is no number %q, only %q", name, s))
	}
	return graph.Reshape(graph.Slice(vector, graph.AxisElem(i)))
}
