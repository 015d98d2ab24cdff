package graphmodel

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/op"
)

// TokenLogProbs computes a dense pass as graph code: in has the inputs of shape.Inputs and of
// w.Groups. It returns log-probabilities and entropies [N], float32. See
// op.TokenLogProbs for the definition, which is the only one in Stele. With remat each layer's
// inside is computed again in the backward pass instead of being kept.
func TokenLogProbs(
	w *model.Weights, shape dense.Shape, in backend.Nodes, remat bool,
) (logprob, entropy *Node) {
	token, position, row, target := in.One("token"), in.One("position"), in.One("row"), in.One("target")
	m, p, M := w.Config.Model(), newParams(w, in), shape.Tokens()
	attend := attendPacked
	if shape.Group > 0 {
		attend = attendGroups
	}
	x_1MD := hidden(m, p, Reshape(token, 1, M), Reshape(position, 1, M), func(_ int, q, k, v *Node) *Node {
		return attend(shape, q, k, v, position, w.HeldAs())
	}, remat)
	x_ND := Gather(Reshape(x_1MD, M, m.HiddenSize), Reshape(row, shape.N, 1))
	head := p.get(m.Head.Name)
	p.finish()
	return op.TokenLogProbs(x_ND, head, target, in.One("temperature"))
}

// attendPacked computes the attention of packed rows: q [1, M, H, E], k and v
// [1, M, K, E], position [M] to [1, M, H, E].
func attendPacked(s dense.Shape, q, k, v, position *Node, dtype dtypes.DType) *Node {
	rows := func(x *Node) *Node { return Reshape(x, s.B, s.T, x.Shape().Dim(2), x.Shape().Dim(3)) }
	index := Iota(position.Graph(), shapes.Make(dtypes.Int32, s.B, s.T), 1)
	start := Sub(index, Reshape(position, s.B, s.T))
	o := op.CausalAttention(rows(q), rows(k), rows(v), start, dtype)
	return Reshape(o, q.Shape().Dimensions...)
}

// attendGroups computes the attention of prompts and the rows that continue them, in
// the shapes of attendPacked.
func attendGroups(s dense.Shape, q, k, v, position *Node, dtype dtypes.DType) *Node {
	P := s.Prompts()
	first := P * s.Prompt // token of the rows
	prompts := func(x *Node) *Node {
		x = Slice(x, AxisRange(), AxisRange(0, first))
		return Reshape(x, P, s.Prompt, x.Shape().Dim(2), x.Shape().Dim(3))
	}
	rows := func(x *Node) *Node {
		x = Slice(x, AxisRange(), AxisRange(first))
		return Reshape(x, s.B, s.T, x.Shape().Dim(2), x.Shape().Dim(3))
	}
	position = Reshape(Slice(position, AxisRange(first)), P, s.Group*s.T)
	length := Reshape(Slice(position, AxisRange(), AxisElem(0)), P) // of each prompt
	promptK, promptV := prompts(k), prompts(v)
	H, E := q.Shape().Dim(2), q.Shape().Dim(3)
	before := Reshape(op.CausalAttention(prompts(q), promptK, promptV, nil, dtype), 1, first, H, E)
	after := op.ContinuedAttention(rows(q), rows(k), rows(v), promptK, promptV, length, dtype)
	return Concatenate([]*Node{before, Reshape(after, 1, s.B*s.T, H, E)}, 1)
}

// CompileScore builds the program that returns logprob and entropy [N]. Its inputs are
// the shape's and the weights'.
func CompileScore(w *model.Weights, shape dense.Shape) (*backend.NamedProgram, error) {
	inputs := append(shape.Inputs(), w.Groups()...)
	outputs := []string{"logprob", "entropy"}
	return backend.CompileNamed(w.Device, "score", inputs, outputs, func(in backend.Nodes) backend.Nodes {
		logprob, entropy := TokenLogProbs(w, shape, in, false)
		return backend.Nodes{"logprob": {logprob}, "entropy": {entropy}}
	})
}
