package model

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/op"
)

// DenseShape is what a scoring or training program is compiled for: rows that are
// packed with whole sequences, or rows that go on where a prompt, computed once for
// all of a group, ends.
type DenseShape struct {
	B int // rows of tokens, padded on the right
	T int // tokens a row
	N int // tokens whose log-probability is wanted, over all sequences
	// Group is how many rows in turn continue one prompt; 0 is packed rows.
	Group  int
	Prompt int // tokens a prompt, padded on the right
}

// Prompts is how many prompts are computed apart from the rows.
func (s DenseShape) Prompts() int {
	if s.Group == 0 {
		return 0
	}
	return s.B / s.Group
}

// Tokens is how many tokens a pass computes, padding included.
func (s DenseShape) Tokens() int { return s.Prompts()*s.Prompt + s.B*s.T }

// DenseInputs is how many inputs a dense program has before the weights: token and
// position [Tokens], the prompts' before the rows', row and target [N], all int32,
// and temperature, a float32 scalar. A position is a token's place in its sequence.
// Entry i asks for the log-probability of target[i] after the token at row[i].
const DenseInputs = 5

// Inputs declares those inputs.
func (s DenseShape) Inputs() []backend.Input {
	i32 := dtypes.Int32
	return []backend.Input{
		{Name: "token", Shape: shapes.Make(i32, s.Tokens())},
		{Name: "position", Shape: shapes.Make(i32, s.Tokens())},
		{Name: "row", Shape: shapes.Make(i32, s.N)},
		{Name: "target", Shape: shapes.Make(i32, s.N)},
		{Name: "temperature", Shape: shapes.Make(dtypes.Float32)},
	}
}

// TokenLogProbs is the dense forward pass as graph code: in holds DenseInputs,
// weights the parameters in the order of w.Buffers. It returns log-probabilities
// and entropies [N], float32. See op.TokenLogProbs for the definition, which
// is the only one in Stele.
func (w *Weights) TokenLogProbs(shape DenseShape, in, weights []*Node, remat bool) (logprob, entropy *Node) {
	token, position, row, target, temperature := in[0], in[1], in[2], in[3], in[4]
	c, p, M := w.Config, w.params(weights), shape.Tokens()
	attend := shape.attendPacked
	if shape.Group > 0 {
		attend = shape.attendGroups
	}
	x_1MD := hidden(c, p, Reshape(token, 1, M), Reshape(position, 1, M), func(_ int, q, k, v *Node) *Node {
		return attend(q, k, v, position, w.HeldAs())
	}, remat)
	x_ND := Gather(Reshape(x_1MD, M, c.HiddenSize), Reshape(row, shape.N, 1))
	head := p.head()
	p.finish()
	return op.TokenLogProbs(x_ND, head, target, temperature)
}

// attendPacked is the attention of packed rows: q [1, M, H, E], k and v
// [1, M, K, E], position [M] to [1, M, H, E].
func (s DenseShape) attendPacked(q, k, v, position *Node, dtype dtypes.DType) *Node {
	rows := func(x *Node) *Node { return Reshape(x, s.B, s.T, x.Shape().Dim(2), x.Shape().Dim(3)) }
	index := Iota(position.Graph(), shapes.Make(dtypes.Int32, s.B, s.T), 1)
	start := Sub(index, Reshape(position, s.B, s.T))
	o := op.CausalAttention(rows(q), rows(k), rows(v), start, dtype)
	return Reshape(o, q.Shape().Dimensions...)
}

// attendGroups is the attention of prompts and the rows that continue them, in
// the shapes of attendPacked.
func (s DenseShape) attendGroups(q, k, v, position *Node, dtype dtypes.DType) *Node {
	P := s.Prompts()
	first := P * s.Prompt // token of the rows
	prompts := func(x *Node) *Node {
		return Reshape(Slice(x, AxisRange(), AxisRange(0, first)), P, s.Prompt, x.Shape().Dim(2), x.Shape().Dim(3))
	}
	rows := func(x *Node) *Node {
		return Reshape(Slice(x, AxisRange(), AxisRange(first)), s.B, s.T, x.Shape().Dim(2), x.Shape().Dim(3))
	}
	length := Reshape(Slice(Reshape(Slice(position, AxisRange(first)), P, s.Group*s.T), AxisRange(), AxisElem(0)), P)
	promptK, promptV := prompts(k), prompts(v)
	H, E := q.Shape().Dim(2), q.Shape().Dim(3)
	return Concatenate([]*Node{
		Reshape(op.CausalAttention(prompts(q), promptK, promptV, nil, dtype), 1, first, H, E),
		Reshape(op.ContinuedAttention(rows(q), rows(k), rows(v), promptK, promptV, length, dtype), 1, s.B*s.T, H, E),
	}, 1)
}

// CompileScore builds the program that returns log-probabilities and entropies
// [N]. Inputs: DenseInputs, then the weights.
func CompileScore(w *Weights, shape DenseShape) (*backend.Program, error) {
	inputs := append(shape.Inputs(), w.Inputs(false)...)
	return backend.Compile(w.Device, "score", inputs, func(in []*Node) []*Node {
		logprob, entropy := w.TokenLogProbs(shape, in[:DenseInputs], in[DenseInputs:], false)
		return []*Node{logprob, entropy}
	})
}

func poolName(i int) string {
	if i%2 == 0 {
		return fmt.Sprintf("keys of layer %d", i/2)
	}
	return fmt.Sprintf("values of layer %d", i/2)
}
