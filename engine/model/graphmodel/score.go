package graphmodel

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/op"
)

// TokenLogProbs computes a dense pass as graph code: in has the inputs of shape.Inputs and of
// w.Groups. It returns log-probabilities and entropies [N], float32. See
// op.TokenLogProbs for the definition, which is the only one in Stele.
func TokenLogProbs(
	w *model.Weights, shape dense.Shape, in backend.Nodes, again Recompute,
) (logprob, entropy *Node) {
	token, position, row, target := in.One("token"), in.One("position"), in.One("row"), in.One("target")
	m, p, M := w.Config.Model(), newParams(w, in), shape.Tokens()
	x_1MD := hidden(m, p, Reshape(token, 1, M), Reshape(position, 1, M), func(_ int, q, k, v *Node) *Node {
		flat := func(x *Node) *Node { return Reshape(x, M, x.Shape().Dim(2), m.HeadDim) }
		keeps := again != RecomputeNothing
		return op.Attention(shape.Sequences(), flat(q), flat(k), flat(v), position, w.HeldAs(), keeps)
	}, again)
	x_1MD = times(p.normalise(x_1MD, &m.Norm), m.LogitFactor)
	x_ND := op.Rows(Reshape(x_1MD, M, m.HiddenSize), row)
	head := p.get(m.Head.Name)
	p.finish()
	return op.TokenLogProbs(x_ND, head, target, in.One("temperature"))
}

// CompileScore builds the program that returns logprob and entropy [N]. Its inputs are
// the shape's and the weights'.
func CompileScore(w *model.Weights, shape dense.Shape) (*backend.NamedProgram, error) {
	inputs := append(shape.Inputs(), w.Groups()...)
	outputs := []string{"logprob", "entropy"}
	return backend.CompileNamed(w.Device, "score", inputs, outputs, func(in backend.Nodes) backend.Nodes {
		logprob, entropy := TokenLogProbs(w, shape, in, RecomputeNothing)
		return backend.Nodes{"logprob": {logprob}, "entropy": {entropy}}
	})
}
