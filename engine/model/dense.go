package model

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"stele/kernels"
)

// DenseShape is what a scoring or training program is compiled for.
type DenseShape struct {
	B int // sequences, padded on the right
	T int // tokens a sequence
	N int // tokens whose log-probability is wanted, over all sequences
	// Packed rows hold several sequences, one after another.
	Packed bool
}

// Inputs declares what a dense program has before the weights: token [B, T],
// row [N], target [N], for packed rows start [B, T], all int32, and temperature, a
// float32 scalar. Entry i asks for the log-probability of target[i] after the token
// at row[i] of the flattened [B·T]; start is where in its row a token's sequence
// begins.
func (s DenseShape) Inputs() []kernels.Input {
	i32 := dtypes.Int32
	inputs := []kernels.Input{
		{Name: "token", Shape: shapes.Make(i32, s.B, s.T)},
		{Name: "row", Shape: shapes.Make(i32, s.N)},
		{Name: "target", Shape: shapes.Make(i32, s.N)},
	}
	if s.Packed {
		inputs = append(inputs, kernels.Input{Name: "start", Shape: shapes.Make(i32, s.B, s.T)})
	}
	return append(inputs, kernels.Input{Name: "temperature", Shape: shapes.Make(dtypes.Float32)})
}

// TokenLogProbs is the dense forward pass as graph code: in holds the inputs that
// shape declares, weights the parameters in the order of w.Buffers. It returns
// log-probabilities and entropies [N], float32. See kernels.TokenLogProbs for the
// definition, which is the only one in Stele.
func (w *Weights) TokenLogProbs(shape DenseShape, in, weights []*Node, remat bool) (logprob, entropy *Node) {
	token, row, target, temperature := in[0], in[1], in[2], in[len(in)-1]
	c, p := w.Config, w.params(weights)
	B, T, N := shape.B, shape.T, shape.N
	position := Iota(token.Graph(), shapes.Make(dtypes.Int32, B, T), 1)
	var start *Node
	if shape.Packed {
		start = in[3]
		position = Sub(position, start)
	}
	x_BTD := hidden(c, p, token, position, func(_ int, q, k, v *Node) *Node {
		return kernels.CausalAttention(q, k, v, start, w.HeldAs())
	}, remat)
	x_ND := Gather(Reshape(x_BTD, B*T, c.HiddenSize), Reshape(row, N, 1))
	return kernels.TokenLogProbs(x_ND, p.head(), target, temperature)
}

// CompileScore builds the program that returns log-probabilities and entropies
// [N]. Inputs: those of shape, then the weights.
func CompileScore(w *Weights, shape DenseShape) (*kernels.Program, error) {
	inputs := shape.Inputs()
	own := len(inputs)
	return kernels.Compile(w.Device, "score", append(inputs, w.Inputs(false)...), func(in []*Node) []*Node {
		logprob, entropy := w.TokenLogProbs(shape, in[:own], in[own:], false)
		return []*Node{logprob, entropy}
	})
}

func poolName(i int) string {
	if i%2 == 0 {
		return fmt.Sprintf("keys of layer %d", i/2)
	}
	return fmt.Sprintf("values of layer %d", i/2)
}
