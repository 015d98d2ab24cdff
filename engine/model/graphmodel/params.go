package graphmodel

import (
	"maps"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/op"
)

// params are a graph's parameters by their names in the checkpoint, and which of them the
// graph code has read.
type params struct {
	nodes map[string]*Node
	read  model.Reading
}

// Endings of the names of a weight's factors (see model.Weights.Adapted) among the params.
const factorA, factorB = ".A", ".B"

// newParams names the parameters of two groups of inputs: "weights", in the order of w.Buffers,
// and "factors" if it is there, A and B of each of w.Adapted in turn.
func newParams(w *model.Weights, in backend.Nodes) params {
	p := params{nodes: map[string]*Node{}, read: model.Reading{}}
	for i, spec := range w.Specs {
		p.nodes[spec.Name] = in["weights"][i]
	}
	adapted := w.Adapted
	for pair := range slices.Chunk(in["factors"], 2) {
		name := w.Specs[adapted[0]].Name
		p.nodes[name+factorA], p.nodes[name+factorB] = pair[0], MulScalar(pair[1], w.AdapterScale)
		adapted = adapted[1:]
	}
	return p
}

// get returns a parameter that the description names. Its absence is a mistake of the program;
// backend.Compile makes an error of the panic.
func (p params) get(name string) *Node {
	node := p.nodes[name]
	if node == nil {
		panic("no parameter " + name)
	}
	p.read[name] = true
	return node
}

// project multiplies x [..., In] by a projection to [..., Out], float32.
func (p params) project(x *Node, to architecture.Projection) *Node {
	weight := to.Weight()
	var y *Node
	if p.nodes[weight+factorA] != nil {
		y = op.LowRank(x, p.get(weight), p.get(weight+factorA), p.get(weight+factorB))
	} else {
		y = op.Linear(x, p.get(weight))
	}
	if to.Bias {
		y = Add(y, op.Convert(ExpandLeftToRank(p.get(to.BiasName()), y.Rank()), dtypes.Float32))
	}
	return y
}

// normalise returns a norm of x over its last axis, or x where there is no norm.
func (p params) normalise(x *Node, norm *architecture.Norm, epsilon float64) *Node {
	if norm == nil {
		return x
	}
	weight := p.get(norm.Weight())
	variance := ReduceAndKeep(Mul(x, x), ReduceMean, -1)
	// Rsqrt has no gradient in GoMLX.
	x = Mul(x, Inverse(Sqrt(AddScalar(variance, epsilon))))
	return Mul(x, op.Convert(ExpandLeftToRank(weight, x.Rank()), dtypes.Float32))
}

// finish is called when the graph is built: a parameter that it has not read would be
// left out of the model. backend.Compile makes an error of the panic.
func (p params) finish() {
	if err := p.read.All("the graph", slices.Sorted(maps.Keys(p.nodes))); err != nil {
		panic(err)
	}
}
