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
	// joined are those in whose nodes others lie, below them (see model.Weights.Join).
	joined map[string]bool
	read   model.Reading

	epsilon float64 // of norms
	keeps   bool    // a gradient does not compute the results of projections again, but what is made of them
	// row is that the graph, for CUDA and without a gradient, is of one row: see op.Row.
	row    bool
	attend rowAttention // of a row; without mix where it has no kernel
}

// Endings of the names of a weight's factors and their scale among the params.
const factorA, factorB, factorScale = ".A", ".B", ".scale"

// newParams names the parameters of the groups of w.Groups.
func newParams(w *model.Weights, in backend.Nodes) params {
	p := params{nodes: map[string]*Node{}, blockwise: map[string]op.Blockwise{}, joined: map[string]bool{},
		read: model.Reading{}, epsilon: w.Config.RMSNormEps}
	weights, magnitudes := in["weights"], in["magnitudes"]
	for i, spec := range w.Specs {
		if first := w.HeldIn(i); first != i {
			name := w.Specs[first].Name
			p.nodes[spec.Name], p.joined[name] = p.nodes[name], true
			continue
		}
		node := weights[0]
		p.nodes[spec.Name], weights = node, weights[1:]
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

// keep marks what a gradient has kept, where it computes again what is not marked.
func (p params) keep(x *Node) *Node {
	if p.keeps {
		return x.Checkpoint()
	}
	return x
}

// project multiplies x [..., In], normalised if there is a norm, by projections to [..., Out] each, float32.
// Those that are joined are one product.
func (p params) project(x *Node, norm *architecture.Norm, to ...architecture.Projection) []*Node {
	factors := func(t architecture.Projection) bool { return p.nodes[t.Weight()+factorA] != nil }
	if slices.ContainsFunc(to, factors) || !p.row {
		x, norm = p.normalise(x, norm), nil
	}
	all := make([]*Node, len(to))
	if joined := to[0].Weight(); p.joined[joined] {
		y, at := p.product(x, norm, joined), 0
		for i, t := range to {
			all[i] = p.keep(p.adjust(x, part(y, at, t.Out), t, at))
			at += t.Out
		}
		return all
	}
	for i, t := range to {
		all[i] = p.keep(p.adjust(x, p.product(x, norm, t.Weight()), t, 0))
	}
	return all
}

// normedRow returns a row that a norm comes before with projections that are joined, if a kernel multiplies them.
func (p params) normedRow(x *Node, norm *architecture.Norm, to ...architecture.Projection) (op.NormedRow, bool) {
	weight, biases := to[0].Weight(), 0
	if !p.row || norm == nil || !p.joined[weight] {
		return op.NormedRow{}, false
	}
	for _, t := range to {
		if p.nodes[t.Weight()+factorA] != nil {
			return op.NormedRow{}, false
		}
		if t.Bias {
			biases++
		}
	}
	r := op.NormedRow{X: x, Scale: p.nodes[norm.Weight()], Weight: p.nodes[weight], Epsilon: p.epsilon}
	switch biases {
	case len(to):
		r.Bias = p.nodes[to[0].BiasName()]
	case 0:
	default:
		return r, false
	}
	if !r.HasKernel() {
		return r, false
	}
	p.get(norm.Weight())
	for _, t := range to {
		p.get(t.Weight())
		if t.Bias {
			p.get(t.BiasName())
		}
	}
	return r, true
}

// add returns x plus what a projection of y, normalised if there is a norm and times a factor, adds to it.
func (p params) add(x, y *Node, to architecture.Projection, norm *architecture.Norm, factor float64) *Node {
	weight := to.Weight()
	_, held := p.blockwise[weight]
	if p.row && !held && !to.Bias && norm == nil && factor == 1 && p.nodes[weight+factorA] == nil {
		return op.RowOnto(x, y, p.get(weight))
	}
	if norm == nil {
		p.keeps = false // nothing needs the product but the sum, which is kept
	}
	return Add(x, times(p.normalise(p.project(y, nil, to)[0], norm), factor))
}

// product multiplies x, normalised if there is a norm, by a weight.
func (p params) product(x *Node, norm *architecture.Norm, weight string) *Node {
	held, ok := p.blockwise[weight]
	switch {
	case ok:
		return held.Linear(p.normalise(x, norm))
	case !p.row:
		return op.Linear(p.normalise(x, norm), p.get(weight))
	case norm == nil:
		return op.Row(x, p.get(weight))
	}
	y, square := op.RowAndSquare(x, p.get(norm.Weight()), p.get(weight))
	variance := DivScalar(square, float64(x.Shape().Dim(-1)))
	return Mul(y, Inverse(Sqrt(AddScalar(variance, p.epsilon))))
}

// adjust adds to y, the product of x and a projection's weight, what its factors and its bias make of it. at is
// where the bias begins among joined ones.
func (p params) adjust(x, y *Node, to architecture.Projection, at int) *Node {
	weight := to.Weight()
	p.get(weight)
	if p.nodes[weight+factorA] != nil {
		y = op.LowRank(y, x, p.get(weight+factorA), p.get(weight+factorB), p.get(weight+factorScale))
	}
	if to.Bias {
		bias := p.get(to.BiasName())
		if bias.Shape().Dim(0) > to.Out {
			bias = part(bias, at, to.Out)
		}
		y = Add(y, op.Convert(ExpandLeftToRank(bias, y.Rank()), dtypes.Float32))
	}
	return y
}

// part returns n elements of x from an index of its last axis on.
func part(x *Node, at, n int) *Node {
	axes := make([]SliceAxisSpec, x.Rank())
	for i := range axes {
		axes[i] = AxisRange()
	}
	axes[len(axes)-1] = AxisRange(at, at+n)
	return Slice(x, axes...)
}

// normalise returns a norm of x over its last axis, or x where there is no norm.
func (p params) normalise(x *Node, norm *architecture.Norm) *Node {
	if norm == nil {
		return x
	}
	weight := p.get(norm.Weight())
	variance := ReduceAndKeep(Mul(x, x), ReduceMean, -1)
	// Rsqrt has no gradient in GoMLX.
	x = Mul(x, Inverse(Sqrt(AddScalar(variance, p.epsilon))))
	return Mul(x, op.Convert(ExpandLeftToRank(weight, x.Rank()), dtypes.Float32))
}

// finish is called when the graph is built: a parameter that it has not read would be
// left out of the model. backend.Compile makes an error of the panic.
func (p params) finish() {
	if err := p.read.All("the graph", slices.Sorted(maps.Keys(p.nodes))); err != nil {
		panic(err)
	}
}
