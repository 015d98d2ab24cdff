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
	// blockwise has the weights that are held block-wise, whose nodes are their codes.
	blockwise map[string]op.Blockwise
	read      model.Reading
}

// Endings of the names of a weight's factors and their scale among the params.
const factorA, factorB, factorScale = ".A", ".B", ".scale"

// newParams names the parameters of the groups of w.Groups.
func newParams(w *model.Weights, in backend.Nodes) params {
	p := params{nodes: map[string]*Node{}, blockwise: map[string]op.Blockwise{}, read: model.Reading{}}
	magnitudes := in["magnitudes"]
	for i, spec := range w.Specs {
		node := in["weights"][i]
		p.nodes[spec.Name] = node
		if w.Blockwise(i) {
			n := len(op.BlockwiseShapes(w.Projections, spec.Len())) - 1
			p.blockwise[spec.Name] = op.Blockwise{
				Format: w.Projections, Out: spec.Shape[0], In: spec.Shape[1],
				Parts: append([]*Node{node}, magnitudes[:n]...), DType: w.HeldAs(), Rounded: w.DType,
			}
			magnitudes = magnitudes[n:]
		}
	}
	if w.Adapter == nil {
		return p
	}
	for i, t := range w.Adapter.Targets {
		name := w.Specs[t.Index].Name
		p.nodes[name+factorA], p.nodes[name+factorB] = in["factors"][2*i], in["factors"][2*i+1]
		p.nodes[name+factorScale] = Reshape(Slice(in.One("scales"), AxisElem(i)))
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
	node := p.get(weight)
	var y *Node
	if held, ok := p.blockwise[weight]; ok {
		y = held.Linear(x)
	} else {
		y = op.Linear(x, node)
	}
	if p.nodes[weight+factorA] != nil {
		y = op.LowRank(y, x, p.get(weight+factorA), p.get(weight+factorB), p.get(weight+factorScale))
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
